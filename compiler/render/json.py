"""Findings as a JSON list."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ..diagnostics import Diagnostic, Location
from .report import Report
from .safe import well_formed


def render(report: Report) -> str:
    """Return every finding, each listed once."""
    return render_json(report.findings)


def render_json(diagnostics: Iterable[Diagnostic]) -> str:
    """Return the findings as a JSON list; lines and columns from 1, ends exclusive."""
    data = [_as_data(found) for found in diagnostics]
    return well_formed(json.dumps(data, indent=2, ensure_ascii=False))


def _as_data(found: Diagnostic) -> dict[str, Any]:
    return {
        "code": found.code,
        "severity": found.severity,
        "message": found.message,
        "location": _location_data(found.location),
        "help": found.help,
        "related": [
            {"location": _location_data(where), "message": note} for where, note in found.related
        ],
    }


def _location_data(where: Location | None) -> dict[str, Any] | None:
    if where is None:
        return None
    span = where.span
    return {
        "file": where.file,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }

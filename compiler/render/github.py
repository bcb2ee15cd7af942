"""Workflow commands of GitHub Actions: each finding becomes a note beside its line.

Source: https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions,
and, for the escapes, `command.ts` of https://github.com/actions/toolkit.
"""

from __future__ import annotations

from ..codes import CODES
from ..diagnostics import Diagnostic
from .places import is_file
from .report import Report
from .safe import visible

_LEVELS = {"error": "error", "warning": "warning"}


def render(report: Report) -> str:
    """Return one line for each finding."""
    return "\n".join(_command(found) for found in report.findings)


def _command(found: Diagnostic) -> str:
    title = CODES[found.code].title if found.code in CODES else ""
    values = {**_place(found), "title": f"{found.code} {title}".strip()}
    said = ",".join(f"{key}={_property(value)}" for key, value in values.items())
    words = _elsewhere(found) + visible(found.message)
    words += f"\n{visible(found.help)}" if found.help else ""
    return f"::{_LEVELS.get(found.severity, 'notice')} {said}::{_escape(words)}"


def _place(found: Diagnostic) -> dict[str, str]:
    """Say the place; columns only within one line, which is all that GitHub can mark."""
    where = found.location
    if where is None or not is_file(where):
        return {}
    span = where.span
    place = {"file": where.file, "line": str(span.line), "col": str(span.column)}
    if span.end_line == span.line:
        return {**place, "endColumn": str(span.end_column)}
    return {"file": where.file, "line": str(span.line), "endLine": str(span.end_line)}


def _elsewhere(found: Diagnostic) -> str:
    """Name a place that is no file of the checkout, beside which GitHub can show nothing."""
    where = found.location
    if where is None or is_file(where):
        return ""
    if where.file.startswith("--"):
        return f"{visible(where.file)}: "
    return f"{visible(where.file)}:{where.span.line}:{where.span.column}: "


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escape(visible(text)).replace(":", "%3A").replace(",", "%2C")

"""Findings as people and programs want them; a new format is a file here and a line in FORMATS.

The file has a function ``render(report)`` that returns the whole text. Nothing is imported
before it is asked for: most specs have no findings to show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..diagnostics import Diagnostic
    from ..source import Source
    from .report import Report

FORMATS: dict[str, str] = {
    "text": "for people, with a caret under the place",
    "json": "a list of findings",
    "sarif": "SARIF 2.1.0, which code scanning services read",
    "github": "annotations in a GitHub workflow",
    "junit": "JUnit XML, which test reporters read",
}
"""Format -> what it is for; each is the module of that name."""


def render(format: str, report: Report) -> str:
    """Return ``report`` in one of :data:`FORMATS`; the text may be empty."""
    text: str = import_module(f"{__name__}.{format}").render(report)
    return text


def render_text(diagnostics: Iterable[Diagnostic], sources: Mapping[str, Source]) -> str:
    """Return every finding with its source line and a caret under the exact place."""
    from .text import render_text

    return render_text(diagnostics, sources)


def render_json(diagnostics: Iterable[Diagnostic]) -> str:
    """Return the findings as a JSON list; lines and columns from 1, ends exclusive."""
    from .json import render_json

    return render_json(diagnostics)

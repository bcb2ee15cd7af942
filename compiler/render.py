"""Draw findings for people, and list them for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .diagnostics import Diagnostic, Location
from .document import split_lines
from .source import Source

MAX_WIDTH = 160
"""Longer source lines are cut around the caret, in terminal columns."""


def render_text(diagnostics: Iterable[Diagnostic], sources: Mapping[str, Source]) -> str:
    """Return every finding with its source line and a caret under the exact place."""
    lines = {name: split_lines(source.text) for name, source in sources.items()}
    return "\n\n".join("\n".join(_render(found, lines)) for found in diagnostics)


def render_json(diagnostics: Iterable[Diagnostic]) -> str:
    """Return the findings as a JSON list; lines and columns from 1, ends exclusive."""
    import json

    return json.dumps([_as_data(found) for found in diagnostics], indent=2, ensure_ascii=False)


def _render(found: Diagnostic, lines: Mapping[str, list[str]]) -> list[str]:
    place = "" if found.location is None else f"{_place(found.location)}: "
    drawn = [f"{place}{found.severity}[{found.code}]: {_visible(found.message)}"]
    gutter = _gutter(found)
    drawn += _snippet(found.location, lines, "^", gutter)
    for where, note in found.related:
        drawn.append(f"{' ' * gutter} = {_place(where)}: {_visible(note)}")
        drawn += _snippet(where, lines, "-", gutter)
    if found.help:
        drawn.append(f"{' ' * gutter} = help: {_visible(found.help)}")
    return drawn


def _gutter(found: Diagnostic) -> int:
    places = [found.location, *(where for where, _ in found.related)]
    return max((len(str(where.span.line)) for where in places if where), default=1)


def _snippet(
    where: Location | None, lines: Mapping[str, list[str]], mark: str, gutter: int
) -> list[str]:
    """Return the source line and its underline, or nothing without a source."""
    if where is None or where.file not in lines:
        return []
    span, known = where.span, lines[where.file]
    if span.line > len(known):
        return []
    text = known[span.line - 1]
    end = span.end_column - 1 if span.end_line == span.line else len(text.rstrip())
    before, under = text[: span.column - 1], text[span.column - 1 : end]
    before, under, after = _cut(_visible(before), _visible(under), _visible(text[end:]))
    underline = " " * display_width(before) + mark * max(1, display_width(under))
    shown = f"{before}{under}{after}".rstrip()
    return [f"{span.line:>{gutter}} | {shown}", f"{' ' * gutter} | {underline}"]


def _cut(before: str, under: str, after: str) -> tuple[str, str, str]:
    if display_width(before + under + after) <= MAX_WIDTH:
        return before, under, after
    if display_width(before) > MAX_WIDTH // 2:
        before = "..." + before[-MAX_WIDTH // 4 :]
    if display_width(under) > MAX_WIDTH // 2:
        return before, under[: MAX_WIDTH // 2], "..."
    return before, under, after[: MAX_WIDTH // 4] + "..."


def _visible(text: str) -> str:
    """Make tabs one column wide and control characters harmless to a terminal."""
    if text.isprintable():
        return text
    return "".join(_visible_char(char) for char in text)


def _visible_char(char: str) -> str:
    if char == "\t":
        return " "
    return char if char.isprintable() else f"\\u{ord(char):04x}"


def display_width(text: str) -> int:
    """Return how many terminal columns ``text`` takes: wide East Asian 2, combining 0."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def _place(where: Location) -> str:
    if where.file.startswith("--"):
        return where.file
    return f"{_visible(where.file)}:{where.span.line}:{where.span.column}"


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

"""Findings for people: the source line, and a caret under the exact place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..diagnostics import Diagnostic, Location
from ..document import split_lines
from ..secret import hide
from ..source import Source
from .report import Report
from .safe import visible

MAX_WIDTH = 160
"""Longer source lines are cut around the caret, in terminal columns."""


def render(report: Report) -> str:
    """Return every finding, each drawn once."""
    return render_text(report.findings, report.sources)


def render_text(diagnostics: Iterable[Diagnostic], sources: Mapping[str, Source]) -> str:
    """Return every finding with its source line and a caret under the exact place."""
    lines = lines_of(sources)
    return "\n\n".join(draw(found, lines) for found in diagnostics)


def lines_of(sources: Mapping[str, Source]) -> dict[str, list[str]]:
    """Return the lines of each source, for :func:`draw`."""
    return {name: split_lines(source.text) for name, source in sources.items()}


def draw(found: Diagnostic, lines: Mapping[str, list[str]]) -> str:
    """Return one finding, drawn."""
    place = "" if found.location is None else f"{_place(found.location)}: "
    drawn = [f"{place}{found.severity}[{found.code}]: {visible(found.message)}"]
    gutter = _gutter(found)
    drawn += _snippet(found.location, lines, "^", gutter)
    for where, note in found.related:
        drawn.append(f"{' ' * gutter} = {_place(where)}: {visible(note)}")
        drawn += _snippet(where, lines, "-", gutter)
    if found.help:
        drawn.append(f"{' ' * gutter} = help: {visible(found.help)}")
    return "\n".join(drawn)


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
    text = hide(known[span.line - 1])  # what is printed ends in the logs of others
    end = span.end_column - 1 if span.end_line == span.line else len(text.rstrip())
    before, under = text[: span.column - 1], text[span.column - 1 : end]
    before, under, after = _cut(visible(before), visible(under), visible(text[end:]))
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


def display_width(text: str) -> int:
    """Return how many terminal columns ``text`` takes: wide East Asian 2, combining 0."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def _place(where: Location) -> str:
    if where.file.startswith("--set "):
        return f"{visible(where.file)}:{where.span.column}"
    if where.file.startswith("--"):
        return where.file
    return f"{visible(where.file)}:{where.span.line}:{where.span.column}"

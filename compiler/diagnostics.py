"""One finding about a spec: what is wrong, where, and what to type instead.

Every stage returns these as values; the renderers and exit codes read nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .secret import hide

MAX_FINDINGS = 100
"""Findings of one spec that are shown; nobody reads more, and a hostile spec has thousands."""

MAX_TEXT = 600
"""Characters of a message or a cure, which may quote a key or a line of any length."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of text: lines and columns from 1 in code points, the end exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A span of one file, the file named as the user would name it."""

    file: str
    span: Span


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A finding; ``message`` stands alone in one line, ``help`` says what to type.

    ``path`` is the place in the document's data that the finding is about, so that a
    later stage can leave a value alone that an earlier one has already refused.
    """

    code: str
    severity: str
    message: str
    location: Location | None
    help: str | None = None
    related: tuple[tuple[Location, str], ...] = ()
    path: tuple[str | int, ...] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", hide(self.message))
        if self.help is not None:
            object.__setattr__(self, "help", hide(self.help))
        if len(self.message) > MAX_TEXT:
            object.__setattr__(self, "message", _clip(self.message))
        if self.help is not None and len(self.help) > MAX_TEXT:
            object.__setattr__(self, "help", _clip(self.help))


class CompileError(Exception):
    """Raised where findings stop the work; ``diagnostics`` holds all of them."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(_headline(found) for found in self.diagnostics))


def sort_diagnostics(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Order by file and position, and drop exact repetitions."""
    return sorted(dict.fromkeys(diagnostics), key=_order)


def limit_diagnostics(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Sort, and keep the first :data:`MAX_FINDINGS`, with one more to say that others exist."""
    found = sort_diagnostics(diagnostics)
    if len(found) <= MAX_FINDINGS:
        return found
    severity = "error" if has_errors(found) else "warning"
    message = f"more than {MAX_FINDINGS} findings; from here on they are not shown"
    cure = "mend those above and check again"
    where = found[MAX_FINDINGS].location
    return [*found[:MAX_FINDINGS], Diagnostic("NV115", severity, message, where, cure)]


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Tell whether any finding forbids compiling; warnings do not."""
    return any(found.severity == "error" for found in diagnostics)


def _clip(text: str) -> str:
    return f"{text[: MAX_TEXT * 2 // 3]} ... {text[-MAX_TEXT // 4 :]}"


def _order(found: Diagnostic) -> tuple[str, int, int, str, str]:
    if found.location is None:
        return ("", 0, 0, found.code, found.message)
    span = found.location.span
    return (found.location.file, span.line, span.column, found.code, found.message)


def _headline(found: Diagnostic) -> str:
    place = ""
    if found.location is not None:
        span = found.location.span
        place = f"{found.location.file}:{span.line}:{span.column}: "
    return f"{place}{found.severity}[{found.code}]: {found.message}"

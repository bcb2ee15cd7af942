"""Plain data that remembers where each part of it was written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .diagnostics import Location, Span
from .source import Source

DataPath = tuple[str | int, ...]


class Unusable:
    """Stands for a value already refused, so that no later stage speaks of it again."""

    def __repr__(self) -> str:
        return "<unusable>"


UNUSABLE = Unusable()


@dataclass(frozen=True, slots=True)
class Document:
    """Plain data and where each part was written; a path is a tuple of keys and indices.

    After ``extends`` the locations of one document lie in several ``sources``.
    """

    data: Any
    spans: dict[DataPath, Location]
    key_spans: dict[DataPath, Location]
    origins: dict[DataPath, str]
    sources: dict[str, Source]

    def point(self, path: DataPath) -> Location | None:
        """Where to draw the caret for the value at ``path``: its text, or else its key."""
        value, key = self.spans.get(path), self.key_spans.get(path)
        if value is None or key is None:
            return value or key
        span = value.span
        one_line = span.line == span.end_line and span.column < span.end_column
        block = value.file == key.file and not isinstance(self.value(path), dict | list)
        return value if one_line or (block and span.end_line > span.line) else key

    def point_key(self, path: DataPath) -> Location | None:
        """Where the key at ``path`` is written; for a list item, the item."""
        return self.key_spans.get(path) or self.spans.get(path)

    def start(self) -> Location | None:
        """Where to point for something that is not there: the first key of the file."""
        first = min(self.key_spans.values(), key=_by_place(self.main), default=None)
        return first or Location(self.main, Span(1, 1, 1, 1))

    @property
    def main(self) -> str:
        """The file that was asked for; the others are those it extends."""
        return next(iter(self.sources))

    def value(self, path: DataPath) -> Any:
        """Return the data at ``path``; None where there is none."""
        found = self.data
        for step in path:
            try:
                found = found[step]
            except (KeyError, IndexError, TypeError):
                return None
        return found

    def raw(self, path: DataPath) -> str:
        """Return the one-line text of the value as written, quotes included."""
        place = self.spans.get(path)
        if place is None or place.span.line != place.span.end_line:
            return ""
        line = self.line(place.file, place.span.line)
        return line[place.span.column - 1 : place.span.end_column - 1]

    def line(self, file: str, number: int) -> str:
        """Return one line of a source, counted from 1; empty beyond the end."""
        lines = split_lines(self.sources[file].text)
        return lines[number - 1] if 0 < number <= len(lines) else ""


def _by_place(main: str) -> Callable[[Location], tuple[bool, str, Span]]:
    return lambda place: (place.file != main, place.file, place.span)


@lru_cache(maxsize=8)
def split_lines(text: str) -> list[str]:
    """Split as YAML does: at LF, CR, CRLF, NEL, LS and PS, and nowhere else.

    The list is kept for the next finding in the same text, and is not to be changed.
    """
    text = text.replace("\r\n", "\n")
    for end in "\r\x85\u2028\u2029":
        text = text.replace(end, "\n")
    return text.split("\n")


def walk(data: Any) -> Iterator[tuple[DataPath, Any]]:
    """Yield every (path, value) of plain data, parents first."""
    pending: list[tuple[DataPath, Any]] = [((), data)]
    while pending:
        path, value = pending.pop()
        yield path, value
        if isinstance(value, dict):
            pending.extend(((*path, key), item) for key, item in value.items())
        elif isinstance(value, list):
            pending.extend(((*path, index), item) for index, item in enumerate(value))

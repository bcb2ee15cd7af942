"""The first rows of a local file, read as the run will read them.

Files up to :data:`WHOLE_BYTES` are read to their end, of larger ones the beginning, so that
checking stays quick for any size of data. What is wrong with a row is a value here, with its
line, and not an exception.
"""

from __future__ import annotations

import codecs
import io
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .base import Context

WHOLE_BYTES = 1_000_000
"""Read whole up to this size: some 10 ms; a file of a first experiment is smaller."""

PEEK_BYTES = 65_536
"""Read of a larger file."""

SUFFIXES = {
    "text": (".txt", ".jsonl", ".csv", ".parquet"),
    "train": (".jsonl", ".csv", ".txt"),
    "validation": (".jsonl", ".csv", ".txt"),
    "test": (".jsonl", ".csv", ".txt"),
}
"""What the run can read as each part of ``data``."""

Row = tuple[int, dict[str, Any]]


class Column(NamedTuple):
    """One column of the rows read: how many rows have each value, and the line of its first.

    ``absent`` are the lines of rows that have no value there.
    """

    counts: Counter[str | None]
    first: dict[str | None, int]
    absent: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Peek:
    """What is known of a file: ``rows`` with their lines from 1, all of them if ``whole``.

    ``fault`` is the first line that the run would refuse, and why; rows stop before it.
    """

    rows: tuple[Row, ...]
    whole: bool
    fault: tuple[int, str] | None = None
    _known: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    def column(self, name: str) -> Column:
        """Return what is known of one column; the rows are walked once for all specs of a call."""
        if name not in self._known:
            self._known[name] = _column(self.rows, name)
        found: Column = self._known[name]
        return found

    def keys(self, names: tuple[str, ...]) -> tuple[tuple[str | None, ...], ...]:
        """Return of each row what is in the columns ``names``."""
        if names not in self._known:
            rows = (tuple(value_of(row, name) for name in names) for _, row in self.rows)
            self._known[names] = tuple(rows)
        found: tuple[tuple[str | None, ...], ...] = self._known[names]
        return found

    @property
    def count(self) -> int | None:
        """How many rows the file has, or None where only its beginning was read."""
        return len(self.rows) if self.whole and self.fault is None else None


class _Fault(Exception):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def locate(context: Context, path: str) -> str | None:
    """Return the real path of a file inside the project, or None where it leaves it."""
    if "\0" in path or os.path.isabs(path):
        return None
    if ("located", path) not in context.shared:
        context.shared["located", path] = _locate(context.project, path)
    found: str | None = context.shared["located", path]
    return found


def _locate(project: str, path: str) -> str | None:
    root = os.path.realpath(project)
    target = os.path.realpath(os.path.join(root, path))
    return target if target.startswith(root.rstrip(os.sep) + os.sep) else None


def peek(context: Context, part: str, *at: str | int) -> Peek | None:
    """Return what the file of ``data.<part>`` holds; None where it is no readable file.

    ``at`` leads from there to one of several sources.
    """
    path = context.get("data", part, *at, "path")
    suffix = os.path.splitext(path)[1] if isinstance(path, str) else ""
    if suffix not in SUFFIXES[part] or suffix not in _READERS:
        return None
    if ("peek", path) not in context.shared:
        context.shared["peek", path] = _peek(context, path)
    found: Peek | None = context.shared["peek", path]
    return found


def _peek(context: Context, path: str) -> Peek | None:
    target = locate(context, path)
    if target is None or not os.path.isfile(target):
        return None
    return _read(target, os.path.splitext(path)[1])


def _column(rows: tuple[Row, ...], name: str) -> Column:
    values = [(line, value_of(row, name)) for line, row in rows]
    first: dict[str | None, int] = {}
    for line, value in values:
        first.setdefault(value, line)
    absent = tuple(line for line, value in values if value is None)
    return Column(Counter(value for _, value in values), first, absent)


def value_of(row: dict[str, Any], column: str) -> str | None:
    """Return a value as the run sees it: text as it is, anything else as JSON."""
    value = row.get(column)
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _read(target: str, suffix: str) -> Peek | None:
    try:
        size = os.path.getsize(target)
        with open(target, "rb") as file:
            raw = file.read(WHOLE_BYTES if size <= WHOLE_BYTES else PEEK_BYTES)
    except OSError:
        return None
    whole = size <= WHOLE_BYTES
    text, bad_byte = _decode(raw, whole)
    if not whole and bad_byte is None:
        text = text[: text.rfind("\n") + 1]  # the last line may be cut in two
    rows: list[Row] = []
    try:
        for row in _READERS[suffix](text, whole):
            rows.append(row)  # not a comprehension: the rows before a fault are kept
    except _Fault as fault:
        return Peek(tuple(rows), whole, (fault.line, str(fault)))
    return Peek(tuple(rows), whole, bad_byte)


def _decode(raw: bytes, whole: bool) -> tuple[str, tuple[int, str] | None]:
    """Decode as the run does; of bytes that are not UTF-8, name the line and keep the rest."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    try:
        return decoder.decode(raw, final=whole), None
    except UnicodeDecodeError as error:
        good = error.object[: error.start].decode("utf-8-sig")
        message = f"is not UTF-8: byte 0x{error.object[error.start]:02x}"
        return good[: good.rfind("\n") + 1], (good.count("\n") + 1, message)


def _jsonl(text: str, whole: bool) -> Iterator[Row]:
    for number, line in enumerate(io.StringIO(text, newline=None), 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _Fault(number, f"is not JSON: {_short(error)}") from None
        if not isinstance(values, dict):
            raise _Fault(number, 'is not a JSON object, such as `{"text": "..."}`')
        yield number, values


def _csv(text: str, whole: bool) -> Iterator[Row]:
    import csv  # most specs name no such file

    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        for values in reader:
            if None in values:
                raise _Fault(reader.line_num, "has more values than the header has names")
            yield reader.line_num, values
    except csv.Error as error:
        if whole or "unexpected end" not in str(error):
            raise _Fault(reader.line_num, f"is not CSV: {error}") from None


def _lines(text: str, whole: bool) -> Iterator[Row]:
    for number, line in enumerate(io.StringIO(text, newline=None), 1):
        if line.strip():
            yield number, {"text": line.strip()}


_READERS: dict[str, Callable[[str, bool], Iterator[Row]]] = {
    ".jsonl": _jsonl,
    ".csv": _csv,
    ".txt": _lines,
}


def _short(error: Exception) -> str:
    return getattr(error, "msg", None) or "nested too deeply"

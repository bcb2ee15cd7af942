"""What is logged step by step, in three forms that a killed process leaves readable.

`metrics.jsonl` is what nivel reads, `metrics.csv` what spreadsheets and pandas read, and the event
files (see `events.py`) what TensorBoard reads. A further form is a class here with `add` and
`go_on`, named in `open_logs`.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from .events import EventLog
from .files import append_json_line, append_text, read_json_lines, write_json_lines, write_text

LINES = "metrics.jsonl"
TABLE = "metrics.csv"

Line = Mapping[str, Any]


class Log(Protocol):
    """A place for lines of metrics: `step`, `seconds` since the start, and named values."""

    def add(self, line: Line) -> None:
        """Append a line; when it returns, a killed process no longer loses it."""

    def go_on(self, step: int, lines: Sequence[Line]) -> None:
        """Forget what came after `step`; `lines` are those that stay."""


def open_logs(folder: Path) -> tuple[Log, ...]:
    """Return every form of a run's metrics; nothing is written yet."""
    return JsonLog(folder / LINES), CsvLog(folder / TABLE), EventLog(folder)


class JsonLog:
    """One JSON object a line, with the names that the line has."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, line: Line) -> None:
        append_json_line(self.path, line)

    def go_on(self, step: int, lines: Sequence[Line]) -> None:
        write_json_lines(self.path, lines)


class CsvLog:
    """A table with a column for every name so far; what a line does not have is left empty.

    A new name is a new column: the table is then written anew, in one step. That happens once or
    twice in a training, since the lines of training and of validation are all there are.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._columns: list[str] | None = None  # None: not looked at yet

    def add(self, line: Line) -> None:
        columns = self._known()
        new = [name for name in line if name not in columns]
        if new:
            rows = self._rows()
            columns += new
            write_text(self.path, _written([columns, *_cells([*rows, line], columns)]))
        else:
            append_text(self.path, _written(_cells([line], columns)))

    def go_on(self, step: int, lines: Sequence[Line]) -> None:
        self._columns = list(dict.fromkeys(name for line in lines for name in line))
        write_text(self.path, _written([self._columns, *_cells(lines, self._columns)]))

    def _known(self) -> list[str]:
        if self._columns is None:
            with_header = self._rows()
            self._columns = list(with_header[0]) if with_header else []
        return self._columns

    def _rows(self) -> list[dict[str, Any]]:
        """Return the rows that are there; a line that a crash cut off has too few cells."""
        try:
            text = self.path.read_text("utf-8")
        except OSError:
            return []
        return [row for row in csv.DictReader(io.StringIO(text)) if None not in row.values()]


def _cells(lines: Sequence[Line], columns: Sequence[str]) -> list[list[Any]]:
    return [["" if line.get(c) is None else line[c] for c in columns] for line in lines]


def _written(rows: Sequence[Sequence[Any]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def read_curve(folder: Path) -> list[dict[str, Any]]:
    """Return what a run logged step by step."""
    return read_json_lines(folder / LINES)

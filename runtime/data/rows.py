"""Rows to train and test on, from a file of the project or a built-in corpus.

To add a file format, write a reader that yields `(line number, {column: value})` and name its
suffix in `_READERS`. To add a built-in corpus, do the same in `_BUILTINS`.
"""

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..errors import DataError
from ..paths import inside_project
from . import python_docs, python_docs_pairs

__all__ = ["Row", "load_rows", "ranked", "read_values"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Row:
    """One example.

    Attributes:
        id: the same on every run, and shared by the three levels, so that runs pair up.
        fields: the values a template may name.
        label: the gold label, or None where the source has no label column.
    """

    id: str
    fields: dict[str, str]
    label: str | None


def load_rows(
    *,
    builtin: str | None = None,
    path: str | None = None,
    split: str | None = None,
    limit: int | None = None,
    balance: bool = False,
    columns: Mapping[str, str],
    labels: Sequence[str] = (),
    seed: int = 0,
) -> list[Row]:
    """Load rows in an order that depends on `(seed, row id)` alone.

    Args:
        builtin: a built-in corpus; exactly one of this and `path`.
        path: `.jsonl`, `.csv` or `.txt` (a row per line, column `text`) in the project.
        split: `train`, `validation` or `test`, for a built-in corpus.
        limit: at most so many rows; with `balance`, exactly so many.
        balance: the same number of rows for every label.
        columns: template name -> column name; `label` names the gold label's column.
        labels: the labels asked for. A built-in corpus has more and the others are left out; in
            a file another label is a mistake.
        seed: decides the order, and so which rows a limit keeps.

    Raises:
        DataError: when the source, a column or a label is missing, or rows do not suffice.
    """
    if (builtin is None) == (path is None):
        raise DataError("a source needs exactly one of builtin and path")
    if builtin is not None:
        rows = _builtin_rows(builtin, split, columns, labels)
    else:
        if split is not None:
            raise DataError(f"{path}: a file has no split {split!r}", "leave `split` out")
        rows = _file_rows(str(path), columns, labels)
    rows.sort(key=lambda row: _rank(seed, row.id))
    source = builtin if builtin is not None else str(path)
    if balance:
        return _balanced(rows, labels, limit, source)
    return rows[:limit]


def read_values(
    builtin: str | None, path: str | None, split: str | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the id of every row of a source and all that it holds, in the source's order.

    Raises:
        DataError: as `load_rows`, for the source and its lines.
    """
    if (builtin is None) == (path is None):
        raise DataError("a source needs exactly one of builtin and path")
    if builtin is not None:
        yield from _builtin_values(builtin, split)
        return
    if split is not None:
        raise DataError(f"{path}: a file has no split {split!r}", "leave `split` out")
    for line, values in _file_values(str(path)):
        yield f"{path}:{line}", values


def ranked(rows: Sequence[tuple[str, _T]], seed: int) -> list[tuple[str, _T]]:
    """Return rows, each with its id first, in the order that `load_rows` gives them."""
    return sorted(rows, key=lambda row: _rank(seed, row[0]))


def _rank(seed: int, identity: str) -> bytes:
    return hashlib.sha256(f"{seed} {identity}".encode()).digest()


def _balanced(
    rows: Sequence[Row], labels: Sequence[str], limit: int | None, source: str
) -> list[Row]:
    """Keep the first rows of every label, as many of each, in the order they came."""
    if not labels:
        raise DataError(f"{source}: balance needs the labels to balance")
    counts = {label: 0 for label in labels} | Counter(str(row.label) for row in rows)
    if limit is not None and limit % len(labels):
        raise DataError(f"{source}: limit {limit} does not divide by {len(labels)} labels")
    each = min(counts[label] for label in labels) if limit is None else limit // len(labels)
    short = [f"{label} has {counts[label]}" for label in labels if counts[label] < each]
    if short:
        most = min(counts[label] for label in labels) * len(labels)
        cure = f"set limit to {most} or less" if most else "choose labels that the data has"
        raise DataError(
            f"{source}: {each} rows of each label were asked for, but {', '.join(short)}", cure
        )
    taken: Counter[str] = Counter()
    kept: list[Row] = []
    for row in rows:
        label = str(row.label)
        if label in labels and taken[label] < each:
            taken[label] += 1
            kept.append(row)
    return kept


def _builtin_values(builtin: str, split: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
    if builtin not in _BUILTINS:
        raise DataError(f"no built-in corpus {builtin!r}", f"use {', '.join(_BUILTINS)}")
    if split is not None and split not in python_docs.SPLITS:
        raise DataError(f"no split {split!r}", f"use {', '.join(python_docs.SPLITS)}")
    yield from _BUILTINS[builtin](split)


def _builtin_rows(
    builtin: str, split: str | None, columns: Mapping[str, str], labels: Sequence[str]
) -> list[Row]:
    rows = (_row(i, values, columns, builtin) for i, values in _builtin_values(builtin, split))
    wanted = set(labels)
    return [row for row in rows if not wanted or row.label in wanted]


def _python_docs(split: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
    for entry in python_docs.entries():
        if entry.is_row and split in (None, entry.split):
            yield entry.id, {"text": entry.text, "label": entry.area, "name": entry.name}


_BUILTINS: dict[str, Callable[[str | None], Iterator[tuple[str, dict[str, Any]]]]] = {
    "python-docs": _python_docs,
    "python-docs-pairs": python_docs_pairs.values,
}


def _file_values(path: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the line of every row of a file and what it holds; a file without rows is refused."""
    file = inside_project(path, DataError)
    reader = _READERS.get(file.suffix)
    if reader is None:
        raise DataError(f"{path}: unknown kind of file", f"use {', '.join(_READERS)}")
    empty = True
    try:
        for line, values in reader(file, path):
            empty = False
            yield line, values
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}", "check the path") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8", "save the file as UTF-8") from error
    if empty:
        raise DataError(f"{path}: holds no rows")


def _file_rows(path: str, columns: Mapping[str, str], labels: Sequence[str]) -> list[Row]:
    rows: list[Row] = []
    for line, values in _file_values(path):
        row = _row(f"{path}:{line}", values, columns, f"{path}:{line}")
        if labels and row.label is not None and row.label not in labels:
            raise DataError(
                f"{path}:{line}: label {row.label!r} is not one of task.labels",
                "add it to task.labels or mend the row",
            )
        rows.append(row)
    return rows


def _row(identity: str, values: Mapping[str, Any], columns: Mapping[str, str], at: str) -> Row:
    missing = [column for column in columns.values() if values.get(column) is None]
    if missing:
        have = ", ".join(str(key) for key in values if key is not None)
        raise DataError(f"{at}: no value in column {missing[0]!r}", f"the row has: {have}")
    fields = {name: _string(values[column]) for name, column in columns.items()}
    return Row(identity, fields, fields.pop("label", None))


def _string(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def read_jsonl(file: Path, shown: str) -> Iterator[tuple[int, dict[str, Any]]]:
    with file.open(encoding="utf-8-sig") as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                values = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise DataError(f"{shown}:{number}: is not JSON: {error}") from error
            if not isinstance(values, dict):
                raise DataError(f"{shown}:{number}: is not a JSON object")
            yield number, values


def read_csv(file: Path, shown: str) -> Iterator[tuple[int, dict[str, Any]]]:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream, strict=True)
        try:
            for values in reader:
                if None in values:
                    raise DataError(
                        f"{shown}:{reader.line_num}: has more values than the header has names",
                        "quote values that hold a comma",
                    )
                yield reader.line_num, values
        except csv.Error as error:
            raise DataError(f"{shown}:{reader.line_num}: is not CSV: {error}") from error


def _read_lines(file: Path, shown: str) -> Iterator[tuple[int, dict[str, Any]]]:
    del shown  # any UTF-8 line is a row
    with file.open(encoding="utf-8-sig") as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                yield number, {"text": line.strip()}


_READERS: dict[str, Callable[[Path, str], Iterator[tuple[int, dict[str, Any]]]]] = {
    ".jsonl": read_jsonl,
    ".csv": read_csv,
    ".txt": _read_lines,
}

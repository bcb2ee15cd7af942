"""Files of rows and text: where they are, and what their first rows hold.

Only the beginning of a file is read, so that checking stays quick for any size of data.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from typing import Any

from ..diagnostics import Diagnostic
from ..words import listed, show
from .base import Context, error, rule

PARTS = ("train", "test", "text")
SUFFIXES = {
    "text": (".txt",),
    "train": (".jsonl", ".csv", ".txt"),
    "test": (".jsonl", ".csv", ".txt"),
}
PEEK_BYTES = 65_536
PEEK_ROWS = 50


@rule("NV340", "data file outside the project, missing, or of a wrong kind")
def check_files(context: Context) -> Iterator[Diagnostic]:
    """A file source is a relative path to a file of a known kind inside the project."""
    for part in PARTS:
        path = context.get("data", part, "path")
        fault = None if path is None else _fault(path, part, context)
        if fault is not None:
            message, cure = fault
            yield error("NV340", message, context.where("data", part, "path"), cure)


def _fault(path: str, part: str, context: Context) -> tuple[str, str] | None:
    wanted = SUFFIXES[part]
    if "\0" in path:
        return f"{show(path)} is not a file name", "remove the NUL character"
    root = os.path.realpath(context.project)
    target = os.path.realpath(os.path.join(root, path))
    if os.path.isabs(path) or not target.startswith(root.rstrip(os.sep) + os.sep):
        return f"{show(path)} lies outside the project", "copy the file into the project"
    if not path.lower().endswith(wanted):
        kinds = listed(wanted)
        return f"{show(path)} is not a file that data.{part} can read", f"it reads {kinds}"
    if part != "text" and context.get("task") is not None and path.lower().endswith(".txt"):
        return f"{show(path)} has no labels: a task needs columns", "use a .jsonl or .csv file"
    if not os.path.isfile(target):
        return f"{show(path)} does not exist in the project", _look_around(path, root)
    return None


def _look_around(path: str, root: str) -> str:
    """Name the file that was probably meant, from the same folder."""
    from ..suggest import nearest

    folder, name = os.path.split(path)
    try:
        names = sorted(os.listdir(os.path.join(root, folder)))[:1000]
    except OSError:
        return "check the name; it is relative to the project"
    close = nearest(name, names)
    if close is None:
        return "check the name; it is relative to the project"
    return f"did you mean `{os.path.join(folder, close)}`?"


@rule("NV341", "column that the file lacks")
def check_columns(context: Context) -> Iterator[Diagnostic]:
    """Every column named is in the first row of every file."""
    columns = context.get("data", "columns")
    for part, rows in _local_rows(context):
        known = list(rows[0])
        for name, column in columns.items() if isinstance(columns, dict) else ():
            if isinstance(column, str) and column not in known:
                yield _missing_column(context, part, name, column, known)


def _missing_column(
    context: Context, part: str, name: str, column: str, known: list[str]
) -> Diagnostic:
    from ..suggest import nearest

    close = nearest(column, known)
    path = context.get("data", part, "path")
    message = f"{show(path)} has no column `{column}`"
    cure = f"write `{name}: {close}`" if close else f"its columns are {listed(known)}"
    related = context.related((("data", part, "path"), "this file"))
    return error("NV341", message, context.where("data", "columns", name), cure, related)


@rule("NV342", "label that is not in task.labels")
def check_row_labels(context: Context) -> Iterator[Diagnostic]:
    """The labels of the first rows are those of the task."""
    labels, columns = context.get("task", "labels"), context.get("data", "columns")
    column = columns.get("label") if isinstance(columns, dict) else None
    if not labels or column is None:
        return
    for part, rows in _local_rows(context):
        found = [str(row[column]) for row in rows if row.get(column) is not None]
        strange = [label for label in dict.fromkeys(found) if label not in labels]
        if strange:
            path = context.get("data", part, "path")
            message = f"{show(path)} has labels that task.labels lacks: {listed(strange, 5)}"
            related = context.related((("data", part, "path"), "this file"))
            cure = "add them to `labels`, or mend the file"
            yield error("NV342", message, context.where("task", "labels"), cure, related)


def _local_rows(context: Context) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the first rows of each readable .jsonl or .csv source."""
    for part in ("train", "test"):
        path = context.get("data", part, "path")
        if path is None or _fault(path, part, context) is not None:
            continue
        try:
            rows = _peek(os.path.join(context.project, path))
        except (OSError, ValueError):
            continue  # a row that cannot be read is named, with its line, when data is loaded
        if rows:
            yield part, rows


def _peek(path: str) -> list[dict[str, Any]]:
    with open(path, "rb") as file:
        raw = file.read(PEEK_BYTES)
    text = raw.decode("utf-8-sig", "ignore")
    if len(raw) == PEEK_BYTES:
        text = text[: text.rfind("\n") + 1]  # the last line may be cut in two
    if path.lower().endswith(".csv"):
        import csv
        import io

        return list(islice(csv.DictReader(io.StringIO(text)), PEEK_ROWS))
    import json

    lines = [line for line in text.splitlines() if line.strip()][:PEEK_ROWS]
    return [row for row in map(json.loads, lines) if isinstance(row, dict)]

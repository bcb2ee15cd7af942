"""Files of rows and text: where they are, and whether the run could read what they hold."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from ..diagnostics import Diagnostic, Location, Span
from ..document import DataPath
from ..words import listed, show
from .base import Context, error, rule, warning
from .rows import SUFFIXES, Peek, locate, peek

ROWS = ("train", "validation", "test")


@rule("NV340", "data file outside the project, missing, or of a wrong kind")
def check_files(context: Context) -> Iterator[Diagnostic]:
    """A file source is a relative path to a file of a known kind inside the project."""
    for part, at in sources(context):
        path = context.get(*at, "path")
        fault = None if path is None else _fault(path, part, context)
        if fault is not None:
            message, cure = fault
            yield error("NV340", message, context.where(*at, "path"), cure)


def sources(context: Context) -> Iterator[tuple[str, DataPath]]:
    """Yield the part and the place of every source; of text there may be several."""
    yield from ((part, ("data", part)) for part in ROWS)
    several = context.get("data", "text")
    if isinstance(several, list):
        yield from (("text", ("data", "text", index)) for index in range(len(several)))
    else:
        yield "text", ("data", "text")


def _fault(path: str, part: str, context: Context) -> tuple[str, str] | None:
    wanted = SUFFIXES[part]
    if "\0" in path:
        return f"{show(path)} is not a file name", "remove the NUL character"
    target = locate(context, path)
    if target is None:
        return f"{show(path)} lies outside the project", "copy the file into the project"
    suffix = os.path.splitext(path)[1]
    if part == "text" and os.path.isdir(target):
        return None if holds_text(target) else _no_text(path)
    if suffix not in wanted:
        lower = f"rename it to end in `{suffix.lower()}`" if suffix.lower() in wanted else None
        message = f"{show(path)} is not a file that data.{part} can read"
        return message, lower or f"it reads {listed(wanted)}"
    if part != "text" and context.get("task") is not None and suffix == ".txt":
        return f"{show(path)} has no labels: a task needs columns", "use a .jsonl or .csv file"
    if not os.path.isfile(target):
        return f"{show(path)} does not exist in the project", _look_around(path, context)
    return None


def holds_text(folder: str) -> bool:
    """Tell whether a folder, or one inside it, has a file that text is read from."""
    for _, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        if any(name.endswith(SUFFIXES["text"]) and name[0] != "." for name in files):
            return True
    return False


def _no_text(path: str) -> tuple[str, str]:
    return f"the folder {show(path)} holds no text", f"it reads {listed(SUFFIXES['text'])}"


def _look_around(path: str, context: Context) -> str:
    """Name the file that was probably meant, from the same folder."""
    from ..suggest import nearest

    folder, name = os.path.split(path)
    try:
        names = sorted(os.listdir(os.path.join(context.project, folder)))[:1000]
    except OSError:
        return "check the name; it is relative to the project"
    close = nearest(name, names)
    if close is None:
        return "check the name; it is relative to the project"
    return f"did you mean `{os.path.join(folder, close)}`?"


@rule("NV341", "column that the file lacks")
def check_columns(context: Context) -> Iterator[Diagnostic]:
    """Every column named is in the first row of every file."""
    columns = named_columns(context)
    for name, column in columns.items():
        if name == "label" and not context.has("data", "columns") and not _needs_label(context):
            continue
        lacking = {
            part: _columns(rows)
            for part, rows in local_rows(context)
            if rows.rows and column not in _columns(rows)
        }
        if isinstance(column, str) and lacking:
            yield _missing_column(context, lacking, name, column)


def named_columns(context: Context) -> dict[str, Any]:
    """Return `data.columns`; empty where rows are conversations, which have formats instead."""
    columns = context.get("data", "columns")
    talks = context.level == "finetune" and context.get("task", "type") in ("chat", "prefer")
    return columns if isinstance(columns, dict) and not talks else {}


def _needs_label(context: Context) -> bool:
    """A text that is only predicted has no right answer, unless the spec names its column."""
    kind: str | None = context.get("task", "type")
    return kind != "language-model"


def _columns(rows: Peek) -> list[str]:
    return [name for name in rows.rows[0][1] if isinstance(name, str)]


def _missing_column(
    context: Context, lacking: dict[str, list[str]], name: str, column: str
) -> Diagnostic:
    """One slip is one finding, whether one file lacks the column or both."""
    from ..suggest import nearest

    known = list(dict.fromkeys(name for names in lacking.values() for name in names))
    close = nearest(column, known)
    paths = [show(context.get("data", part, "path")) for part in lacking]
    has = "has" if len(paths) == 1 else "have"
    message = f"{' and '.join(paths)} {has} no column {show(column)}"
    cure = f"write `{name}: {close}`" if close else f"its columns are {listed(known)}"
    related = context.related(*((("data", part, "path"), "this file") for part in lacking))
    return error("NV341", message, context.where("data", "columns", name), cure, related)


@rule("NV342", "label that is not in task.labels")
def check_row_labels(context: Context) -> Iterator[Diagnostic]:
    """The labels of the rows read are those of the task."""
    labels, column = row_labels(context), label_column(context)
    if not labels or column is None or not context.sound("task", "labels"):
        return
    known = set(labels)
    for part, rows in local_rows(context):
        first = rows.column(column).first.items()
        found = {label: line for label, line in first if label is not None and label not in known}
        if found:
            yield _strange_labels(context, part, found)


def _strange_labels(context: Context, part: str, found: dict[str, int]) -> Diagnostic:
    from ..suggest import nearest

    path, labels = context.get("data", part, "path"), context.get("task", "labels")
    named = ", ".join(map(show, list(found)[:5])) + (", ..." if len(found) > 5 else "")
    message = f"{show(path)} has labels that task.labels lacks: {named}"
    first, line = next(iter(found.items()))
    close = nearest(first, labels)
    cure = f"add them to `labels`, or mend the file, from line {line} on"
    if close is not None and len(found) == 1:
        cure = f"write `{first}` for `{close}` in `labels`, or `{close}` in line {line} of the file"
    related = context.related((("data", part, "path"), "this file"))
    return error("NV342", message, context.where("task", "labels"), cure, related)


@rule("NV343", "row that cannot be read")
def check_rows(context: Context) -> Iterator[Diagnostic]:
    """The rows read at this point are rows; a later fault stops the run with its line."""
    for part, at in sources(context):
        rows = peek(context, part, *at[2:])
        if rows is not None and rows.fault is not None:
            line, why = rows.fault
            path = context.get(*at, "path")
            message = f"line {line} of {show(path)} {why}"
            where = context.where(*at, "path")
            cure = "mend that line; a value that holds a comma or a quote is quoted in CSV"
            cure = cure if path.endswith(".csv") else "mend that line"
            cure = "save the file as UTF-8" if "UTF-8" in why else cure
            related = ((Location(path, Span(line, 1, line, 1)), "here"),)
            yield error("NV343", message, where, cure, related)


@rule("NV344", "row without a value")
def check_values(context: Context) -> Iterator[Diagnostic]:
    """Every row read has a value in every column named; the run refuses one that has not."""
    columns = named_columns(context)
    for part, rows in local_rows(context):
        for name, column in columns.items():
            if not rows.rows or not isinstance(column, str) or column not in rows.rows[0][1]:
                continue  # that it is missing altogether is another finding
            lines = rows.column(column).absent
            if lines:
                path = context.get("data", part, "path")
                message = f"line {lines[0]} of {show(path)} has no value in column {show(column)}"
                message += f", and {len(lines) - 1} more have none" if lines[1:] else ""
                said = context.has("data", "columns", name)
                where = context.where("data", *(("columns", name) if said else (part, "path")))
                related = ((Location(path, Span(lines[0], 1, lines[0], 1)), "here"),)
                yield error("NV344", message, where, "give it a value, or remove the row", related)


@rule("NV345", "file without rows")
def check_empty(context: Context) -> Iterator[Diagnostic]:
    """A file of rows holds at least one, a file of text some text."""
    for part, at in sources(context):
        rows = peek(context, part, *at[2:])
        if rows is not None and rows.count == 0:
            path = context.get(*at, "path")
            what = "text" if part == "text" else "rows"
            message = f"{show(path)} holds no {what}"
            csv = path.endswith(".csv")
            cure = "a .csv file begins with a line of column names" if csv else None
            yield error("NV345", message, context.where(*at, "path"), cure)


@rule("NV347", "label that no row has")
def check_unseen_labels(context: Context) -> Iterator[Diagnostic]:
    """An answer that is never right in any row is nearly always misspelt."""
    labels, column = row_labels(context), label_column(context)
    if not labels or column is None or not context.sound("task", "labels"):
        return
    known = [peek(context, part) for part in ROWS if context.has("data", part)]
    if not known or any(rows is None or rows.count is None for rows in known):
        return  # a row that was not read may have it
    seen = {value for rows in known if rows for value in rows.column(column).first}
    if seen <= {None} or seen - {None} - set(labels):
        return  # other findings speak of these
    for index, label in enumerate(labels):
        if label not in seen:
            message = f"no row has the label {show(label)}"
            where = context.where("task", "labels", index)
            yield warning("NV347", message, where, "remove it, or add rows that have it")


def local_rows(context: Context) -> Iterator[tuple[str, Peek]]:
    """Yield what is known of each readable .jsonl or .csv source."""
    for part in ROWS:
        path = context.get("data", part, "path")
        rows = peek(context, part)
        if rows is not None and not path.endswith(".txt"):
            yield part, rows


def row_labels(context: Context) -> Any:
    """Return the labels that a row has one of; None where it has none, or a list of them.

    Without a sound type the labels are unchecked, and may be anything.
    """
    kind = context.get("task", "type") if context.sound("task", "type") else None
    return None if kind in (None, "tag") else context.get("task", "labels")


def label_column(context: Context) -> str | None:
    """Return the column that holds the right answer, or None where none is named."""
    columns = context.get("data", "columns")
    column = columns.get("label") if isinstance(columns, dict) else None
    return column if isinstance(column, str) else None

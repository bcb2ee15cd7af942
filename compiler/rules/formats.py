"""The format of rows to tune on: told by their keys, pinned by `data.format`, never guessed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..diagnostics import Diagnostic, Location, Span
from ..formats import FORMATS, JUDGED, recognise
from ..words import listed, show
from .base import Context, error, rule
from .files import ROWS, local_rows
from .rows import Peek

Found = tuple[int, tuple[str, ...]]
"""The line of a row, and the formats that it has the keys of."""


def talks(context: Context) -> bool:
    """Whether rows are whole conversations, and not columns for a template."""
    return context.level == "finetune" and context.get("task", "type") == "chat"


def judges(context: Context) -> bool:
    """Whether rows hold answers that are better and worse."""
    return context.level == "finetune" and context.get("task", "type") == "prefer"


def formats_of(context: Context, rows: Peek) -> list[Found]:
    """Return what each row read has the keys of."""
    columns = context.get("data", "columns")
    columns = columns if isinstance(columns, dict) else {}
    text, label = (str(columns.get(name, name)) for name in ("text", "label"))
    return [(line, recognise(row, text, label)) for line, row in rows.rows]


def told(context: Context) -> dict[str, str]:
    """Return the format of each file of rows, by its part, where all rows read agree on one."""
    found = {}
    known = FORMATS if talks(context) else tuple(JUDGED) if judges(context) else ()
    for part, rows in local_rows(context) if known else ():
        kinds = {kinds for _, kinds in formats_of(context, rows)}
        if len(kinds) == 1 and len(only := next(iter(kinds))) == 1 and only[0] in known:
            found[part] = only[0]
    return found


def format_line(context: Context) -> tuple[str, str] | None:
    """Return what a plan says of the format: pinned, or told by the rows; None without one."""
    if not talks(context) and not judges(context):
        return None
    said = context.get("data", "format")
    if said not in (None, "auto"):
        return "format", f"{said}, pinned"
    found = ", ".join(f"{name} of data.{part}" for part, name in told(context).items())
    return "format", f"{found}, told by the rows" if found else "told by the rows of the run"


@rule("NV316", "rows of different formats")
def check_mixed(context: Context) -> Iterator[Diagnostic]:
    """All rows of a file have one format."""
    for part, rows in _detected(context):
        first, *others = formats_of(context, rows)
        other = next((found for found in others if found[1] != first[1]), None)
        if other is not None:
            path = context.get("data", part, "path")
            count = sum(found[1] != first[1] for found in others)
            message = f"{show(path)} mixes formats: line {first[0]} is {_named(first[1])}, "
            message += f"line {other[0]} is {_named(other[1])}"
            message += f"; {count} of {len(others) + 1} differ from the first" if count > 1 else ""
            where = context.where("data", part, "path")
            cure = "give files of one format each"
            yield error("NV316", message, where, cure, _lines(path, first[0], other[0]))


@rule("NV317", "rows of no known format")
def check_unknown(context: Context) -> Iterator[Diagnostic]:
    """A conversation, or answers that were judged, have to be found in the row."""
    yield from _unjudged(context) if judges(context) else ()
    for part, (line, kinds), row in _agreeing(context):
        if not kinds and talks(context):
            path = context.get("data", part, "path")
            message = f"the rows of {show(path)} are no conversations: they have {_keys(row)}"
            cure = f"rewrite them as {listed(FORMATS)}; or name their columns: "
            cure += "`columns: {text: question, label: answer}`"
            where = context.where("data", part, "path")
            yield error("NV317", message, where, cure, _lines(path, line))


def _unjudged(context: Context) -> Iterator[Diagnostic]:
    """A preference is learned from answers that are better and worse."""
    need = "`chosen` and `rejected`, or with answers and a `label` of true or false"
    for part, (line, kinds), row in _agreeing(context):
        if kinds not in [(name,) for name in JUDGED]:
            path, where = context.get("data", part, "path"), context.where("data", part, "path")
            message = f"the rows of {show(path)} are not judged: they have {_keys(row)}"
            yield error("NV317", message, where, f"give rows with {need}", _lines(path, line))
    for part in ROWS:
        if context.get("data", part, "builtin") == "python-docs":
            where = context.where("data", part, "builtin")
            message = "the rows of `python-docs` are not judged"
            yield error("NV317", message, where, "write `builtin: python-docs-pairs`")


@rule("NV318", "rows of several formats at once")
def check_ambiguous(context: Context) -> Iterator[Diagnostic]:
    """What could be read in two ways is pinned by the writer."""
    for part, (line, kinds), _ in _agreeing(context):
        if len(kinds) > 1 and talks(context):
            path = context.get("data", part, "path")
            message = f"the rows of {show(path)} can be read as {_named(kinds)}"
            where = context.where("data", part, "path")
            cure = f"pin one: `format: {kinds[0]}` under `data`"
            yield error("NV318", message, where, cure, _lines(path, line))


@rule("NV319", "rows for learning a preference")
def check_judged(context: Context) -> Iterator[Diagnostic]:
    """Answers that are marked as worse are not to be learned as if they were right."""
    for part, (line, kinds), _ in _agreeing(context):
        if len(kinds) == 1 and kinds[0] in JUDGED and talks(context):
            path = context.get("data", part, "path")
            message = f"the rows of {show(path)} hold {JUDGED[kinds[0]]}, but `sft` learns every "
            message += "answer as right"
            where = context.where("data", part, "path")
            cure = "write `task: {type: prefer}`, or pin `format` to learn all answers"
            yield error("NV319", message, where, cure, _lines(path, line))


@rule("NV338", "format of rows that a template reads")
def check_unread(context: Context) -> Iterator[Diagnostic]:
    """Tasks with `input` read columns; only conversations have a format."""
    said, kind = context.get("data", "format"), context.get("task", "type")
    if context.level != "finetune" or said in (None, "auto") or not kind:
        return
    if talks(context) or judges(context):
        known = FORMATS if talks(context) else tuple(JUDGED)
        if said not in known:
            message = f"task `{kind}` does not learn from rows of format `{said}`"
            related = context.related((("task", "type"), "the task"))
            where = context.where("data", "format")
            yield error("NV338", message, where, f"write one of {listed(known)}", related)
    else:
        by = "" if kind == "embed" else " by its template"
        message = f"task `{kind}` reads columns{by}, so `format: {said}` has no use"
        related = context.related((("task", "type"), "the task"))
        cure = "remove it, or write `task: {type: chat}`"
        yield error("NV338", message, context.key("data", "format"), cure, related)


@rule("NV398", "columns of rows that no template reads")
def check_columns(context: Context) -> Iterator[Diagnostic]:
    """Judged answers are found by the names that their format has."""
    if judges(context) and context.has("data", "columns"):
        message = "task `prefer` reads no `columns`: its answers are found by the row's own keys"
        related = context.related((("task", "type"), "the task"))
        cure = "remove it, and name the keys `prompt`, `chosen` and `rejected` in the rows"
        yield error("NV398", message, context.key("data", "columns"), cure, related)


@rule("NV339", "balance without labels")
def check_balance(context: Context) -> Iterator[Diagnostic]:
    """Rows are balanced over the labels of a classification."""
    kind = context.get("task", "type")
    if context.level != "finetune" or kind in (None, "classify"):
        return
    for part in ("train", "test"):
        if context.get("data", part, "balance"):
            message = f"task `{kind}` has no labels to balance"
            related = context.related((("task", "type"), "the task"))
            where = context.key("data", part, "balance")
            yield error("NV339", message, where, "remove `balance`", related)


@rule("NV309", "chat template that cannot be read")
def check_template_file(context: Context) -> Iterator[Diagnostic]:
    """The template is a Jinja file inside the project."""
    import os

    from .rows import locate

    path = context.get("model", "chat_template")
    if context.level != "finetune" or not isinstance(path, str):
        return
    target = locate(context, path)
    where = context.where("model", "chat_template")
    if target is None:
        message = f"{show(path)} lies outside the project"
        yield error("NV309", message, where, "copy the file into the project")
    elif not os.path.isfile(target):
        message = f"{show(path)} does not exist in the project"
        yield error("NV309", message, where, "check the name; it is relative to the project")


def _detected(context: Context) -> Iterator[tuple[str, Peek]]:
    """Yield the files of rows whose format is told by their keys."""
    told_by_keys = context.get("data", "format") in (None, "auto")
    if told_by_keys and (talks(context) or judges(context)):
        yield from ((part, rows) for part, rows in local_rows(context) if rows.rows)


def _agreeing(context: Context) -> Iterator[tuple[str, Found, dict[str, Any]]]:
    """Yield what the rows of each file agree on, with its first row."""
    for part, rows in _detected(context):
        found = formats_of(context, rows)
        if len({kinds for _, kinds in found}) == 1:
            yield part, found[0], rows.rows[0][1]


def _named(kinds: tuple[str, ...]) -> str:
    return " or ".join(kinds) if kinds else "in no known format"


def _keys(row: dict[str, Any]) -> str:
    return listed([name for name in row if isinstance(name, str)], 6)


def _lines(path: str, *lines: int) -> tuple[tuple[Location, str], ...]:
    return tuple((Location(path, Span(line, 1, line, 1)), "here") for line in lines)

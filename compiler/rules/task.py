"""Templates, labels and ways of asking."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..diagnostics import Diagnostic, Location, Span
from ..document import DataPath
from ..words import listed, show
from .base import Context, error, rule
from .calls import wrong_calls
from .confined import Refusal, bound_names, refusals
from .messages import JUDGE, conversations, templates
from .templates import TemplateFault, environment, is_simple, parse_template, template_names


@rule("NV320", "template that does not parse")
def check_template(context: Context) -> Iterator[Diagnostic]:
    """The template is Jinja; a fault is shown on its own line where that is known."""
    for path, template in templates(context):
        try:
            template_names(template)
        except TemplateFault as fault:
            where = _line_of(context, path, fault.line)
            message = f"the template {fault.what}: {fault}"
            yield error("NV320", message, where, "a column is written `{{ name }}`")


def _line_of(context: Context, path: DataPath, line: int) -> Location | None:
    """Find a line of a block scalar or a file; other styles have no lines of their own."""
    place = context.document.spans.get(path)
    if place is None or place.span.line == place.span.end_line:
        return place
    at = _first_line(context, path, place) + line - 1
    text = context.document.line(place.file, at)
    start = len(text) - len(text.lstrip()) + 1
    return Location(place.file, Span(at, start, at, max(len(text), start) + 1))


def _first_line(context: Context, path: DataPath, place: Location) -> int:
    """Return where a template of several lines begins: in a spec, below its key."""
    key = context.document.key_spans.get(path)
    return place.span.line + (key is None or key.file == place.file)


@rule("NV365", "template that the run refuses")
def check_confined(context: Context) -> Iterator[Diagnostic]:
    """What could fill the memory from a few characters is refused when a template is filled in."""
    columns = context.get("data", "columns")
    known = {*(columns if isinstance(columns, dict) else ()), "answer"}
    for path, template in templates(context):
        try:
            tree = None if is_simple(template) else parse_template(template)
        except TemplateFault:
            continue
        for line, word, message, cure in _refused(tree, known) if tree else ():
            yield error("NV365", message, _word_place(context, path, word, line), cure)


def _refused(tree: Any, known: set[str]) -> list[Refusal]:
    """Return what the run refuses of a template, each word of a line once."""
    calls = wrong_calls(tree, environment(), known - bound_names(tree))
    found = {(one[0], one[1]): one for one in (*calls, *refusals(tree, known))}
    return sorted(found.values())


@rule("NV321", "template name that is no column")
def check_names(context: Context) -> Iterator[Diagnostic]:
    """Every name in the template stands for a column."""
    columns = context.get("data", "columns")
    if columns is None:
        return
    for path, template in templates(context):
        given = {*columns, "answer"} if path == JUDGE else set(columns)
        for name in sorted(names_or_none(template) - given):
            yield _no_column(context, path, name, columns)


def _no_column(context: Context, path: DataPath, name: str, columns: Any) -> Diagnostic:
    from ..suggest import nearest

    close = nearest(name, [column for column in columns if column != "label"])
    message = f"the template reads `{name}`, which is not in data.columns"
    cure = f"write `{{{{ {close} }}}}`" if close else f"the columns are {listed(columns)}"
    related = context.related((("data", "columns"), "the names a template can read"))
    return error("NV321", message, _name_place(context, path, name), cure, related)


@rule("NV322", "template that shows the answer")
def check_leak(context: Context) -> Iterator[Diagnostic]:
    """A model that is shown the label proves nothing."""
    columns = context.get("data", "columns")
    if not isinstance(columns, dict):
        return
    answer = columns.get("label")
    for path, template in templates(context):
        for name in sorted(names_or_none(template)) if path != JUDGE else ():
            if name == "label" or (answer is not None and columns.get(name) == answer):
                message = f"the template shows the model the right answer: `{name}` is the label"
                related = context.related((("data", "columns", "label"), "the label column"))
                where = _name_place(context, path, name)
                yield error("NV322", message, where, f"take `{{{{ {name} }}}}` out", related)


@rule("NV323", "template without any column")
def check_constant(context: Context) -> Iterator[Diagnostic]:
    """What reads nothing asks every row the same question."""
    said = dict(templates(context))
    alone = [(path, [path]) for path in said if path[-1] == "input" and path != JUDGE]
    together = [
        (path, [(*path, index, "content") for index in range(len(messages))])
        for path, messages in conversations(context)
    ]
    for path, parts in (*alone, *together):
        if all(part in said and _reads_nothing(said[part]) for part in parts):
            one = path[-1] == "input"
            message = f"the {'template reads' if one else 'messages read'} no column, so every row"
            where = context.where(*path) if one else context.key(*path)
            cure = "name a column: `{{ text }}`"
            yield error("NV323", f"{message} would look the same", where, cure)


def _reads_nothing(template: str) -> bool:
    try:
        return not template_names(template)
    except TemplateFault:
        return False


def names_or_none(template: str) -> set[str]:
    try:
        return template_names(template)
    except TemplateFault:
        return set()


def _name_place(context: Context, path: DataPath, name: str) -> Location | None:
    """Find ``{{ name`` in the file, so that the caret is under the name itself."""
    place = context.document.spans.get(path)
    if place is None:
        return context.where(*path)
    return _find(context, path, rf"\{{[{{%][^}}]*?\b({re.escape(name)})\b") or context.where(*path)


def _word_place(context: Context, path: DataPath, word: str, line: int) -> Location | None:
    """Find a refused word, first on its own line of a block, then anywhere in the template."""
    place = context.document.spans.get(path)
    edges = (r"\b", r"\b") if word.isidentifier() else ("", "")
    pattern = rf"\{{[{{%][^}}]*?({edges[0]}{re.escape(word)}{edges[1]})"
    block = place is not None and place.span.end_line > place.span.line
    first = _first_line(context, path, place) + line - 1 if place is not None and block else 0
    return (
        _find(context, path, pattern, first)
        or _find(context, path, pattern)
        or context.where(*path)
    )


def _find(context: Context, path: DataPath, text: str, least: int = 0) -> Location | None:
    """Return where the first group of a pattern stands in the template as written."""
    place = context.document.spans.get(path)
    if place is None:
        return None
    pattern = re.compile(text)
    for line in range(max(place.span.line, least), place.span.end_line + 1):
        text = context.document.line(place.file, line)
        start = place.span.column - 1 if line == place.span.line else 0
        found = pattern.search(text, start)
        if found is not None:
            span = Span(line, found.start(1) + 1, line, found.end(1) + 1)
            return Location(place.file, span)
    return None


@rule("NV327", "labels that cannot be told apart")
def check_labels(context: Context) -> Iterator[Diagnostic]:
    """Labels that differ only in case or outer spaces score nearly alike."""
    seen: dict[str, int] = {}
    labels = context.get("task", "labels")
    for index, label in enumerate(labels if isinstance(labels, list) else ()):
        if not isinstance(label, str):
            continue
        first = seen.setdefault(label.strip().lower(), index)
        if first != index and labels[first] != label:
            pair = f"{show(labels[first])} and {show(label)}"
            message = f"labels {pair} differ only in case or spaces"
            related = context.related((("task", "labels", first), "the other one"))
            where = context.where("task", "labels", index)
            yield error("NV327", message, where, "use labels that differ in letters", related)

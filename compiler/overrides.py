"""Values given on the command line in place of those of the spec: ``--set`` and ``--hardware``.

They count as if written in the spec: the same checks see them, and a finding points into the
option's own text. ``--set`` replaces a value whole (a map too), and null removes one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from .diagnostics import CompileError, Diagnostic, Location, Span
from .document import UNUSABLE, DataPath, Document, parse_document
from .scalars import NotFinite, resolve_plain
from .sharing.merge import Joined
from .source import Source, decode_source

HARDWARE_OPTION = "--hardware"
"""How a finding names the machine given on the command line, in place of a file."""

SET_OPTION = "--set"

_PATH = re.compile(r"[^\s.\[\]=]+(?:\.[^\s.\[\]=]+|\[\d{1,6}\])*\Z")
_STEP = re.compile(r"\[(\d+)\]|[^.\[\]]+")
_NOT_PLAIN = tuple("[{\"'&*!|>%@`")
"""What no plain YAML scalar begins with; a value that does is YAML, any other is one scalar."""

_LONGEST_LABEL = 60


@dataclass(frozen=True, slots=True)
class Overrides:
    """The texts of ``--set``, in their order, and the profile of ``--hardware``.

    The machine is swapped first, so that ``--set hardware.precision=...`` can refine it.
    """

    sets: tuple[str, ...] = ()
    hardware: str | None = None


@dataclass(frozen=True, slots=True)
class _Assignment:
    """One ``--set``: each step of its path with its place, and the value as a document."""

    steps: tuple[tuple[str | int, Location], ...]
    value: Document

    @property
    def path(self) -> DataPath:
        return tuple(step for step, _ in self.steps)


def apply_overrides(document: Document, overrides: Overrides) -> tuple[Document, list[Diagnostic]]:
    """Return the document with all overrides in place, and what is wrong with them.

    An override that cannot be read or does not fit is left out, and a finding says so.
    """
    found: list[Diagnostic] = []
    if not isinstance(document.data, dict):
        return document, found
    if overrides.hardware is not None:
        document = _with_hardware(document, overrides.hardware)
    texts = [_source(text) for text in overrides.sets]
    known = {**document.sources, **{source.path: source for source in texts}}
    document = replace(document, sources=known)
    for source in texts:
        try:
            assignment, wrong = _read(source)
            found.extend(wrong)
            if assignment is not None:
                document = _assign(document, assignment)
        except CompileError as error:
            found.extend(error.diagnostics)
    return document, found


def _with_hardware(document: Document, profile: str) -> Document:
    """Swap the machine, as if the spec had named ``profile``."""
    place = Location(HARDWARE_OPTION, Span(1, 1, 1, len(profile) + 1))
    source = Source(HARDWARE_OPTION, profile)
    joined = Joined.of(document)
    joined.forget(("hardware",), joined.data.get("hardware"))
    joined.data["hardware"] = profile
    joined.spans[("hardware",)] = joined.keys[("hardware",)] = place
    return joined.document({**document.sources, HARDWARE_OPTION: source})


def _source(text: str) -> Source:
    """Name the text of a ``--set`` as the user knows it, cut where it is long."""
    return Source(label_of(text), text)


def label_of(text: str) -> str:
    """What findings call a ``--set`` in place of a file."""
    label = f"{SET_OPTION} {text}"
    return label if len(label) <= _LONGEST_LABEL else f"{label[:_LONGEST_LABEL]}..."


def _read(source: Source) -> tuple[_Assignment | None, list[Diagnostic]]:
    """Part a ``--set`` into path and value; raises CompileError for what is neither."""
    decode_source(source.text.encode("utf-8", "surrogateescape"), source.path)
    name, equals, value = source.text.partition("=")
    if not equals or not _PATH.match(name):
        cure = "write `--set KEY=VALUE`, such as `--set train.epochs=1` or `--set task.labels[0]=a`"
        raise _finding("NV513", "the path of this override cannot be read", source, 0, cure)
    if not value.strip():
        cure = f"write `{name}=null` to remove it, or `{name}='\"\"'` for an empty text"
        raise _finding("NV513", f"`{name}` is given no value", source, len(name), cure)
    document, found = _value(source, len(name) + 1)
    if document is None:
        return None, found
    steps = tuple(
        (int(step[1]) if step[1] else step[0], _place(source, step.start(), step.end()))
        for step in _STEP.finditer(name)
    )
    return _Assignment(steps, document), found


def _value(source: Source, start: int) -> tuple[Document | None, list[Diagnostic]]:
    """Read the value, which starts at offset ``start`` of the option's text."""
    text = source.text[start:]
    if text.lstrip().startswith(_NOT_PLAIN):
        # Blanks in place of the path keep every column where the user sees it.
        return parse_document(Source(source.path, " " * start + text))
    lead = len(text) - len(text.lstrip())
    word, found = text.strip(), []
    place = _place(source, start + lead, start + lead + len(word))
    try:
        value: Any = resolve_plain(word)
    except NotFinite as error:
        value = UNUSABLE
        found.append(Diagnostic("NV111", "error", str(error), place, "write a finite number"))
    spans: dict[DataPath, Location] = {(): place}
    return Document(value, spans, {}, {(): source.path}, {source.path: source}), found


def _assign(document: Document, assignment: _Assignment) -> Document:
    path = assignment.path
    if path[0] == "extends":
        cure = "set the values that the other file would give, or write a spec that extends it"
        raise _unfit("`extends` is read before any override", assignment, 0, cure)
    joined = Joined.of(document)
    holder = _holder(joined, assignment)
    last, value = path[-1], assignment.value.data
    _check_step(holder, len(path) - 1, assignment)
    known = last in holder if isinstance(holder, dict) else True
    joined.forget(path, holder[last] if known else None)
    if value is None and known:
        del holder[last]
    else:
        holder[last] = joined.adopt(path, value, _moved(assignment.value, path))
        if isinstance(holder, dict):
            joined.keys[path] = assignment.steps[-1][1]
    return joined.document(document.sources)


def _holder(joined: Joined, assignment: _Assignment) -> Any:
    """Return the map or list that holds the last step; maps on the way are made."""
    holder: Any = joined.data
    for depth, (step, place) in enumerate(assignment.steps[:-1]):
        _check_step(holder, depth, assignment)
        if isinstance(holder, dict) and step not in holder:
            path = assignment.path[: depth + 1]
            holder[step] = {}
            joined.keys[path] = joined.spans[path] = place
        holder = holder[step]
    return holder


def _check_step(holder: Any, depth: int, assignment: _Assignment) -> None:
    """Refuse a step that the value before it cannot take."""
    from .schema import name_of
    from .words import describe, plural

    step, before = assignment.path[depth], name_of(assignment.path[:depth])
    last = depth == len(assignment.steps) - 1
    if isinstance(step, str) and not isinstance(holder, dict):
        message = f"`{before}` is {describe(holder)}, which has no key `{step}`"
        cure = f"set the whole of it: --set '{before}={{{step}: ...}}'"
    elif isinstance(step, int) and not isinstance(holder, list):
        message = f"`{before}` is {describe(holder)}, which has no item [{step}]"
        cure = f"set the whole of it: --set '{before}=[...]'"
    elif isinstance(step, int) and step >= len(holder):
        message = f"`{before}` has {plural(len(holder), 'item')}, and no [{step}]"
        cure = "items are counted from 0; to add one, set the whole list"
    elif isinstance(step, int) and last and assignment.value.data is None:
        message, cure = "an item of a list cannot be removed alone", "set the whole list"
    else:
        return
    raise _unfit(message, assignment, depth, cure)


def _moved(value: Document, path: DataPath) -> Document:
    """Return the document of a value with its places below ``path``."""
    spans = {(*path, *inner): place for inner, place in value.spans.items()}
    keys = {(*path, *inner): place for inner, place in value.key_spans.items()}
    return Document(value.data, spans, keys, {}, value.sources)


def _place(source: Source, start: int, end: int) -> Location:
    return Location(source.path, Span(1, start + 1, 1, end + 1))


def _finding(code: str, message: str, source: Source, at: int, cure: str) -> CompileError:
    place = _place(source, at, max(len(source.text), at + 1))
    return CompileError([Diagnostic(code, "error", message, place, cure)])


def _unfit(message: str, assignment: _Assignment, depth: int, cure: str) -> CompileError:
    place = assignment.steps[depth][1]
    found = Diagnostic("NV514", "error", message, place, cure, (), assignment.path)
    return CompileError([found])

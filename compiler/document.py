"""YAML text to plain data, with the position of every key and value.

libyaml's events are driven on an explicit stack: no recursion for a hostile file to
exhaust, YAML 1.2 scalars, and duplicate keys, tags, anchors and aliases seen as they come.
"""

from __future__ import annotations

import re
from typing import Any

from .diagnostics import MAX_FINDINGS, Diagnostic, Location, Span
from .events import (
    Alias,
    DocumentStart,
    End,
    Event,
    MappingStart,
    Scalar,
    SequenceStart,
    YAMLError,
    parse_events,
)
from .located import UNUSABLE, DataPath, Document, Unusable, split_lines, walk
from .scalars import NotFinite, resolve_plain
from .source import Source
from .syntax import explain_syntax_error, template_cure

__all__ = [
    "UNUSABLE",
    "DataPath",
    "Document",
    "Unusable",
    "parse_document",
    "split_lines",
    "walk",
]

MAX_DEPTH = 100
MAX_NODES = 20_000
"""Values of one file: as many as a person could write, and read in a quarter of a second."""

_UNWRITABLE = re.compile("[\0\ud800-\udfff]").search
"""What double quotes let in by escapes, and no file name or UTF-8 file can hold."""


def parse_document(source: Source) -> tuple[Document | None, list[Diagnostic]]:
    """Parse ``source``; the document is None when the text cannot be read to its end."""
    builder = _Builder(source)
    try:
        for event in parse_events(source.text):
            builder.take(event)
    except YAMLError as error:
        found = explain_syntax_error(source, error)
        if not builder.blames_template(found):
            builder.found.append(found)
        return None, builder.found
    except _Stop:
        return None, builder.found
    return builder.finish(), builder.found


class _Stop(Exception):
    """The text is beyond repair or beyond the caps; what is found is already recorded."""


class _Open:
    """A collection being filled; ``key`` waits for its value, ``drop`` for one to ignore."""

    __slots__ = ("drop", "flow", "key", "path", "start", "value")

    def __init__(self, value: Any, path: DataPath, flow: bool, start: Any) -> None:
        self.value, self.path, self.flow, self.start = value, path, flow, start
        self.key: str | None = None
        self.drop = False


class _Builder:
    """Turns events into data; each ``_take`` method handles one kind of event."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.found: list[Diagnostic] = []
        self.template_line = 0
        self.spans: dict[DataPath, Location] = {}
        self.keys: dict[DataPath, Location] = {}
        self.stack: list[_Open] = []
        self.root: Any = None
        self.nodes = 0
        self.documents = 0
        self.skipping = 0
        self.last_end: Any = None

    def take(self, event: Event) -> None:
        """Take the next event; raises _Stop where going on would only mislead."""
        if isinstance(event, Scalar | Alias | MappingStart | SequenceStart):
            self._take_node(event)
        elif isinstance(event, End):
            self._take_end(event)
        elif isinstance(event, DocumentStart):
            self.documents += 1
            if self.documents > 1:
                message = "a spec is one document, but a second starts here"
                cure = "remove the line `---`, or move what follows to its own file"
                self._stop("NV112", message, event, cure)

    def finish(self) -> Document:
        """Return the document; an empty file is an empty map."""
        data = {} if self.documents == 0 or self.root is None else self.root
        origins = dict.fromkeys(self.spans, self.source.path)
        return Document(data, self.spans, self.keys, origins, {self.source.path: self.source})

    def blames_template(self, found: Diagnostic) -> bool:
        """Tell whether ``found`` only says where an unquoted template broke the grammar."""
        line = found.location.span.line if found.location else 0
        return 0 < self.template_line >= line - 1

    def _take_node(self, event: Any) -> None:
        self._count(event)
        if self.skipping:
            self.skipping += not isinstance(event, Scalar | Alias)
            self._refuse_depth(event)  # the parser's own work grows with the square of it
            return
        top = self.stack[-1] if self.stack else None
        if top is not None and top.drop:
            top.drop = False
            self.skipping += not isinstance(event, Scalar | Alias)
        elif top is not None and isinstance(top.value, dict) and top.key is None:
            self._take_key(top, event)
        else:
            self._place(top, event)

    def _count(self, event: Any) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self._stop("NV110", f"the file has more than {MAX_NODES:,} values", event, None)

    def _refuse_depth(self, event: Any) -> None:
        if len(self.stack) + self.skipping > MAX_DEPTH:
            message = f"values are nested deeper than {MAX_DEPTH} levels"
            self._stop("NV110", message, event, None)

    def _take_key(self, top: _Open, event: Any) -> None:
        self._refuse_marks(event)
        if not isinstance(event, Scalar):
            self._take_odd_key(top, event)
            return
        key, path = event.value, (*top.path, event.value)
        if key == "<<" and not event.style:
            self._add("NV105", "merge keys `<<` are not part of this language", event,
                      "share parts of specs with `extends: other.yaml`")  # fmt: skip
            top.drop = True
        elif path in self.keys:
            self._add_duplicate(key, event, self.keys[path])
            top.drop = True
        else:
            self.keys[path] = self._locate(event.start_mark, event.end_mark)
            top.key = key

    def _take_odd_key(self, top: _Open, event: Any) -> None:
        """A map or list as key: nearly always ``{{ name }}`` that lacks its quotes."""
        top.drop = True
        self.skipping += not isinstance(event, Alias)
        self._poison(top)
        if isinstance(event, MappingStart) and event.flow_style and top.flow:
            where = self._locate(top.start, event.end_mark)
            self.template_line = where.span.line
            cure = template_cure(self.source, where)
            self._add_at("NV103", "a template must be quoted", where, cure)
        else:
            self._add("NV113", "a key must be a word, not a map, list or alias", event, None)

    def _place(self, top: _Open | None, event: Any) -> None:
        refused = self._refuse_marks(event)
        value = self._value(event, refused)
        path = self._attach(top, UNUSABLE if refused else value)
        self.spans[path] = self._locate(event.start_mark, event.end_mark)
        self.last_end = event.end_mark
        if isinstance(event, MappingStart | SequenceStart):
            self.stack.append(_Open(value, path, bool(event.flow_style), event.start_mark))
            self._refuse_depth(event)

    def _attach(self, top: _Open | None, value: Any) -> DataPath:
        if top is None:
            self.root = value
            return ()
        if isinstance(top.value, list):
            top.value.append(value)
            return (*top.path, len(top.value) - 1)
        key, top.key = top.key, None
        top.value[key] = value
        return (*top.path, key or "")

    def _poison(self, top: _Open) -> None:
        """Mark the map that holds an unreadable key as already refused."""
        if len(self.stack) > 1:
            self.stack[-2].value[top.path[-1]] = UNUSABLE

    def _value(self, event: Any, refused: bool) -> Any:
        if isinstance(event, MappingStart):
            return {}
        if isinstance(event, SequenceStart):
            return []
        if refused:
            return UNUSABLE
        return self._scalar(event)

    def _scalar(self, event: Any) -> Any:
        if _UNWRITABLE(event.value):
            message = "a text cannot hold a NUL character or half of a surrogate pair"
            self._add("NV108", message, event, "remove the escape")
            return UNUSABLE
        if event.style or not event.implicit[0]:
            return event.value
        try:
            return resolve_plain(event.value)
        except NotFinite as error:
            self._add("NV111", str(error), event, "write a finite number")
            return UNUSABLE

    def _refuse_marks(self, event: Any) -> bool:
        """Refuse alias, anchor and tag; True when the value itself is lost."""
        if isinstance(event, Alias):
            self._add("NV105", f"YAML alias `*{event.anchor}` is not part of this language", event,
                      "write the value out, or share it with `extends`")  # fmt: skip
            return True
        if event.anchor is not None:
            self._add("NV105", f"YAML anchor `&{event.anchor}` is not part of this language", event,
                      f"remove `&{event.anchor}`")  # fmt: skip
        if event.tag is not None and event.tag != "!":
            self._add("NV106", f"YAML tag `{_short_tag(event.tag)}` is not part of this language",
                      event, "remove the tag: values mean what they look like")  # fmt: skip
            return True
        return False

    def _take_end(self, event: Any) -> None:
        if self.skipping:
            self.skipping -= 1
            return
        closed = self.stack.pop()
        end = event.end_mark if closed.flow or self.last_end is None else self.last_end
        self.spans[closed.path] = self._locate(closed.start, end)
        self.last_end = end

    def _add_duplicate(self, key: str, event: Any, first: Location) -> None:
        where = self._locate(event.start_mark, event.end_mark)
        line = first.span.line
        message = f"key `{key}` is given twice; the first is at line {line}"
        cure = "remove one of the two"
        related = ((first, "first given here"),)
        self._note(Diagnostic("NV104", "error", message, where, cure, related))

    def _locate(self, start: Any, end: Any) -> Location:
        span = Span(start.line + 1, start.column + 1, end.line + 1, end.column + 1)
        return Location(self.source.path, span)

    def _add(self, code: str, message: str, event: Any, cure: str | None) -> None:
        self._add_at(code, message, self._locate(event.start_mark, event.end_mark), cure)

    def _add_at(self, code: str, message: str, where: Location, cure: str | None) -> None:
        self._note(Diagnostic(code, "error", message, where, cure))

    def _note(self, found: Diagnostic) -> None:
        self.found.append(found)
        if len(self.found) > MAX_FINDINGS:
            raise _Stop

    def _stop(self, code: str, message: str, event: Any, cure: str | None) -> None:
        self._add(code, message, event, cure)
        raise _Stop


def _short_tag(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")

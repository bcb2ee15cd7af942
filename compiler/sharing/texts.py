"""Texts and schemas that stand in files of their own, put in the place that names them.

They are read once a spec is whole, each relative to the file that names it and inside that file's
project, package or commit. From there on a spec looks as if it held the text itself, except that
the text's place is in its own file: a finding about a template points into the template.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..diagnostics import CompileError, Diagnostic, Location, Span
from ..document import UNUSABLE, DataPath, Document, parse_document, split_lines
from ..source import Source
from .merge import Joined
from .refused import Refused

if TYPE_CHECKING:
    from .loader import Loader

TEXTS = (".j2", ".jinja", ".txt", ".md")
SCHEMAS = (".json", ".yaml", ".yml")
"""Kinds of files: a spec of a stranger names no other, such as one that holds keys."""

MAX_CHARACTERS = 100_000
"""Of one text; what a template may write for one row is no longer either."""

_CURE = "give a path relative to the file that names it"


def read_texts(document: Document, loader: Loader) -> Document:
    """Return ``document`` with the texts of the files that it names; findings go to ``loader``."""
    named = list(_named(document.data)) if isinstance(document.data, dict) else []
    if not named:
        return document
    joined, sources = Joined.of(document), dict(document.sources)
    for path, at, name in named:
        value = _read(document, loader, path, at, name)
        joined.forget(at, _holder(joined.data, at)[at[-1]])
        key = document.key_spans.get(path)
        if key is not None:
            joined.keys[path] = key
        adopted = joined.adopt(path, value.data, _moved(value, path))
        _holder(joined.data, path)[path[-1]] = adopted
        sources.update(value.sources)
    return joined.document(sources)


def _named(data: dict[str, Any]) -> Iterator[tuple[DataPath, DataPath, str]]:
    """Yield the place of each text, the place of the name of its file, and that name."""
    for path in _places(data):
        said = _at(data, path)
        if isinstance(said, dict) and set(said) == {"file"} and isinstance(said["file"], str):
            yield path, (*path, "file"), said["file"]
    schema = _at(data, ("task", "schema"))
    if isinstance(schema, str):
        yield ("task", "schema"), ("task", "schema"), schema


def _places(data: dict[str, Any]) -> Iterator[DataPath]:
    """Yield every place that a text may stand in, whether it is there or not."""
    variants = _at(data, ("prompt", "variants"))
    names = variants if isinstance(variants, dict) else ()
    yield ("prompt", "system")
    yield from (("prompt", "variants", name, "system") for name in names)
    for above in (("task",), *(("prompt", "variants", name) for name in names)):
        yield (*above, "input")
        messages = _at(data, (*above, "messages"))
        for index in range(len(messages) if isinstance(messages, list) else 0):
            yield (*above, "messages", index, "content")


def _at(data: Any, path: DataPath) -> Any:
    for step in path:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _holder(data: Any, path: DataPath) -> Any:
    return _at(data, path[:-1])


def _moved(value: Document, path: DataPath) -> Document:
    spans = {(*path, *inner): place for inner, place in value.spans.items()}
    keys = {(*path, *inner): place for inner, place in value.key_spans.items()}
    return Document(value.data, spans, keys, {}, value.sources)


def _read(document: Document, loader: Loader, path: DataPath, at: DataPath, name: str) -> Document:
    """Return the text or schema in a file, with its places; unusable where there is none."""
    where = document.point(at)
    schema = path[-1] == "schema"
    try:
        source = _source(name, SCHEMAS if schema else TEXTS, where, loader)
        return _schema(source, loader) if schema else _text(source, path[-1] == "system")
    except CompileError as error:
        for found in error.diagnostics:
            place = found.location or where
            loader.found.append(replace(found, location=place))
    except Refused as refused:
        found = Diagnostic(refused.code, "error", refused.message, where, refused.cure)
        loader.found.append(found)
    return Document(UNUSABLE, {} if where is None else {(): where}, {}, {}, {})


def _source(name: str, kinds: tuple[str, ...], where: Location | None, loader: Loader) -> Source:
    suffix = os.path.splitext(name)[1]
    if suffix not in kinds or any(part.startswith(".") for part in _plain_parts(name)):
        cure = f"name a file that ends in {', '.join(kinds[:-1])} or {kinds[-1]}, and is not hidden"
        raise Refused("NV515", f"`{name}` is not a file that a spec can hold the text of", cure)
    home = loader.home_of(where.file if where else "")
    try:
        inner = home.relative(name)
    except Refused as refused:
        loader.note_missing(home, name)
        raise Refused("NV515", refused.message, _CURE) from None
    return loader.read(inner, where)


def _plain_parts(name: str) -> list[str]:
    return [part for part in name.replace("\\", "/").split("/") if part not in (".", "..")]


def _text(source: Source, plain: bool) -> Document:
    """Return a file's text; a system message is no template, which would lose its last line end."""
    text = source.text.replace("\r\n", "\n").replace("\r", "\n")
    if len(text) > MAX_CHARACTERS:
        message = f"the text is {len(text):,} characters; a prompt has at most {MAX_CHARACTERS:,}"
        raise _at_start(source, message, "shorten it")
    lines = split_lines(text)
    place = Location(source.path, Span(1, 1, len(lines), len(lines[-1]) + 1))
    if plain:
        text = text.removesuffix("\n")
    if not text.strip():
        raise _at_start(source, "the file holds no text", "write the text")
    if len(lines) == 2 and not lines[1]:  # one line and its end
        place = Location(source.path, Span(1, 1, 1, len(lines[0]) + 1))
    return Document(text, {(): place}, {}, {}, {source.path: source})


def _schema(source: Source, loader: Loader) -> Document:
    document, found = parse_document(source)
    loader.found.extend(found)
    if document is None:
        raise CompileError([])
    if not isinstance(document.data, dict) or not document.data:
        message = "the file holds no JSON Schema, which is a map of keys"
        cure = 'begin with `{"type": "object", "properties": {...}}`'
        raise _at_start(source, message, cure)
    return document


def _at_start(source: Source, message: str, cure: str) -> CompileError:
    where = Location(source.path, Span(1, 1, 1, 1 + bool(source.text.strip())))
    return CompileError([Diagnostic("NV515", "error", message, where, cure)])

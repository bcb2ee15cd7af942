"""A whole spec as text: `extends` followed, overrides in place, each value with its origin.

What is written reads back to equal data under YAML 1.1 and 1.2, so that other tools may read it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..schemas import read_schema
from .defaults import fill_defaults
from .document import DataPath, Document
from .unread import unread, without

Notes = Mapping[DataPath, str]

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*\Z")
_OTHER_TYPES = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))
"""Words that YAML 1.1 or 1.2 takes for something else than a text."""

_WIDTH = 88
"""A list longer than this many columns is written with an item on each line."""

_NOTES_AT = 60
"""The column that the origins stand at, unless most lines are shorter or this one is longer."""

DEFAULT = "default"


def resolved_data(document: Document, level: str, *, defaults: bool = False) -> dict[str, Any]:
    """Return the data of a sound document of ``level`` without `extends`.

    The sections come in the order of the language; with ``defaults``, all of them.
    """
    data = dict(document.data)
    if defaults:
        data = without(fill_defaults(level, document.data), unread(level, document.data))
    if "task" not in data:  # nothing is measured, so the defaults of how to measure are not used
        data["evaluate"] = document.data.get("evaluate")
    known = list(read_schema(f"{level}.json")["properties"])
    return {key: data[key] for key in known if data.get(key) is not None and key != "extends"}


def origins(document: Document, data: Any) -> dict[DataPath, str]:
    """Say for each scalar and list of ``data`` where it was written: ``shared.yaml:3``."""
    return {path: _origin(document, path) for path in _leaves(data)}


def value_origins(document: Document, level: str) -> list[dict[str, Any]]:
    """Return every value of a sound document, defaults too: its `key`, `value` and `origin`."""
    from .schema import name_of

    data = resolved_data(document, level, defaults=True)
    found = origins(document, data)
    return [
        {"key": name_of(path), "value": _at(data, path), "origin": note}
        for path, note in found.items()
    ]


def _at(data: Any, path: DataPath) -> Any:
    for step in path:
        data = data[step]
    return data


def _origin(document: Document, path: DataPath) -> str:
    place = document.spans.get(path) or document.key_spans.get(path)
    if place is None:
        return DEFAULT
    file = "".join(char if char.isprintable() else "?" for char in place.file)
    return file if file.startswith("--") else f"{file}:{place.span.line}"


def _leaves(data: Any, path: DataPath = ()) -> Iterator[DataPath]:
    if isinstance(data, dict) and data:
        for key, value in data.items():
            yield from _leaves(value, (*path, key))
    elif isinstance(data, list) and not _on_one_line(data):
        for index, value in enumerate(data):
            yield from _leaves(value, (*path, index))
    else:
        yield path


def write_yaml(data: Any, notes: Notes | None = None) -> str:
    """Return ``data`` as YAML, with a comment at the end of each line whose path has a note."""
    lines = list(_block(data, (), 0))
    at = min(max((len(text) for text, _ in lines), default=0), _NOTES_AT)
    written = (
        f"{text:<{at}}  # {notes[path]}" if notes and path in notes else text
        for text, path in lines
    )
    return "\n".join(written) + "\n"


def write_json(data: Any, notes: Notes | None = None) -> str:
    """Return ``data`` as JSON; with notes, as the keys ``spec`` and ``origins``."""
    from .schema import name_of

    if notes is not None:
        said = {name_of(path): note for path, note in notes.items()}
        data = {"spec": data, "origins": said}
    text = json.dumps(data, indent=2, ensure_ascii=False)
    # a character that editors hide is escaped: raw, the compiler itself would refuse it
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text) + "\n"


Line = tuple[str, DataPath]


def _block(value: Any, path: DataPath, depth: int) -> Iterator[Line]:
    """Yield the lines of a value that stands on lines of its own."""
    indent = "  " * depth
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _entry(f"{indent}{scalar(key)}:", item, (*path, key), depth)
    elif isinstance(value, list) and not _on_one_line(value):
        for index, item in enumerate(value):
            yield from _item(item, (*path, index), depth)
    else:
        yield f"{indent}{flow(value)}", path


def _entry(head: str, value: Any, path: DataPath, depth: int) -> Iterator[Line]:
    if _on_one_line(value):
        yield f"{head} {flow(value)}", path
    else:
        yield head, path
        yield from _block(value, path, depth + 1)


def _item(value: Any, path: DataPath, depth: int) -> Iterator[Line]:
    """Yield a list's item: its first line begins with the hyphen."""
    lines = list(_block(value, path, depth + 1))
    first, where = lines[0]
    indent = "  " * depth
    yield f"{indent}- {first[len(indent) + 2 :]}", where
    yield from lines[1:]


def _on_one_line(value: Any) -> bool:
    """Whether a value is written after its key: a scalar, an empty map, a short list of scalars."""
    if isinstance(value, dict):
        return not value
    if not isinstance(value, list):
        return True
    plain = not any(isinstance(item, dict | list) for item in value)
    return plain and sum(len(scalar(item)) + 2 for item in value) <= _WIDTH


def flow(value: Any) -> str:
    """Write a scalar, an empty map, or a list of scalars."""
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, list):
        return "[" + ", ".join(scalar(item) for item in value) + "]"
    return scalar(value)


def scalar(value: Any) -> str:
    """Write one scalar so that every version of YAML reads it alike."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float(value)
    text = str(value)
    if _PLAIN.match(text) and text.lower() not in _OTHER_TYPES:
        return text
    return _quoted(text)


def _float(value: float) -> str:
    """Write a float with a point: YAML 1.1 takes `1e-05` for a text."""
    digits, e, exponent = repr(value).partition("e")
    if not e:
        return digits
    return f"{digits if '.' in digits else digits + '.0'}e{exponent}"


def _quoted(text: str) -> str:
    escaped = json.dumps(text, ensure_ascii=False)
    return escaped if escaped.isprintable() else "".join(map(_printable, escaped))


def _printable(char: str) -> str:
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08x}"

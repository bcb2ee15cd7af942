"""Whether data is a JSON Schema (draft 2020-12), with the place of each fault.

jsonschema has the last word when the program runs. It takes 100 ms to import and knows no lines, so
what people get wrong is found here: names of types, the kind of value a keyword takes, patterns,
references, and keywords that a validator would pass over because they are misspelt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .document import DataPath
from .words import describe, listed, show

TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")

_ONE = ("additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then",
        "unevaluatedItems", "unevaluatedProperties")  # fmt: skip
_MAPS = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_COUNTS = ("maxItems", "minItems", "maxLength", "minLength", "maxProperties", "minProperties",
           "maxContains", "minContains")  # fmt: skip
_NUMBERS = ("maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum", "multipleOf")
_TEXTS = ("title", "description", "format", "$comment", "$schema", "$id", "$anchor",
          "$dynamicRef", "$dynamicAnchor", "contentEncoding", "contentMediaType")  # fmt: skip
_FLAGS = ("uniqueItems", "deprecated", "readOnly", "writeOnly")
_FREE = ("type", "enum", "const", "default", "examples", "required", "pattern", "$ref",
         "dependentRequired", "contentSchema", "$vocabulary", "$recursiveRef")  # fmt: skip
KEYWORDS = (*_ONE, *_MAPS, *_LISTS, *_COUNTS, *_NUMBERS, *_TEXTS, *_FLAGS, *_FREE)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at ``path`` inside the schema, and what to do; ``error`` or only a doubt."""

    path: DataPath
    message: str
    cure: str
    error: bool = True


def faults(schema: Any) -> Iterator[Fault]:
    """Yield what is wrong with ``schema``, from its top to its leaves."""
    yield from _faults(schema, (), schema)


def _faults(schema: Any, at: DataPath, root: Any) -> Iterator[Fault]:
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        yield Fault(at, f"a schema is a map or a boolean, but this is {describe(schema)}", "")
        return
    for key, value in schema.items():
        yield from _keyword(key, value, (*at, key), root)


def _keyword(key: str, value: Any, at: DataPath, root: Any) -> Iterator[Fault]:
    if key in _ONE:
        yield from _faults(value, at, root)
    elif key in _MAPS:
        yield from _inner(value, dict, at, root)
    elif key in _LISTS:
        yield from _inner(value, list, at, root)
    elif key in _CHECKS:
        yield from _CHECKS[key](value, at, root)
    elif len(key) > 4 and key not in KEYWORDS and (meant := _near(key, KEYWORDS, 0.8)):
        message = f"JSON Schema has no keyword {show(key)}, so it is passed over"
        yield Fault(at, message, f"did you mean `{meant}`?", error=False)


def _near(word: str, known: Iterable[str], least: float) -> str | None:
    from difflib import get_close_matches  # 4 ms that a sound schema does not pay for

    found = get_close_matches(word, list(known), 1, least)
    return found[0] if found else None


def _inner(value: Any, kind: type[Any], at: DataPath, root: Any) -> Iterator[Fault]:
    if type(value) is not kind or (kind is list and not value):
        many = "a map of schemas" if kind is dict else "a list of one schema or more"
        yield Fault(at, f"`{at[-1]}` is {many}, but this is {describe(value)}", "")
        return
    inner: Iterable[tuple[Any, Any]] = value.items() if kind is dict else enumerate(value)
    for key, schema in inner:
        yield from _faults(schema, (*at, key), root)


def _type(value: Any, at: DataPath, root: Any) -> Iterator[Fault]:
    names = value if isinstance(value, list) else [value]
    for name in names:
        if name not in TYPES:
            meant = _near(str(name), TYPES, 0.5)
            cure = f"did you mean `{meant}`?" if meant else f"choose from {listed(TYPES)}"
            yield Fault(at, f"{show(name)} is no type of JSON", cure)


def _names(value: Any, at: DataPath, root: Any) -> Iterator[Fault]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        message = f"`required` is a list of names, but this is {describe(value)}"
        yield Fault(at, message, "write the names between `[` and `]`")


def _pattern(value: Any, at: DataPath, root: Any) -> Iterator[Fault]:
    if not isinstance(value, str):
        yield Fault(at, f"`pattern` is a regular expression, but this is {describe(value)}", "")
        return
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        yield Fault(at, f"{show(value)} is no regular expression: {error}", "")


def _reference(value: Any, at: DataPath, root: Any) -> Iterator[Fault]:
    if not isinstance(value, str) or not value.startswith("#"):
        message = f"the schema refers to {show(value)}, outside itself, where nothing is fetched"
        yield Fault(at, message, "put what it refers to under `$defs` and write `#/$defs/NAME`")
    elif value.startswith("#/") and not _leads(value, root):
        yield Fault(at, f"nothing stands at {show(value)} in this schema", "")


def _leads(reference: str, root: Any) -> bool:
    found = root
    for step in reference[2:].split("/"):
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and step in found:
            found = found[step]
        elif isinstance(found, list) and step.isdigit() and int(step) < len(found):
            found = found[int(step)]
        else:
            return False
    return True


def _of(kind: str, fits: Callable[[Any], bool]) -> Callable[..., Iterator[Fault]]:
    def look(value: Any, at: DataPath, root: Any) -> Iterator[Fault]:
        if not fits(value):
            yield Fault(at, f"`{at[-1]}` is {kind}, but this is {describe(value)}", "")

    return look


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whole(value: Any) -> bool:
    return _number(value) and value >= 0 and value == int(value)


_CHECKS: dict[str, Callable[..., Iterator[Fault]]] = {
    **dict.fromkeys(_COUNTS, _of("a whole number from 0", _whole)),
    **dict.fromkeys(_NUMBERS, _of("a number", _number)),
    **dict.fromkeys(_TEXTS, _of("a text", lambda value: isinstance(value, str))),
    **dict.fromkeys(_FLAGS, _of("true or false", lambda value: isinstance(value, bool))),
    "multipleOf": _of("a number above 0", lambda value: _number(value) and value > 0),
    "enum": _of("a list", lambda value: isinstance(value, list)),
    "examples": _of("a list", lambda value: isinstance(value, list)),
    "type": _type,
    "required": _names,
    "pattern": _pattern,
    "$ref": _reference,
}

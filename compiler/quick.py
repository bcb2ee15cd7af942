"""Tell at once that data is sound: each level's schema as one nest of plain functions.

A yes means that the walk of :mod:`.schema` would find nothing; it saves that walk, which costs
more than the rest of the check where hundreds of specs are read. A no means nothing yet: the walk
then says what is wrong, or that a rare form (such as ``3.0`` for 3) is right after all.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from ..schemas import read_schema
from .schema import resolve
from .values import MAX_INTEGER, TYPES, Schema

Test = Callable[[Any], bool]

_KNOWN = frozenset(
    (
        "$ref", "type", "const", "enum", "minimum", "maximum", "exclusiveMinimum",
        "exclusiveMaximum", "minLength", "pattern", "items", "minItems", "uniqueItems",
        "properties", "required", "additionalProperties", "propertyNames", "minProperties",
        "oneOf", "discriminator",
    )
)  # fmt: skip
_WORDS = frozenset(
    ("$schema", "$id", "title", "description", "examples", "default", "unit", "affects", "peft")
)


@cache
def fits(level: str) -> Test:
    """Return the test of whole specs of ``level``."""
    return _test(read_schema(f"{level}.json"))


def _test(schema: Schema) -> Test:
    schema = resolve(schema)
    if not schema.keys() <= _KNOWN | _WORDS:
        return _never  # a keyword that only the walk knows yet
    if "discriminator" in schema:
        return _by_case(schema)
    if "oneOf" in schema and "type" not in schema:
        return _any_of([_test(branch) for branch in schema["oneOf"]])
    if "const" in schema or "enum" in schema:
        return _choice(schema)
    if "type" not in schema:
        return _never if schema.keys() & _KNOWN else _always
    make = _MAKERS.get(schema["type"])
    return TYPES[schema["type"]] if make is None else make(schema)


def _always(value: Any) -> bool:
    return True


def _never(value: Any) -> bool:
    return False


def _any_of(tests: list[Test]) -> Test:
    return lambda value: any(test(value) for test in tests)


def _by_case(schema: Schema) -> Test:
    choice = schema["discriminator"]
    name, mapping, usual = choice["propertyName"], choice["mapping"], choice.get("defaultMapping")
    cases = {case: _test({"$ref": place}) for case, place in mapping.items()}

    def test(value: Any) -> bool:
        chosen = value.get(name, usual) if isinstance(value, dict) else None
        return isinstance(chosen, str) and chosen in cases and cases[chosen](value)

    return test


def _choice(schema: Schema) -> Test:
    allowed = [schema["const"]] if "const" in schema else schema["enum"]
    pairs = {(type(item), item) for item in allowed if isinstance(item, str | int | float)}
    types = {kind for kind, _ in pairs}
    return lambda value: type(value) in types and (type(value), value) in pairs


def _text(schema: Schema) -> Test:
    least, pattern = schema.get("minLength", 0), schema.get("pattern")
    if pattern is None:
        return lambda value: isinstance(value, str) and len(value) >= least
    named = _named(pattern)
    return lambda value: isinstance(value, str) and len(value) >= least and named(value)


def _named(pattern: str) -> Callable[[str], bool]:
    search = re.compile(pattern).search
    return lambda text: search(text) is not None and not text.endswith("\n")


def _number(schema: Schema) -> Test:
    whole = schema["type"] == "integer"
    types: tuple[type, ...] = (int,) if whole else (int, float)
    infinite = float("inf")
    low = max(schema.get("minimum", -infinite), -MAX_INTEGER if whole else -infinite)
    high = min(schema.get("maximum", infinite), MAX_INTEGER if whole else infinite)
    above = schema.get("exclusiveMinimum", -infinite)
    below = schema.get("exclusiveMaximum", infinite)
    return lambda value: type(value) in types and low <= value <= high and above < value < below


def _list(schema: Schema) -> Test:
    least, unique = schema.get("minItems", 0), schema.get("uniqueItems", False)
    item = _test(schema.get("items", {}))

    def test(value: Any) -> bool:
        if not isinstance(value, list) or len(value) < least or not all(map(item, value)):
            return False
        return not unique or len(set(map(repr, value))) == len(value)

    return test


def _map(schema: Schema) -> Test:
    known = {key: _test(inner) for key, inner in schema.get("properties", {}).items()}
    extra = _extra(schema)
    required, least = schema.get("required", ()), schema.get("minProperties", 0)
    either = [branch["required"][0] for branch in schema.get("oneOf", ())]

    def test(value: Any) -> bool:
        if not isinstance(value, dict) or len(value) < least:
            return False
        if either and sum(key in value for key in either) != 1:
            return False
        if not all(key in value for key in required):
            return False
        return all(
            known[key](item) if key in known else extra(key, item) for key, item in value.items()
        )

    return test


def _extra(schema: Schema) -> Callable[[str, Any], bool]:
    said = schema.get("additionalProperties", True)
    if isinstance(said, bool):
        return lambda key, item: said
    inner, pattern = _test(said), schema.get("propertyNames", {}).get("pattern")
    named = _named(pattern) if pattern else _always
    return lambda key, item: named(key) and inner(item)


_MAKERS: dict[str, Callable[[Schema], Test]] = {
    "string": _text,
    "integer": _number,
    "number": _number,
    "array": _list,
    "object": _map,
}

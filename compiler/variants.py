"""Other values that a key could have had: what its schema allows beside the one it has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import inf
from typing import Any

from .schema import Schema
from .values import is_number

MISSING = object()
"""Stands for the value of a key that is not given."""


def variants(schema: Schema, value: Any) -> Iterator[Any]:
    """Yield values that ``schema`` allows and that are not ``value``, the nearest first.

    ``schema`` is one without references, as :func:`.language.tree` gives it.
    """
    for found in _candidates(schema, value):
        if found != value or type(found) is not type(value):
            yield found


def _candidates(schema: Schema, value: Any) -> Iterator[Any]:
    if "enum" in schema:
        yield from schema["enum"]
        return
    if "const" in schema:
        yield schema["const"]
        return
    if isinstance(value, bool):
        yield not value
    elif is_number(value):
        yield from (number for number in _numbers(value) if _allowed(schema, number))
    elif isinstance(value, str):
        yield from _texts(schema, value)
    elif isinstance(value, list):
        yield from _lists(schema, value)
    elif isinstance(value, dict):
        yield from _maps(schema, value)
    for branch in schema.get("oneOf", ()) if "properties" not in schema else ():
        yield from _candidates(branch, MISSING)
    yield from schema.get("examples", ())
    yield from ([not schema["default"]] if isinstance(schema.get("default"), bool) else [])


def _numbers(value: Any) -> Iterator[Any]:
    """Multiples first: what has to divide something else then still does."""
    yield value * 2
    yield value // 2 if isinstance(value, int) else value / 2
    yield from (value + 1, value - 1)
    if not isinstance(value, int):
        yield from (0.25, 0.625)


def _allowed(schema: Schema, number: Any) -> bool:
    least, most = schema.get("minimum", -inf), schema.get("maximum", inf)
    above, below = schema.get("exclusiveMinimum", -inf), schema.get("exclusiveMaximum", inf)
    whole = schema.get("type") != "integer" or number == int(number)
    return bool(least <= number <= most and above < number < below and whole)


def _texts(schema: Schema, value: str) -> Iterator[str]:
    pattern = re.compile(schema.get("pattern", ""))
    for text in (f"{value}x", f"x{value}", "x"):
        if pattern.search(text) is not None:
            yield text


def _lists(schema: Schema, value: list[Any]) -> Iterator[list[Any]]:
    """Change every item at once where they are free; else leave one out, or turn them round."""
    inner = schema.get("items", {})
    if "enum" not in inner:
        yield [next(variants(inner, item), item) for item in value]
    if len(value) > schema.get("minItems", 0):
        yield value[:-1]
    yield value[::-1]


def _maps(schema: Schema, value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    inner = schema.get("additionalProperties")
    if isinstance(inner, dict):
        yield {key: next(variants(inner, item), item) for key, item in value.items()}

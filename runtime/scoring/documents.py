"""How right a JSON answer is, from 0 to 1."""

from __future__ import annotations

import json
from typing import Any

from ..errors import DataError

__all__ = ["json_equal", "json_fields", "parse", "same"]


def parse(text: str) -> Any:
    """Return the value of strict JSON: no NaN, no repeated key.

    Raises:
        ValueError: it is not.
    """

    def no_constant(name: str) -> Any:
        raise ValueError(f"{name} is not JSON")

    return json.loads(text, parse_constant=no_constant, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def same(first: Any, second: Any) -> bool:
    """Tell whether two JSON values are equal; 1 equals 1.0, true does not equal 1."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(same, first, second))
    numbers = isinstance(first, int | float) and isinstance(second, int | float)
    return bool(first == second and (numbers or type(first) is type(second)))


def json_equal(answer: str, reference: str) -> float:
    """Return 1 where both are the same JSON value, whatever their layout."""
    wanted = _reference(reference)
    try:
        return float(same(parse(answer), wanted))
    except (ValueError, RecursionError):
        return 0.0


def json_fields(answer: str, reference: str) -> float:
    """Return the share of the reference's fields that the answer has with the same value.

    A field is a leaf with its path; fields that the answer adds lower the share, as the
    denominator counts the leaves of both.
    """
    wanted = leaves(_reference(reference))
    try:
        got = leaves(parse(answer))
    except (ValueError, RecursionError):
        return 0.0
    every = wanted.keys() | got.keys()
    hits = sum(name in got and name in wanted and same(got[name], wanted[name]) for name in every)
    return hits / len(every) if every else 1.0


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> dict[tuple[str | int, ...], Any]:
    """Return every scalar, and every empty list or map, by its path."""
    if isinstance(value, dict) and value:
        inner = value.items()
    elif isinstance(value, list) and value:
        inner = dict(enumerate(value)).items()
    else:
        return {path: value}
    found: dict[tuple[str | int, ...], Any] = {}
    for key, item in inner:
        found.update(leaves(item, (*path, key)))
    return found


def _reference(text: str) -> Any:
    try:
        return parse(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"label {text[:80]!r} is not JSON: {error}") from error

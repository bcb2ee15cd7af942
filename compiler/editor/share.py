"""Say a schema that occurs several times once, under ``definitions``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

_SMALLEST = 100
"""Characters of JSON from which a repetition is worth a name."""

_TABLES = frozenset(("properties", "patternProperties"))
_LISTS = frozenset(("anyOf", "allOf", "oneOf"))
_SINGLE = frozenset(("items", "additionalProperties", "if", "then", "else", "not"))


def share(schema: dict[str, Any]) -> dict[str, Any]:
    """Return ``schema`` with repeated parts as references; what it accepts is unchanged.

    A part is named after the key where it first occurs; parts of a repeated part count once.
    """
    seen: Counter[str] = Counter()

    def count(name: str, part: Any) -> Any:
        text = _text(part)
        seen[text] += 1
        if seen[text] == 1:
            _map(part, name, count)
        return part

    _map(schema, "spec", count)
    return _rewritten(schema, seen)


def _rewritten(schema: dict[str, Any], seen: Counter[str]) -> dict[str, Any]:
    names: dict[str, str] = {}
    definitions: dict[str, Any] = {}

    def visit(name: str, part: Any) -> Any:
        text = _text(part)
        if seen[text] < 2 or len(text) < _SMALLEST:
            return _map(part, name, visit)
        if text not in names:
            names[text] = _free(name, names.values())
            definitions[names[text]] = _map(part, names[text], visit)
        return {"$ref": f"#/definitions/{names[text]}"}

    whole = _map(schema, "spec", visit)
    return {**whole, "definitions": dict(sorted(definitions.items()))}


def _map(schema: Any, name: str, visit: Callable[[str, Any], Any]) -> Any:
    """Return ``schema`` with ``visit(name, part)`` in place of each schema inside it."""
    if not isinstance(schema, dict):
        return schema
    found = dict(schema)
    for key, value in schema.items():
        if key in _TABLES:
            found[key] = {inner: visit(inner, part) for inner, part in value.items()}
        elif key in _LISTS:
            found[key] = [visit(name, part) for part in value]
        elif key in _SINGLE and isinstance(value, dict):
            found[key] = visit(name, value)
    return found


def _text(part: Any) -> str:
    return json.dumps(part, sort_keys=True)


def _free(name: str, taken: Any) -> str:
    if name not in taken:
        return name
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"

"""What a schema says of a value, in words: its type, limits, unit and default."""

from __future__ import annotations

from typing import Any

from .schema import Schema, flow

_TYPES = {
    "string": "text",
    "boolean": "`true` or `false`",
    "integer": "whole number",
    "number": "number",
    "array": "list",
    "object": "map",
}

_LIMITS = (
    ("minimum", "at least {}"),
    ("exclusiveMinimum", "more than {}"),
    ("maximum", "at most {}"),
    ("exclusiveMaximum", "less than {}"),
    ("minItems", "at least {} items"),
    ("maxItems", "at most {} items"),
    ("maxLength", "at most {} characters"),
)


def kind(schema: Schema) -> str:
    """Say what kind of value it is: ``whole number``, ``list of text``."""
    if "const" in schema:
        return f"`{flow(schema['const'])}`"
    if "enum" in schema:
        return "one of " + ", ".join(f"`{flow(item)}`" for item in schema["enum"])
    for choice in ("oneOf", "anyOf"):
        if choice in schema and "properties" not in schema:
            return ", or ".join(dict.fromkeys(kind(form) for form in schema[choice]))
    if "cases" in schema:
        return f"map, by `{schema['by']}`: " + ", ".join(f"`{name}`" for name in schema["cases"])
    if schema.get("type") == "array" and "items" in schema:
        return f"list of {kind(schema['items'])}"
    return _TYPES.get(schema.get("type", ""), "any value")


def limits(schema: Schema) -> str:
    """Return the limits of a value in words, or an empty text."""
    said = [words.format(schema[key]) for key, words in _LIMITS if key in schema]
    said += ["no item twice"] if schema.get("uniqueItems") else []
    return ", ".join(said)


def default(schema: Schema) -> str | None:
    """Return the default as YAML in backquotes, or None where there is none to name."""
    value: Any = schema.get("default")
    return None if value is None or value in ("", {}) else f"`{flow(value)}`"

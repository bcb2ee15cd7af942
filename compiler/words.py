"""Small words of the messages: what a value is, how a list of names reads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .scalars import NotFinite, resolve_plain
from .secret import hide

_KINDS = {
    "string": "a text",
    "boolean": "`true` or `false`",
    "integer": "a whole number",
    "number": "a number",
    "array": "a list",
    "object": "a map",
}


def be(kind: str) -> str:
    """Name a JSON Schema type as people do."""
    return _KINDS[kind]


def describe(value: Any) -> str:
    """Say what a value is: ``the text "yes"``, ``a list``, ``nothing``."""
    if value is None:
        return "empty"
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return f"the text {show(value)}"
    return f"the number {value}" if not isinstance(value, bool) else show(value)


def show(value: Any) -> str:
    """Show a value in a message: short, on one line, unambiguous."""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, dict | list) or value is None:
        return describe(value)
    text = hide(value) if isinstance(value, str) else str(value)  # before a key is cut in two
    text = text if len(text) <= 60 else text[:57] + "..."
    return f"`{text}`" if text.isprintable() and text else repr(text)


def listed(names: Iterable[Any], most: int = 8) -> str:
    """Join names for reading, cut after ``most`` of them."""
    known = [f"`{name}`" for name in names]
    return ", ".join(known[:most]) + (", ..." if len(known) > most else "")


def plural(count: int, noun: str) -> str:
    """Return ``1 row``, ``2 rows``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def number(text: str) -> int | float | None:
    """Read a quoted or decorated number (``"8"``, ``1_000``, ``4,096``, ``10k``), or None."""
    text = text.strip().replace("_", "").replace(",", "")
    scale = {"k": 1_000, "m": 1_000_000}.get(text[-1:].lower(), 1)
    try:
        value = resolve_plain(text if scale == 1 else text[:-1])
    except NotFinite:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value * scale


def nearest_multiples(value: int, step: int, least: int = 1) -> str:
    """Name the multiples of ``step`` on either side of ``value``: ``32 or 40``."""
    below = value // step * step
    near = [below, below + step] if below >= least else [below + step]
    return " or ".join(str(found) for found in near)

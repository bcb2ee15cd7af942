"""Options of a choice, in the kinds that its schema says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def read_options(known: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``data`` says of the properties ``known``, in their order, but for its `type`.

    Whole numbers are ints and other numbers floats, so that ``8.0`` and ``8`` are one spec; lists
    are tuples. What is not said is absent.
    """
    return {key: _read(known[key], data[key]) for key in known if key in data and key != "type"}


def _read(schema: Mapping[str, Any], value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_read(schema.get("items", {}), item) for item in value)
    if schema.get("type") == "integer":
        return int(value)
    return float(value) if schema.get("type") == "number" else value

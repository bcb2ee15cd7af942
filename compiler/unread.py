"""Keys that some specs may not give, since nothing of theirs reads them.

Rules refuse them where a file gives them; a spec that is written out with its defaults leaves them
out, so that what is written is a sound spec again.
"""

from __future__ import annotations

from typing import Any

from .document import DataPath
from .spec_heads import HEADED

UNREAD_BY_HEADS: tuple[DataPath, ...] = (
    ("objective",),
    ("task", "scoring"),
    ("evaluate", "next_word"),
    ("train", "packing"),
)
"""What only a model that writes reads."""

UNREAD_BY_PAIRS: tuple[DataPath, ...] = (("data", "columns"),)
"""Judged answers are found by the names that their format has."""


def unread(level: str, data: dict[str, Any]) -> tuple[DataPath, ...]:
    """Return the paths that a spec with this data does not read."""
    kind = data.get("task", {}).get("type")
    if level != "finetune":
        return ()
    if "head" in data or kind in HEADED:
        return UNREAD_BY_HEADS
    return UNREAD_BY_PAIRS if kind == "prefer" else ()


def without(data: dict[str, Any], paths: tuple[DataPath, ...]) -> dict[str, Any]:
    """Return the data without the values at ``paths``; what is not there stays away."""
    for first, *rest in paths:
        assert isinstance(first, str), "no path here leads into a list at its top"
        inner = data.get(first)
        if not rest:
            data = {key: value for key, value in data.items() if key != first}
        elif isinstance(inner, dict):
            data = {**data, first: without(inner, (tuple(rest),))}
    return data

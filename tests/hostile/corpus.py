"""Every text that means harm, and how large each is kept."""

from __future__ import annotations

from .characters import characters, encodings, grammar, numbers
from .structure import Text, bombs, depths, sizes
from .templates import patterns, templates

FAMILIES = (
    bombs, depths, sizes, encodings, characters, numbers, grammar, templates, patterns,
)  # fmt: skip


def texts() -> list[Text]:
    """Return every hostile text, under names that differ."""
    found = [text for family in FAMILIES for text in family()]
    assert len({text.name for text in found}) == len(found)
    return found

"""The built-in pairs `python-docs-pairs`: a question about the standard library, two answers.

What is asked is what something named does. The chosen answer is its own documentation; the
rejected one is that of something else in the same library, which is as long, as fluent, and wrong.
Splits are those of `python-docs`, and both answers of a pair are of the pair's own split.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from . import python_docs
from .python_docs import Entry

__all__ = ["values"]


def values(split: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the id and the prompt, chosen and rejected texts of every pair of a split."""
    groups: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in python_docs.entries():
        if entry.is_row and split in (None, entry.split):
            groups[entry.area, entry.split].append(entry)
    for group in groups.values():
        yield from _pairs(group)


def _pairs(group: list[Entry]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Pair each entry with the next one in an order by hash; one alone has no other."""
    ordered = sorted(group, key=_rank)
    for entry, other in zip(ordered, ordered[1:] + ordered[:1], strict=True):
        if entry.text != other.text:
            prompt = f"What does `{entry.name}` of Python's standard library do?"
            answers = {"chosen": entry.text, "rejected": other.text}
            yield entry.id, {"prompt": prompt, **answers}


def _rank(entry: Entry) -> bytes:
    return hashlib.sha256(f"python-docs-pairs {entry.id}".encode()).digest()

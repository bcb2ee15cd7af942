"""Format one file, and prove that nothing but its layout has changed.

Only the top-level sections are put in order. Below them the order is the writer's: there it groups
keys that belong together, often under one comment, and moving a key would part it from that.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Any

from ...schemas import LEVELS, read_schema
from ..diagnostics import Diagnostic, has_errors
from ..document import Document, parse_document
from ..schema import check_level
from ..source import Source
from .comments import attach_comments
from .layout import lay_out
from .tree import Branch, build_tree, normal_ends


@dataclass(frozen=True, slots=True)
class Formatted:
    """The text in its layout; None where findings, all of them errors, forbid laying it out."""

    text: str | None
    diagnostics: tuple[Diagnostic, ...]


class LayoutFault(Exception):
    """The new layout would have changed more than the layout: a fault of nivel, caught in time."""


def format_source(source: Source) -> Formatted:
    """Return ``source`` in the canonical layout.

    Raises:
        LayoutFault: if the result would say something else than the file, lose a comment, or
            change when it is formatted again.
    """
    text = normal_ends(source.text)
    document, found = parse_document(Source(source.path, text))
    if document is not None and not isinstance(document.data, dict):
        found = [*found, *check_level(document)[1]]
    if document is None or has_errors(found):
        return Formatted(None, tuple(found))
    level = document.data.get("level")
    order = section_order(level if isinstance(level, str) else None)
    new, comments = _layout(text, order)
    _prove(document, comments, new, order)
    return Formatted(new, ())


def _layout(text: str, order: tuple[str, ...]) -> tuple[str, Counter[str]]:
    tree = build_tree(text)
    comments = Counter(comment.text for comment in attach_comments(tree))
    root = tree.root if isinstance(tree.root, Branch) else _bare(tree.text)
    return lay_out(root, order), comments


def _bare(text: str) -> Branch:
    """Return the root of a file without a value: only comments, or nothing."""
    lines = [line[line.index("#") :] if "#" in line else "" for line in text.split("\n")]
    tree = build_tree("{}\n" + "\n".join(lines))
    attach_comments(tree)
    assert isinstance(tree.root, Branch)
    return tree.root


def _prove(document: Document, comments: Counter[str], new: str, order: tuple[str, ...]) -> None:
    again, found = parse_document(Source(document.main, new))
    if again is None or found or _exact(again.data) != _exact(document.data):
        raise LayoutFault("the new layout does not say what the file says")
    repeated, kept = _layout(new, order)
    if kept != comments:
        lost = next(iter((comments - kept) + (kept - comments)))
        raise LayoutFault(f"a comment would be lost or split: {lost}")
    if repeated != new:
        raise LayoutFault("formatting the result once more would change it")


def _exact(data: Any) -> Any:
    """Return ``data`` with types made visible and, below the sections, with the order of keys."""
    return sorted((key, _typed(value)) for key, value in data.items())


def _typed(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{key!r}:{_typed(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_typed, value)) + "]"
    return repr(value)


@cache
def section_order(level: str | None) -> tuple[str, ...]:
    """Return the sections of ``level`` in the order of its schema.

    Without a level, as in a file made to be extended, the sections of all levels: those that only
    some levels have stand behind the section that they follow there.
    """
    if level in LEVELS:
        return tuple(read_schema(f"{level}.json")["properties"])
    order: list[str] = []
    for name in LEVELS:
        place = 0
        for section in read_schema(f"{name}.json")["properties"]:
            if section not in order:
                order.insert(place, section)
            place = order.index(section) + 1
    return tuple(order)

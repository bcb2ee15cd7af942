"""What several specs of one call share, so that it is read once.

A project's specs extend the same few files and name the same data. One :class:`Kept` serves one
call, such as one `nivel validate` over a folder; the next call starts with an empty one, so that
nothing here can be out of date.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any


class Kept:
    """Facts by their keys: what a file holds, or what was made of it; none is ever changed."""

    __slots__ = ("facts",)

    def __init__(self) -> None:
        self.facts: dict[Hashable, Any] = {}

    def of_project(self, project: str) -> dict[Any, Any]:
        """Return the facts that the rules find about the files of ``project``."""
        found: dict[Any, Any] = self.facts.setdefault(("project", project), {})
        return found

"""Specs that stand on other files: of the project, of a Python package, or of a git commit.

A name under ``extends`` becomes a :mod:`home <.homes>`, which knows how to read its file and what
that file may extend in turn. :class:`Loader` follows the names; :mod:`.merge` joins what it read.
"""

from __future__ import annotations

from .loader import Included, Loader

__all__ = ["Included", "Loader"]

"""The form of the tables of other tools' names: :mod:`.aliases` puts them together."""

from __future__ import annotations

Rows = tuple[tuple[str, str, str], ...]
"""Places here, the best first; a note; and the names elsewhere. Words are parted by spaces."""

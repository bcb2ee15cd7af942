"""What a ledger says: its lines, read back as one entry for each cell.

The last line may have been cut off by a crash and is then passed over; damage anywhere else is
refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from ..errors import RunError
from .types import Answer

VERSION = 1
_ANSWER = {field.name for field in fields(Answer)}
_NEEDED = {"cell", "text", "finish", "seconds", "error"}


class Entry:
    """What the ledger holds on one cell: how often it was sent, and its results in order."""

    __slots__ = ("model", "results", "sent", "variant")

    def __init__(self, model: str, variant: str) -> None:
        self.model, self.variant = model, variant
        self.sent = 0
        self.results: list[Answer] = []

    @property
    def answer(self) -> Answer | None:
        """The first good answer; without one, the last error; None without a result."""
        good = [answer for answer in self.results if answer.error is None]
        return good[0] if good else self.results[-1] if self.results else None

    @property
    def open(self) -> int:
        """How many times it was sent with no result."""
        return max(0, self.sent - len(self.results))

    @property
    def cut(self) -> int:
        """How many times it was sent again because an earlier sending had no result."""
        return self.open if self.results else max(0, self.open - 1)


def read_ledger(path: Path) -> tuple[dict[str, Entry], float]:
    """Return what a ledger says of each cell, and the seconds that its sessions took.

    Raises:
        RunError: a line before the last one is no record, or a newer nivel wrote it.
    """
    entries: dict[str, Entry] = {}
    clock = _Clock()
    for number, record in _records(path):
        try:
            _take(entries, record)
            clock.read(record)
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(
                f"{path}:{number} is no record of a ledger: {error!r}",
                "restore the file, or start a new run",
            ) from error
    return entries, clock.seconds


class _Clock:
    """Adds up how long sessions took, from the times of their first and last lines."""

    def __init__(self) -> None:
        self.seconds, self._last = 0.0, 0.0

    def read(self, record: dict[str, Any]) -> None:
        at = float(record["at"])
        if record["type"] != "session":
            self.seconds += max(0.0, at - self._last)
        self._last = at


def _records(path: Path) -> Iterable[tuple[int, dict[str, Any]]]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                if not line.endswith(b"\n"):
                    return
                record = None
            if not isinstance(record, dict):
                cure = "restore the file, or start a new run"
                raise RunError(f"{path}:{number} is damaged", cure)
            yield number, record


def _take(entries: dict[str, Entry], record: dict[str, Any]) -> None:
    kind = record["type"]
    if kind == "session":
        if record["version"] > VERSION:
            raise ValueError(f"version {record['version']}, written by a newer nivel")
    elif kind == "intent":
        entry = entries.setdefault(record["cell"], Entry(record["model"], record["variant"]))
        entry.sent += 1
    elif kind == "result":
        if missing := _NEEDED - record.keys():
            raise ValueError(f"no {', '.join(sorted(missing))}")
        empty = dict.fromkeys(_ANSWER - {"attempts", "lost"})
        known = {name: value for name, value in record.items() if name in _ANSWER}
        entries[record["cell"]].results.append(Answer(**{**empty, **known}))
    else:
        raise ValueError(f"type {kind!r}")

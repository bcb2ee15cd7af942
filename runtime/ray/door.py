"""What workers and the program that started them tell each other, whatever machines they are on."""

from __future__ import annotations

__all__ = ["Door"]


class Door:
    """An actor of Ray that every worker knows.

    Attributes are told and asked by its methods alone, since calls to an actor come one by one.
    """

    def __init__(self) -> None:
        self._starts = 0
        self._signal = 0
        self._refused: str | None = None

    def enter(self) -> int:
        """Count a start of all workers; return how many there were before."""
        self._starts += 1
        return self._starts - 1

    def stop(self, number: int) -> None:
        """Have every worker send its program this signal."""
        self._signal = number

    def asked(self) -> int:
        """Return the signal to send, or 0."""
        return self._signal

    def refuse(self, why: str) -> None:
        """Say why the workers cannot work as they are."""
        self._refused = why

    def refused(self) -> str | None:
        """Return why they cannot, or None."""
        return self._refused

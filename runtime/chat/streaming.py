"""What a chat needs of a model: its answer piece by piece, its size, its next words."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, final

from ..prompting.types import Cell, Generation

__all__ = ["End", "Stop", "Streamer", "Words"]


@dataclass(frozen=True, slots=True)
class End:
    """How an answer ended; None stands for what is not known.

    Attributes:
        text: the whole answer. It is what the pieces give together, unless a character turned out
            to be none after it had been shown.
        finish: `stop`, `length`, `stopped` by the reader, or the endpoint's own word.
        input_tokens, output_tokens: of this call.
        seconds: from asking to the end.
    """

    text: str
    finish: str
    input_tokens: int | None
    output_tokens: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Words:
    """The likeliest next tokens, likeliest first.

    Attributes:
        rows: text and probability, 0 to 1.
        vocabulary: how many tokens there are in all, or None.
    """

    rows: tuple[tuple[str, float], ...]
    vocabulary: int | None

    @property
    def rest(self) -> float:
        """Return the probability of all other tokens together."""
        return max(0.0, 1.0 - sum(share for _, share in self.rows))


@final
class Stop:
    """A wish to end an answer, from whatever thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = False
        self._then: list[Callable[[], None]] = []

    def __bool__(self) -> bool:
        return self._asked

    def now(self) -> None:
        """Ask for the end."""
        with self._lock:
            self._asked = True
            then, self._then = self._then, []
        for call in then:
            call()

    def then(self, call: Callable[[], None]) -> None:
        """Call this when the end is asked for; at once where it has been."""
        with self._lock:
            if not self._asked:
                self._then.append(call)
                return
        call()


class Streamer(Protocol):
    """A model that answers while one looks on."""

    name: str
    where: str
    """Such as `cpu, fp32` or an address, for a person."""

    def load(self) -> None:
        """Make ready what answers need, so that faults show before the first question."""
        ...

    @property
    def plain(self) -> bool:
        """Whether the model continues texts and knows no messages."""
        ...

    @property
    def positions(self) -> int | None:
        """How many tokens the model can read at once; None where that is not known."""
        ...

    def in_force(self, said: Generation) -> Generation:
        """Return the settings that answers are written with, as far as that is known.

        Raises:
            DataError: one of them cannot be kept to.
        """
        ...

    def stream(self, cell: Cell, stop: Stop) -> Iterator[str | End]:
        """Yield the answer piece by piece, and last how it ended.

        Raises:
            DataError: the conversation does not fit, or a setting cannot be kept to.
            ModelError: no whole answer came.
        """
        ...

    def count(self, cell: Cell) -> int | None:
        """Return how many tokens the messages or the text have; None where that is not known."""
        ...

    def next_words(self, cell: Cell, top: int) -> Words:
        """Return the distribution of the first token of the answer to `cell`, as the model has it.

        Raises:
            DataError: what stands before has no tokens, or too many.
            ModelError: the model does not tell.
        """
        ...

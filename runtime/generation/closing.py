"""Bring JSON to its end before the tokens run out.

An answer that reaches `max_tokens` in the middle of its JSON is worth nothing. So, when few tokens
are left, each token that was chosen is checked: could the answer still be completed after it? If
not, the next token of a short way to the end is taken in its place, which is known from the step
before. The ways are looked for greedily, by tokens that close what is open; they are short, not
proved to be the shortest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np

__all__ = ["Closing", "token_ranks"]

FREE_TOKENS = 64  # that are left before anything is checked, beside the way of the empty answer
LONGEST_WAY = 2048  # tokens; a schema whose least answer is longer is given up
_CLOSERS = frozenset('"]} ')


def token_ranks(texts: Sequence[str]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return how early each token is tried on the way to the end, shape (vocabulary,), 0 first.

    What closes comes first, and of it what closes most; then plain text, the longest first, as it
    brings fixed texts and least lengths to their end soonest; then what ends a number, before the
    digits that could go on for ever; then what opens something new.
    """
    keys = [(_kind(text), -len(text), place) for place, text in enumerate(texts)]
    ranks = np.empty(len(texts), dtype=np.int64)
    ranks[[place for _, _, place in sorted(keys)]] = np.arange(len(texts))
    return ranks


def _kind(text: str) -> int:
    """Return the class that `token_ranks` puts a token's text into."""
    if not text or "\ufffd" in text:
        return 6  # of no use, or only part of a character
    if '"' not in text and any(opener in text for opener in "[{"):
        return 5
    if set(text) <= _CLOSERS and text.strip():
        return 0
    if text[0] == ",":
        return 2
    if any(digit in text for digit in "0123456789.+-"):
        return 3
    return 1 if text.isascii() and text.isprintable() else 4


@final
class Closing:
    """Watches one answer.

    Args:
        matcher: llguidance's state of the answer; never changed here.
        ranks: of `token_ranks`.
        end: a token that ends an answer.
    """

    def __init__(self, matcher: Any, ranks: np.ndarray[Any, np.dtype[np.int64]], end: int) -> None:
        self._matcher, self._ranks, self._end = matcher, ranks, end
        self._way: list[int] | None = None
        self._known = False  # whether `_way` is that of the matcher's state
        self._next: tuple[int, list[int]] | None = None  # a token, and the way after it

    def shortest(self) -> int | None:
        """Return how many tokens complete the answer from here; None if no way was found."""
        way = self._here()
        return None if way is None else len(way)

    def steer(self, token: int, left: int) -> int:
        """Return the token, or another one if the answer could not be completed after it.

        Args:
            token: allowed by the schema.
            left: tokens that may still be written, this one included.
        """
        way = self._here()
        if way is None or len(way) > left:
            return token  # nothing known would end in time
        if way and token == way[0]:
            return token
        after = self._matcher.deep_copy()
        after.consume_token(token)
        found = _way(after, self._ranks, left - 1)
        if found is None:
            return way[0] if way else self._end
        self._next = (token, found)
        return token

    def took(self, token: int) -> None:
        """Note that the matcher has taken a token."""
        if self._next is not None and self._next[0] == token:
            self._way, self._known = self._next[1], True
        elif self._known and self._way and self._way[0] == token:
            self._way = self._way[1:]
        else:
            self._known = False
        self._next = None

    def _here(self) -> list[int] | None:
        if not self._known:
            self._way, self._known = _way(self._matcher, self._ranks, LONGEST_WAY), True
        return self._way


def _way(matcher: Any, ranks: np.ndarray[Any, np.dtype[np.int64]], most: int) -> list[int] | None:
    """Return tokens that complete an answer, at most so many, or None."""
    from llguidance.numpy import fill_next_token_bitmask

    state = matcher.deep_copy()
    bits = np.zeros((1, (len(ranks) + 31) // 32), dtype=np.int32)
    way: list[int] = []
    while not state.is_accepting():
        if len(way) >= most or state.is_error():
            return None
        fill_next_token_bitmask(state, bits, 0)
        allowed = np.unpackbits(bits.view(np.uint8), bitorder="little")[: len(ranks)]
        places = np.flatnonzero(allowed)
        if not len(places):
            return None
        token = int(places[ranks[places].argmin()])
        state.consume_token(token)
        way.append(token)
    return way

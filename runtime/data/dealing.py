"""Which rows of an optimizer step are computed together.

The rows of a step are settled; how they are dealt to its micro-batches changes what is computed in
vain, and nothing of what is learned beyond the order of a sum. Everything here is a pure function
of the lengths, so that a run that goes on deals as it did.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from heapq import heapify, heapreplace

import numpy as np


@lru_cache(maxsize=4)
def permutation(seed: int, epoch: int, rows: int) -> np.ndarray:
    """The order of the rows in an epoch, shape (rows,)."""
    return np.random.Generator(np.random.PCG64([seed, epoch])).permutation(rows)


def in_turn(indices: Sequence[int], parts: int) -> list[list[int]]:
    """Cut into equal parts in the order given: for rows of one length."""
    size = len(indices) // parts
    return [list(indices[at * size : (at + 1) * size]) for at in range(parts)]


def by_length(lengths: Sequence[int], parts: int) -> list[list[int]]:
    """Deal places into equal parts of rows that are about as long, longest first.

    Padded to its longest row, a part then has little padding; and parts that different processes
    compute at the same time are neighbours, so that none waits long for another.
    """
    return in_turn(_longest_first(lengths), parts)


def by_tokens(lengths: Sequence[int], parts: int) -> list[list[int]]:
    """Deal places into parts of about as many tokens, for rows that are joined.

    Each row, longest first, goes to the part that has least (Graham, 1969: at most a third above
    the best there is).
    """
    dealt: list[list[int]] = [[] for _ in range(parts)]
    filled = [(0, part) for part in range(parts)]
    heapify(filled)
    for place in _longest_first(lengths):
        tokens, part = filled[0]
        dealt[part].append(place)
        heapreplace(filled, (tokens + lengths[place], part))
    return dealt


def _longest_first(lengths: Sequence[int]) -> list[int]:
    return sorted(range(len(lengths)), key=lambda place: (-lengths[place], place))

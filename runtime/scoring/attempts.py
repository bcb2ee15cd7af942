"""What several tries at one row are worth: is any of k right, are all of k.

`any` is pass@k by the unbiased estimator of Chen et al., arXiv:2107.03374, section 2.1: of n
answers, c of them right, k drawn without replacement hold a right one with probability
1 - C(n-c, k) / C(n, k). `all` is pass^k of Yao et al., arXiv:2406.12045: C(c, k) / C(n, k).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from typing import Any

from .statistics import interval_of_mean

__all__ = ["all_of", "any_of", "attempts"]


def any_of(answers: int, right: int, drawn: int) -> float:
    """Return the probability that of `drawn` answers at least one is right."""
    return 1.0 - comb(answers - right, drawn) / comb(answers, drawn)


def all_of(answers: int, right: int, drawn: int) -> float:
    """Return the probability that `drawn` answers are all right."""
    return comb(right, drawn) / comb(answers, drawn)


def attempts(
    rows: Sequence[Sequence[float]], confidence: float, seed: int
) -> dict[str, dict[str, Any]]:
    """Return {k: {any, all}} for k = 2, 4, 8, ... and the number of answers to a row.

    Each is {value, low, high, n, answers} over rows. Empty where a row has one answer, rows have
    different numbers of them, or a score is neither 0 nor 1.
    """
    sizes = {len(row) for row in rows}
    binary = all(score in (0.0, 1.0) for row in rows for score in row)
    if len(sizes) != 1 or sizes == {1} or not binary:
        return {}
    size = sizes.pop()
    counts = [int(sum(row)) for row in rows]
    return {
        str(drawn): {
            name: interval_of_mean([[of(size, right, drawn)] for right in counts], confidence, seed)
            for name, of in (("any", any_of), ("all", all_of))
        }
        for drawn in _sizes(size)
    }


def _sizes(most: int) -> list[int]:
    powers = [2**power for power in range(1, most.bit_length()) if 2**power < most]
    return [*powers, most]

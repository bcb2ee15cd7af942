"""Paired comparison of two runs on the same test rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb
from typing import Any


@dataclass(frozen=True, slots=True)
class Paired:
    """How two runs differ on their common rows; `p_value` is exact and two-sided."""

    rows: int
    only_first: int  # rows only the first run got right
    only_second: int
    p_value: float


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the exact two-sided McNemar p-value of the two discordant counts.

    Under no difference each row that only one of the two got right is a fair coin
    (Q. McNemar, Psychometrika 12, 1947, pages 153-157). Integers keep it exact.
    """
    flips = only_first + only_second
    tail = sum(comb(flips, heads) for heads in range(min(only_first, only_second) + 1))
    return min(1.0, 2 * tail / (1 << flips))


def compare_predictions(
    first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]]
) -> Paired | None:
    """Compare two lists of predictions, or return None where they are not the same test.

    The same test has the same row ids, each once, with the same gold labels.
    """
    before, after = ({row["id"]: row for row in rows} for rows in (first, second))
    unique = len(before) == len(first) and len(after) == len(second)
    if not before or not unique or before.keys() != after.keys():
        return None
    if any(before[name]["label"] != after[name]["label"] for name in before):
        return None
    pairs = [(is_right(before[name]), is_right(after[name])) for name in before]
    only_first, only_second = pairs.count((True, False)), pairs.count((False, True))
    return Paired(len(pairs), only_first, only_second, mcnemar(only_first, only_second))


def is_right(prediction: Mapping[str, Any]) -> bool:
    """Say whether the predicted label is the gold one."""
    return bool(prediction["label"] == prediction["prediction"])

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


@dataclass(frozen=True, slots=True)
class PairedScores:
    """How the scores of two runs differ on their common rows: second minus first."""

    metric: str
    rows: int
    value: float
    low: float
    high: float
    p_value: float
    test: str


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
    if not unique or not same_rows(first, second):
        return None
    pairs = [(is_right(before[name]), is_right(after[name])) for name in before]
    only_first, only_second = pairs.count((True, False)), pairs.count((False, True))
    return Paired(len(pairs), only_first, only_second, mcnemar(only_first, only_second))


def compare_measured(
    first: Sequence[Mapping[str, Any]],
    second: Sequence[Mapping[str, Any]],
    metrics: Sequence[str],
    confidence: float,
) -> PairedScores | None:
    """Compare two lists of predictions by the first metric that each row of both has a score of.

    Several answers to a row count with their mean. None where they are not the same test, or no
    metric has all scores.
    """
    if not same_rows(first, second):
        return None
    for metric in metrics:
        before, after = _row_means(first, metric), _row_means(second, metric)
        if before is not None and after is not None:
            # with numpy, which comparing labels does without
            from ..scoring.statistics import paired_difference

            names = sorted(before)
            one, two = ([means[name] for name in names] for means in (before, after))
            found = paired_difference(one, two, confidence, 0)
            return PairedScores(
                metric, found.rows, found.value, found.low, found.high, found.p_value, found.test
            )
    return None


def same_rows(first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether two tests have the same rows with the same right answers."""
    before, after = ({row["id"]: row["label"] for row in rows} for rows in (first, second))
    return bool(before) and before == after


def _row_means(rows: Sequence[Mapping[str, Any]], metric: str) -> dict[str, float] | None:
    scores: dict[str, list[float]] = {}
    for row in rows:
        said = row.get("scores")
        score = said.get(metric) if isinstance(said, Mapping) else None
        if not isinstance(score, (int, float)):
            return None
        scores.setdefault(str(row["id"]), []).append(float(score))
    return {name: sum(found) / len(found) for name, found in scores.items()}


def is_right(prediction: Mapping[str, Any]) -> bool:
    """Say whether the predicted label is the gold one."""
    return bool(prediction["label"] == prediction["prediction"])

"""Intervals and paired tests for scores from 0 to 1, with rows as what was sampled.

Several answers to one row are not independent, so everything here works on row means: rows
are drawn, with all their answers (cluster bootstrap; Cameron, Gelbach and Miller, 2008).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..evaluation.intervals import percentile_interval, wilson_interval
from ..records.paired import mcnemar

__all__ = ["Difference", "holm", "interval_of_mean", "paired_difference", "smallest_effect"]

RESAMPLES = 2000
POWER = 0.8
"""How often a true effect of the stated size would be seen."""


def interval_of_mean(
    rows: Sequence[Sequence[float]], confidence: float, seed: int
) -> dict[str, Any]:
    """Return {value, low, high, n, answers} of the mean over rows of their mean scores.

    One answer a row and only zeros and ones: Wilson's interval. Otherwise rows are resampled.
    """
    means = np.array([sum(scores) / len(scores) for scores in rows])
    answers = sum(map(len, rows))
    value = float(means.mean())
    if answers == len(rows) and bool(np.isin(means, (0.0, 1.0)).all()):
        low, high = wilson_interval(int(means.sum()), len(rows), confidence)
    else:
        low, high = percentile_interval(resampled_means(means, seed).tolist(), confidence)
    return {"value": value, "low": low, "high": high, "n": len(rows), "answers": answers}


def resampled_means(values: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Return the means of `RESAMPLES` draws of rows with replacement, shape (RESAMPLES,)."""
    generator = np.random.default_rng(seed)
    size = len(values)
    return np.array(
        [values[generator.integers(0, size, size)].mean() for _ in range(RESAMPLES)], np.float64
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """How a second cell's scores differ from a first one's on the same rows.

    `value` is second minus first; `smallest` the smallest difference that so many rows show
    in four of five repetitions. `p_value` is two-sided, `p_holm` corrected for the matrix.
    `metric` is what was compared, `against` the name of what it was compared with.
    """

    value: float
    low: float
    high: float
    p_value: float
    rows: int
    smallest: float
    test: str
    p_holm: float | None = None
    metric: str | None = None
    against: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the fields as plain data."""
        return asdict(self)


def paired_difference(
    first: Sequence[float], second: Sequence[float], confidence: float, seed: int
) -> Difference:
    """Compare row means, row by row.

    Zeros and ones are tested exactly (McNemar); other scores by random flips of the sign of each
    row's difference, which under no effect is as likely as not.
    """
    before, after = np.asarray(first, np.float64), np.asarray(second, np.float64)
    change = after - before
    low, high = percentile_interval(resampled_means(change, seed).tolist(), confidence)
    smallest = smallest_effect(change, confidence)
    if bool(np.isin(np.concatenate([before, after]), (0.0, 1.0)).all()):
        lost, won = int((change < 0).sum()), int((change > 0).sum())
        p_value, test = mcnemar(lost, won), "exact McNemar"
    else:
        p_value, test = _sign_flips(change, seed), "paired permutation"
    value = float(change.mean())
    return Difference(value, low, high, p_value, len(change), smallest, test)


def _sign_flips(change: NDArray[np.float64], seed: int) -> float:
    """Return the share of random sign flips at least as extreme, the observed one included."""
    generator = np.random.default_rng(seed)
    observed = abs(change.mean()) - 1e-12
    flips = generator.choice((-1.0, 1.0), size=(RESAMPLES, len(change)))
    extreme = int((np.abs((flips * change).mean(axis=1)) >= observed).sum())
    return (extreme + 1) / (RESAMPLES + 1)


def smallest_effect(change: NDArray[np.float64], confidence: float) -> float:
    """Return the smallest mean difference that these rows show with a power of 0.8.

    (z_(1-alpha/2) + z_power) x s / sqrt(n), the usual normal formula for paired samples; with
    fewer than two rows, or where no row differs, one row's worth: 1 / n.
    """
    size = len(change)
    spread = float(change.std(ddof=1)) if size > 1 else 0.0
    normal = NormalDist()
    factor = normal.inv_cdf((1.0 + confidence) / 2.0) + normal.inv_cdf(POWER)
    return min(1.0, factor * spread / math.sqrt(size)) if spread > 0 else 1.0 / max(size, 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's step-down corrections in the given order (Scand. J. Statist. 6, 1979)."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = highest
    return corrected

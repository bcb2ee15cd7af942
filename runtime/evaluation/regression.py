"""How far numbers are from the right ones, each measure with its interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .intervals import percentile_interval
from .metrics import RESAMPLES

__all__ = ["REGRESSION", "measure_numbers"]

Floats = NDArray[np.float64]


def mae(right: Floats, said: Floats) -> float:
    """Return the mean absolute error, in the unit of the label."""
    return float(np.abs(right - said).mean())


def rmse(right: Floats, said: Floats) -> float:
    """Return the root of the mean squared error, in the unit of the label."""
    return float(np.sqrt(((right - said) ** 2).mean()))


def pearson(right: Floats, said: Floats) -> float:
    """Return Pearson's correlation, -1 to 1; 0 where one side is the same for all rows."""
    a, b = right - right.mean(), said - said.mean()
    scale = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / scale if scale > 0 else 0.0


def spearman(right: Floats, said: Floats) -> float:
    """Return Spearman's: Pearson's correlation of ranks, where equal values share their mean."""
    return pearson(ranks(right), ranks(said))


def ranks(values: Floats) -> Floats:
    """Return the rank of each value from 1; equal values have the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = counts.cumsum()
    found: Floats = (last - (counts - 1) / 2)[place]
    return found


REGRESSION: dict[str, Callable[[Floats, Floats], float]] = {
    "mae": mae,
    "rmse": rmse,
    "pearson": pearson,
    "spearman": spearman,
}


def measure_numbers(
    names: Sequence[str], right: Floats, said: Floats, confidence: float, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Compute each named measure: {name: {value, low, high, n}}.

    Args:
        right: the right number of each row, finite.
        said: what was answered, in the same order.
        confidence: level of the percentile bootstrap intervals over rows.
        seed: of resampling; all measures see the same resamples.

    Raises:
        KeyError: a name is not in `REGRESSION`.
    """
    count = len(right)
    draws = np.random.default_rng(seed).integers(0, count, (RESAMPLES, count))
    found = {}
    for name in names:
        measure = REGRESSION[name]
        low, high = percentile_interval([measure(right[d], said[d]) for d in draws], confidence)
        found[name] = {"value": measure(right, said), "low": low, "high": high, "n": count}
    return found

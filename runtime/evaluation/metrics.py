"""Classification metrics with their confidence intervals.

Everything here reads one confusion table: counts[gold, predicted], int64, shape
(labels, labels), in the order of the task's labels.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .intervals import percentile_interval, wilson_interval

Counts = NDArray[np.int64]
Metric = Callable[[Counts, float, int], dict[str, Any]]

RESAMPLES = 1000


def confusion(gold: Sequence[str], predicted: Sequence[str], labels: Sequence[str]) -> Counts:
    """Count (gold, predicted) pairs.

    Raises:
        KeyError: a gold or predicted label is not in `labels`.
    """
    position = {label: index for index, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels)), dtype=np.int64)
    for want, got in zip(gold, predicted, strict=True):
        counts[position[want], position[got]] += 1
    return counts


def macro_f1_values(counts: Counts) -> NDArray[np.float64]:
    """Return macro F1 of one confusion table or of a stack of them, shape (..., n, n).

    The mean is over labels that occur as gold or as prediction: one that occurs as
    neither has no F1, and scoring it 0 would punish a model for an absent label.
    """
    hits = np.diagonal(counts, axis1=-2, axis2=-1).astype(np.float64)
    seen = (counts.sum(axis=-1) + counts.sum(axis=-2)).astype(np.float64)
    scores = np.divide(2.0 * hits, seen, out=np.zeros_like(seen), where=seen > 0)
    values: NDArray[np.float64] = scores.sum(axis=-1) / np.maximum((seen > 0).sum(axis=-1), 1)
    return values


def accuracy(counts: Counts, confidence: float, seed: int = 0) -> dict[str, Any]:
    """Return the share of rows predicted right, with its Wilson interval."""
    right, rows = int(np.trace(counts)), int(counts.sum())
    low, high = wilson_interval(right, rows, confidence)
    return {"value": right / rows, "low": low, "high": high, "n": rows}


def macro_f1(counts: Counts, confidence: float, seed: int = 0) -> dict[str, Any]:
    """Return macro F1 with a percentile bootstrap interval over rows.

    Drawing rows with replacement is drawing cells of the confusion table from a
    multinomial, so that the cost does not grow with the number of rows.
    """
    rows = int(counts.sum())
    draws = np.random.default_rng(seed).multinomial(rows, counts.ravel() / rows, size=RESAMPLES)
    samples = macro_f1_values(draws.reshape(RESAMPLES, *counts.shape))
    low, high = percentile_interval([float(value) for value in samples], confidence)
    return {"value": float(macro_f1_values(counts)), "low": low, "high": high, "n": rows}


METRICS: dict[str, Metric] = {"accuracy": accuracy, "macro_f1": macro_f1}


def measure(
    names: Sequence[str],
    gold: Sequence[str],
    predicted: Sequence[str],
    labels: Sequence[str],
    confidence: float,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """Compute each named metric: {name: {value, low, high, n}}, shares in 0..1.

    `seed` is that of resampling, where a metric resamples.

    Raises:
        ValueError: a name is not in `METRICS`, or there are no rows.
    """
    unknown = [name for name in names if name not in METRICS]
    if unknown:
        raise ValueError(f"unknown metric {unknown[0]!r}; known: {', '.join(METRICS)}")
    if not gold:
        raise ValueError("metrics need at least one row")
    counts = confusion(gold, predicted, labels)
    return {name: METRICS[name](counts, confidence, seed) for name in names}

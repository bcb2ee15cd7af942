"""Whether a classifier's confidence can be believed.

Probabilities are the softmax of what the labels were ranked by. For summed likelihoods that is
the model's own probability of each label, given that it answers with one of them; for the other
scorings it is a stand-in, to be judged by these same measures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .intervals import percentile_interval
from .metrics import RESAMPLES

__all__ = ["BINS", "CALIBRATION", "measure_calibration"]

Floats = NDArray[np.float64]

BINS = 15
_AT_ONCE = 100  # resamples held at once


def equal_width_bins(confidences: Floats) -> NDArray[np.int64]:
    """Return the bin of each confidence; bin i of 15 holds (i / 15, (i + 1) / 15]."""
    places = np.ceil(confidences * BINS).astype(np.int64) - 1
    return np.clip(places, 0, BINS - 1)


def equal_mass_bins(confidences: Floats) -> NDArray[np.int64]:
    """Return the bin of each confidence, with as many rows in each of 15 as the number allows.

    Equal confidences go by the order of the rows, and may fall into two bins.
    """
    bins = np.empty(len(confidences), dtype=np.int64)
    order = np.argsort(confidences, kind="stable")
    for place, rows in enumerate(np.array_split(order, BINS)):
        bins[rows] = place
    return bins


def _gaps(probabilities: Floats, gold: NDArray[np.int64], bins: NDArray[np.int64]) -> Floats:
    """Return (rows, bins): right or wrong minus confidence, in the column of the row's bin."""
    chosen = probabilities.argmax(axis=1)
    gaps = np.zeros((len(gold), BINS))
    gaps[np.arange(len(gold)), bins] = (chosen == gold) - probabilities.max(axis=1)
    return gaps


def _ece(probabilities: Floats, gold: NDArray[np.int64], seed: int, wide: bool) -> Any:
    binned = equal_width_bins if wide else equal_mass_bins
    gaps = _gaps(probabilities, gold, binned(probabilities.max(axis=1)))
    return _resampled(gaps, seed, lambda sums: np.abs(sums).sum(axis=-1))


def ece(probabilities: Floats, gold: NDArray[np.int64], seed: int) -> tuple[float, list[float]]:
    """Return the expected calibration error over 15 bins of equal width, and resampled values.

    The mean over rows of |accuracy - confidence| of the row's bin, 0 to 1 (Guo et al., "On
    calibration of modern neural networks", ICML 2017). Of few rows it is too large, since chance
    alone parts accuracy from confidence in a bin; so is its interval.
    """
    value, samples = _ece(probabilities, gold, seed, wide=True)
    return value, samples


def ece_adaptive(
    probabilities: Floats, gold: NDArray[np.int64], seed: int
) -> tuple[float, list[float]]:
    """Return the same over 15 bins of equally many rows (Nguyen and O'Connor, EMNLP 2015).

    Where most confidences are alike, equal widths would put nearly all rows into one bin. The
    bins are those of all rows in every resample.
    """
    value, samples = _ece(probabilities, gold, seed, wide=False)
    return value, samples


def brier(probabilities: Floats, gold: NDArray[np.int64], seed: int) -> tuple[float, list[float]]:
    """Return the Brier score and resampled values: 0 is best, 2 is sure and always wrong.

    The mean over rows of the squared distance between probabilities and truth, summed over the
    labels (G. W. Brier, Monthly Weather Review 78, 1950). Some halve it for two labels.
    """
    truth = np.eye(probabilities.shape[1])[gold]
    errors = ((probabilities - truth) ** 2).sum(axis=1, keepdims=True)
    value, samples = _resampled(errors, seed, lambda sums: sums[..., 0])
    return value, samples


def _resampled(
    rows: Floats, seed: int, measure: Callable[[Floats], Floats]
) -> tuple[float, list[float]]:
    """Return `measure` of the mean of `rows`, and of means over rows drawn with replacement."""
    count = len(rows)
    draw = np.random.default_rng(seed)
    samples: list[float] = []
    for start in range(0, RESAMPLES, _AT_ONCE):
        size = min(_AT_ONCE, RESAMPLES - start)
        weights = draw.multinomial(count, np.full(count, 1 / count), size=size) / count
        samples += measure(weights @ rows).tolist()
    return float(measure(rows.mean(axis=0))), samples


CALIBRATION: dict[str, Callable[[Floats, NDArray[np.int64], int], tuple[float, list[float]]]] = {
    "ece": ece,
    "ece_adaptive": ece_adaptive,
    "brier": brier,
}


def measure_calibration(
    names: Sequence[str],
    probabilities: Floats,
    gold: Sequence[int],
    confidence: float,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """Compute each named measure: {name: {value, low, high, n}}.

    Args:
        probabilities: shape (rows, labels), each row summing to 1.
        gold: the right label's place per row.
        confidence: level of the percentile bootstrap intervals over rows.
        seed: of resampling.

    Raises:
        KeyError: a name is not in `CALIBRATION`.
    """
    right = np.asarray(gold, dtype=np.int64)
    found = {}
    for name in names:
        value, samples = CALIBRATION[name](probabilities, right, seed)
        low, high = percentile_interval(samples, confidence)
        # An error that is never negative is resampled upwards: an interval holds its estimate.
        found[name] = {
            "value": value,
            "low": min(low, value),
            "high": max(high, value),
            "n": len(right),
        }
    return found

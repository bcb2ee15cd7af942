"""Confidence intervals for a share of successes and for anything resampled."""

import math
from statistics import NormalDist


def wilson_interval(successes: int, trials: int, confidence: float) -> tuple[float, float]:
    """Return the Wilson score interval of a binomial share, both ends in 0..1.

    It keeps close to the stated coverage at small `trials` and near 0 and 1, where the
    usual normal interval collapses (E. B. Wilson, JASA 22, 1927, pages 209-212).

    Raises:
        ValueError: `trials` is below 1, `successes` is not in 0..`trials`, or
            `confidence` is not strictly between 0 and 1.
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes in {trials} trials is not a share")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must be between 0 and 1, not {confidence}")
    z = NormalDist().inv_cdf((1.0 + confidence) / 2.0)
    share = successes / trials
    shrink = 1.0 + z * z / trials
    centre = (share + z * z / (2.0 * trials)) / shrink
    spread = z / shrink * math.sqrt(share * (1.0 - share) / trials + (z / (2.0 * trials)) ** 2)
    # Rounding may miss the exact ends by 1e-17, and an interval must hold its estimate.
    low = 0.0 if successes == 0 else max(0.0, centre - spread)
    high = 1.0 if successes == trials else min(1.0, centre + spread)
    return low, high


def percentile_interval(samples: list[float], confidence: float) -> tuple[float, float]:
    """Return the central interval that holds `confidence` of the bootstrap `samples`."""
    if not samples:
        raise ValueError("an interval needs at least one sample")
    ordered = sorted(samples)
    tail = (1.0 - confidence) / 2.0
    return _quantile(ordered, tail), _quantile(ordered, 1.0 - tail)


def _quantile(ordered: list[float], share: float) -> float:
    """Interpolate linearly between the two order statistics around `share`."""
    position = share * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)

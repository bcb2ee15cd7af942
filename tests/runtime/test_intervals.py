"""Confidence intervals against published numbers and what any interval must hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nivel.runtime.evaluation.intervals import percentile_interval, wilson_interval


def test_wilson_matches_the_worked_values_of_newcombe() -> None:
    # R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    assert wilson_interval(81, 263, 0.95) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(15, 148, 0.95) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson_interval(0, 20, 0.95) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson_interval(1, 29, 0.95) == pytest.approx((0.0061, 0.1718), abs=5e-5)


@given(st.integers(1, 500), st.data(), st.floats(0.51, 0.999))
def test_wilson_holds_the_share_and_stays_between_zero_and_one(
    trials: int, data: st.DataObject, confidence: float
) -> None:
    successes = data.draw(st.integers(0, trials))
    low, high = wilson_interval(successes, trials, confidence)
    assert 0.0 <= low <= successes / trials <= high <= 1.0


def test_wilson_mirrors_when_successes_and_failures_swap() -> None:
    low, high = wilson_interval(30, 180, 0.9)
    assert wilson_interval(150, 180, 0.9) == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize(
    ("successes", "trials", "confidence"),
    [(0, 0, 0.95), (3, 2, 0.95), (-1, 2, 0.95), (1, 2, 0.0), (1, 2, 1.0), (1, 2, 95.0)],
)
def test_wilson_refuses_what_is_no_share_or_no_confidence(
    successes: int, trials: int, confidence: float
) -> None:
    with pytest.raises(ValueError):
        wilson_interval(successes, trials, confidence)


def test_a_percentile_interval_interpolates_between_order_statistics() -> None:
    samples = [float(value) for value in range(100, -1, -1)]
    assert percentile_interval(samples, 0.95) == pytest.approx((2.5, 97.5))
    assert percentile_interval([3.0], 0.95) == (3.0, 3.0)
    with pytest.raises(ValueError):
        percentile_interval([], 0.95)

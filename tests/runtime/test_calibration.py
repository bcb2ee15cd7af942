"""Calibration measures against plain loops, and what each of them is blind to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nivel.runtime.evaluation.calibration import (
    BINS,
    brier,
    ece,
    ece_adaptive,
    equal_mass_bins,
    equal_width_bins,
    measure_calibration,
)

from .test_likelihood import LABELS, PROMPT, ROWS, model, tokenizer

__all__ = ["model", "tokenizer"]  # fixtures


def made(rows: int = 400, labels: int = 3, seed: int = 0) -> tuple[Any, Any]:
    draw = np.random.default_rng(seed)
    shares = draw.dirichlet(np.ones(labels), size=rows)
    gold = np.array([draw.choice(labels, p=row) for row in shares])
    return shares, gold


def ece_by_loop(shares: Any, gold: Any) -> float:
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for row, label in zip(shares, gold, strict=True):
        confidence = float(row.max())
        place = next(i for i in range(BINS) if confidence <= (i + 1) / BINS)
        bins[place].append((confidence, bool(row.argmax() == label)))
    gaps = [abs(sum(right for _, right in rows) - sum(sure for sure, _ in rows)) for rows in bins]
    return sum(gaps) / len(gold)


def test_the_error_is_that_of_a_plain_loop() -> None:
    shares, gold = made()
    assert ece(shares, gold, 0)[0] == pytest.approx(ece_by_loop(shares, gold), abs=1e-12)


def test_a_calibrated_model_has_a_small_error_and_a_boastful_one_a_large() -> None:
    shares, gold = made(20_000)
    boastful = shares**4 / (shares**4).sum(axis=1, keepdims=True)
    for measure in (ece, ece_adaptive):
        assert measure(shares, gold, 0)[0] < 0.02
        assert measure(boastful, gold, 0)[0] > 0.15
    assert brier(shares, gold, 0)[0] < brier(boastful, gold, 0)[0]


def test_brier_reaches_from_nought_to_two() -> None:
    sure = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert brier(sure, np.array([0, 1]), 0)[0] == 0.0
    assert brier(sure, np.array([1, 0]), 0)[0] == 2.0
    assert brier(np.array([[0.5, 0.5]]), np.array([0]), 0)[0] == 0.5


def test_bins_hold_what_they_say() -> None:
    edges = np.array([0.0, 1 / 15, 1 / 15 + 1e-9, 0.5, 1.0])
    assert equal_width_bins(edges).tolist() == [0, 0, 1, 7, 14]
    counts = np.bincount(equal_mass_bins(made()[0].max(axis=1)), minlength=BINS)
    assert counts.max() - counts.min() <= 1
    assert np.bincount(equal_mass_bins(np.array([0.3, 0.2])), minlength=BINS).sum() == 2


def test_adaptive_bins_see_into_a_crowded_one() -> None:
    """All confidences in one bin of equal width, where errors of both signs cancel."""
    low, high = np.full(200, 0.941), np.full(200, 0.999)
    shares = np.stack([np.concatenate([low, high]), 1 - np.concatenate([low, high])], axis=1)
    gold = np.zeros(400, dtype=np.int64)
    gold[200:224] = 1  # the surest are wrong most often
    assert ece(shares, gold, 0)[0] < 0.035
    assert ece_adaptive(shares, gold, 0)[0] > 0.055


def test_intervals_hold_their_value_and_depend_on_the_seed() -> None:
    shares, gold = made(60)
    first, again, other = (
        measure_calibration(["ece", "ece_adaptive", "brier"], shares, gold.tolist(), 0.9, seed)
        for seed in (1, 1, 2)
    )
    assert first == again != other
    for found in first.values():
        assert found["low"] <= found["value"] <= found["high"] and found["n"] == 60
        assert found["low"] < found["high"]


def test_calibration_is_reported_where_it_is_asked_for(model: Any, tokenizer: Any) -> None:
    from nivel.runtime.evaluation import evaluate_classifier

    names = ("ece", "accuracy", "brier")
    found = evaluate_classifier(model, tokenizer, ROWS, PROMPT, LABELS, metrics=names)
    assert list(found.metrics) == list(names)
    squares = 0.0
    for row in found.predictions:
        scores = np.array([row["scores"][label] for label in LABELS])
        shares = np.exp(scores) / np.exp(scores).sum()
        assert row["confidence"] == pytest.approx(shares.max(), rel=1e-5)
        truth = np.array([label == row["label"] for label in LABELS])
        squares += ((shares - truth) ** 2).sum()
    assert found.metrics["brier"]["value"] == pytest.approx(squares / len(ROWS), rel=1e-5)
    with pytest.raises(ValueError, match="unknown metric 'sureness'.*ece"):
        evaluate_classifier(model, tokenizer, ROWS, PROMPT, LABELS, metrics=["sureness"])

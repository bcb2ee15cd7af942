"""Measures of numbers and of labelled words, against their definitions and other people's code."""

from __future__ import annotations

import numpy as np
import pytest

from nivel.runtime.evaluation.regression import measure_numbers, ranks
from nivel.runtime.evaluation.tagging import entities, measure_tags

NUMBERS = ("mae", "rmse", "pearson", "spearman")


def test_measures_of_numbers_are_those_of_torchmetrics() -> None:
    import torch
    from torchmetrics.functional import pearson_corrcoef, spearman_corrcoef

    draw = np.random.default_rng(0)
    right = np.round(draw.normal(size=60), 1)  # with ties
    said = right + draw.normal(size=60)
    found = measure_numbers(NUMBERS, right, said, 0.95)
    a, b = torch.tensor(right), torch.tensor(said)
    assert found["mae"]["value"] == pytest.approx(float((a - b).abs().mean()))
    assert found["rmse"]["value"] == pytest.approx(float((a - b).square().mean().sqrt()))
    assert found["pearson"]["value"] == pytest.approx(float(pearson_corrcoef(b, a)), abs=1e-6)
    assert found["spearman"]["value"] == pytest.approx(float(spearman_corrcoef(b, a)), abs=1e-6)
    for measure in found.values():
        assert measure["low"] < measure["value"] < measure["high"] and measure["n"] == 60


def test_equal_values_share_the_mean_of_their_ranks() -> None:
    assert ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]


def test_one_answer_for_all_rows_has_no_correlation() -> None:
    found = measure_numbers(NUMBERS, np.array([1.0, 2.0, 3.0]), np.full(3, 2.0), 0.95)
    assert found["pearson"]["value"] == found["spearman"]["value"] == 0.0


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ("O B-PER I-PER O", {(1, 3, "PER")}),
        ("B-PER B-PER", {(0, 1, "PER"), (1, 2, "PER")}),
        ("I-PER I-PER O I-LOC", {(0, 2, "PER"), (3, 4, "LOC")}),
        ("B-PER I-LOC", {(0, 1, "PER"), (1, 2, "LOC")}),
        ("O O", set()),
        ("B-A-B I-A-B", {(0, 2, "A-B")}),
    ],
)
def test_entities_are_those_of_conlleval(labels: str, found: set[tuple[int, int, str]]) -> None:
    assert entities(labels.split()) == found


def test_an_entity_counts_whole_or_not_at_all() -> None:
    right = [["B-PER", "I-PER", "O"], ["O", "B-LOC", "O"]]
    said = [["B-PER", "O", "O"], ["O", "B-LOC", "O"]]
    found = measure_tags(("token_accuracy", "entity_f1"), right, said, 0.95)
    assert found["token_accuracy"]["value"] == pytest.approx(5 / 6)
    assert found["entity_f1"]["value"] == pytest.approx(0.5)
    assert found["entity_f1"]["low"] == 0.0 and found["entity_f1"]["high"] == 1.0
    perfect = measure_tags(("entity_f1",), right, right, 0.95)["entity_f1"]
    assert (perfect["value"], perfect["low"], perfect["high"]) == (1.0, 1.0, 1.0)

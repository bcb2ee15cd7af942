"""Accuracy and macro F1 against hand counts, and the majority baseline."""

import numpy as np
import pytest

from nivel.runtime.data import Row
from nivel.runtime.errors import DataError
from nivel.runtime.evaluation import majority_baseline
from nivel.runtime.evaluation.metrics import confusion, macro_f1_values, measure

LABELS = ("a", "b", "c")


def test_confusion_counts_gold_by_row_and_prediction_by_column() -> None:
    counts = confusion(["a", "a", "b"], ["a", "b", "b"], LABELS)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]


def test_macro_f1_is_the_mean_of_hand_computed_f1() -> None:
    gold, predicted = ["a", "a", "b", "b", "c"], ["a", "b", "b", "b", "a"]
    # a: 1 hit of 2 gold, 2 predicted: 0.5; b: 2 of 2 gold, 3 predicted: 0.8; c: never hit.
    found = measure(["macro_f1"], gold, predicted, LABELS, 0.95)["macro_f1"]
    assert found["value"] == pytest.approx((0.5 + 0.8 + 0.0) / 3)
    assert found["n"] == 5


def test_a_label_that_never_occurs_does_not_lower_macro_f1() -> None:
    found = measure(["macro_f1"], ["a", "b"], ["a", "b"], LABELS, 0.95)["macro_f1"]
    assert found["value"] == 1.0


def test_macro_f1_of_a_stack_is_that_of_each_table() -> None:
    tables = np.random.default_rng(0).integers(0, 9, size=(20, 3, 3))
    assert macro_f1_values(tables) == pytest.approx([macro_f1_values(table) for table in tables])


def test_bootstrap_agrees_with_drawing_rows_one_by_one() -> None:
    rng = np.random.default_rng(5)
    gold = rng.integers(0, 3, 150)
    predicted = np.where(rng.random(150) < 0.7, gold, rng.integers(0, 3, 150))
    values = []
    for _ in range(1000):
        rows = rng.integers(0, 150, 150)
        names = ([LABELS[i] for i in gold[rows]], [LABELS[i] for i in predicted[rows]])
        values.append(float(macro_f1_values(confusion(*names, LABELS))))
    found = measure(
        ["macro_f1"], [LABELS[i] for i in gold], [LABELS[i] for i in predicted], LABELS, 0.95
    )["macro_f1"]
    low, high = np.quantile(values, [0.025, 0.975])
    assert found["low"] == pytest.approx(low, abs=0.02)
    assert found["high"] == pytest.approx(high, abs=0.02)
    assert found["low"] < found["value"] < found["high"]


def test_intervals_repeat_for_one_seed_and_differ_for_another() -> None:
    gold, predicted = ["a", "b", "c"] * 20, ["a", "b", "b", "c"] * 15
    ends = [
        measure(["macro_f1"], gold, predicted, LABELS, 0.95, seed)["macro_f1"]["low"]
        for seed in (1, 1, 2)
    ]
    assert ends[0] == ends[1] != ends[2]


def test_only_the_named_metrics_are_computed_and_unknown_ones_are_refused() -> None:
    assert list(measure(["accuracy"], ["a"], ["b"], LABELS, 0.95)) == ["accuracy"]
    with pytest.raises(ValueError, match="bleu"):
        measure(["bleu"], ["a"], ["a"], LABELS, 0.95)
    with pytest.raises(ValueError, match="row"):
        measure(["accuracy"], [], [], LABELS, 0.95)


def rows(labels: str) -> list[Row]:
    return [Row(str(index), {}, label) for index, label in enumerate(labels)]


def test_the_majority_label_is_chosen_on_the_training_rows() -> None:
    found = majority_baseline(rows("aab"), rows("abbb"))
    assert found == {"label": "a", "accuracy": 0.25}


def test_without_training_rows_the_test_rows_choose_the_majority_label() -> None:
    assert majority_baseline(None, rows("abb")) == {"label": "b", "accuracy": 2 / 3}


def test_a_tie_goes_to_the_first_label_of_the_alphabet() -> None:
    assert majority_baseline(rows("ba"), rows("ab"))["label"] == "a"


def test_no_labelled_test_rows_is_an_error() -> None:
    with pytest.raises(DataError):
        majority_baseline(rows("a"), [Row("1", {}, None)])

"""Statistics against independent formulas: enumerations, exact distributions, roots."""

from __future__ import annotations

import itertools
import math
import random
from fractions import Fraction
from statistics import NormalDist

import numpy as np
import pytest

from nivel.runtime.data import Row
from nivel.runtime.errors import DataError
from nivel.runtime.evaluation.intervals import percentile_interval, wilson_interval
from nivel.runtime.records.paired import mcnemar
from nivel.runtime.scoring import Gate, judge, render_junit, render_markdown
from nivel.runtime.scoring.attempts import all_of, any_of, attempts
from nivel.runtime.scoring.confusion import count_pairs, render_confusion
from nivel.runtime.scoring.differences import Earlier, compare_scores
from nivel.runtime.scoring.hooks import Hook, score_answers
from nivel.runtime.scoring.matrix import measure_rows
from nivel.runtime.scoring.statistics import holm, interval_of_mean, paired_difference


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_wilsons_ends_are_where_the_score_test_just_rejects(confidence: float) -> None:
    """The interval is the set of shares p with |x/n - p| <= z sqrt(p (1-p) / n): by bisection."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)

    def inside(p: float, right: int, n: int) -> bool:
        return abs(right / n - p) <= z * math.sqrt(p * (1 - p) / n)

    for n in (1, 7, 40):
        for right in range(n + 1):
            ends = []
            for far in (0.0, 1.0):
                good, bad = right / n, far
                for _ in range(60):
                    middle = (good + bad) / 2
                    good, bad = (middle, bad) if inside(middle, right, n) else (good, middle)
                ends.append(good)
            assert wilson_interval(right, n, confidence) == pytest.approx(ends, abs=1e-9)


def test_mcnemar_counts_the_coins_at_least_as_uneven() -> None:
    for lost, won in itertools.product(range(7), repeat=2):
        flips = list(itertools.product((0, 1), repeat=lost + won))
        uneven = sum(abs(2 * sum(f) - len(f)) >= abs(lost - won) for f in flips)
        assert mcnemar(lost, won) == pytest.approx(float(Fraction(uneven, len(flips))))


def test_the_permutation_test_is_near_the_enumeration_of_all_signs() -> None:
    draw = random.Random(2)
    change = [draw.uniform(-0.3, 0.5) for _ in range(10)]
    signs = itertools.product((-1, 1), repeat=len(change))
    seen = abs(sum(change)) - 1e-9
    exact = np.mean([abs(sum(s * c for s, c in zip(flip, change, strict=True))) >= seen
                     for flip in signs])  # fmt: skip
    base = [0.5] * len(change)
    found = paired_difference(base, [0.5 + c for c in change], 0.95, 0)
    assert found.test == "paired permutation"
    assert found.p_value == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 2000))


def test_the_cluster_bootstrap_is_near_the_enumeration_of_all_draws() -> None:
    rows = [[0.0, 1.0], [1.0, 1.0], [0.0, 0.0], [0.5, 0.0], [1.0, 0.5]]
    means = [sum(row) / len(row) for row in rows]
    every = [sum(drawn) / 5 for drawn in itertools.product(means, repeat=5)]
    low, high = percentile_interval(every, 0.9)
    found = interval_of_mean(rows, 0.9, 1)
    assert (found["low"], found["high"]) == pytest.approx((low, high), abs=0.05)
    assert found["value"] == pytest.approx(sum(means) / 5)


def test_holm_never_rejects_what_the_step_down_procedure_keeps() -> None:
    """A hypothesis is rejected at alpha exactly where its corrected p-value is at most alpha."""
    draw = random.Random(4)
    for _ in range(200):
        p_values = [draw.random() ** 3 for _ in range(draw.randrange(1, 7))]
        alpha = draw.random() * 0.3
        rejected: set[int] = set()
        for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
            if p_values[index] * (len(p_values) - rank) > alpha:
                break
            rejected.add(index)
        assert rejected == {i for i, p in enumerate(holm(p_values)) if p <= alpha}


def test_an_effect_of_the_smallest_size_is_seen_four_times_in_five() -> None:
    generator = np.random.default_rng(7)
    normal = NormalDist()
    seen, trials, rows = 0, 2000, 60
    effect = paired_difference(
        [0.5] * rows, (0.5 + generator.normal(0, 0.1, rows)).tolist(), 0.95, 0
    ).smallest
    spread = effect * math.sqrt(rows) / (normal.inv_cdf(0.975) + normal.inv_cdf(0.8))
    for _ in range(trials):
        change = generator.normal(effect, spread, rows)
        seen += abs(change.mean()) > normal.inv_cdf(0.975) * spread / math.sqrt(rows)
    assert seen / trials == pytest.approx(0.8, abs=0.03)


def test_tries_are_counted_as_drawing_them_would() -> None:
    for size, right, drawn in ((5, 2, 2), (4, 0, 3), (6, 5, 2), (3, 3, 3)):
        answers = [1] * right + [0] * (size - right)
        every = list(itertools.combinations(answers, drawn))
        assert any_of(size, right, drawn) == pytest.approx(np.mean([max(d) for d in every]))
        assert all_of(size, right, drawn) == pytest.approx(np.mean([min(d) for d in every]))
    found = attempts([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]], 0.95, 0)
    assert list(found) == ["2", "3"]
    assert found["3"]["any"]["value"] == 0.5 and found["3"]["all"]["value"] == 0.0
    assert attempts([[0.5, 1.0]], 0.95, 0) == attempts([[1.0]], 0.95, 0) == {}


def test_what_is_unknown_widens_an_interval_and_moves_no_value() -> None:
    known = measure_rows([[1.0]] * 8, 0.95, 0)
    found = measure_rows([[1.0]] * 8 + [[None]] * 2, 0.95, 0)
    assert found["value"] == known["value"] == 1.0 and found["unknown"] == 2
    assert found["low"] == interval_of_mean([[1.0]] * 8 + [[0.0]] * 2, 0.95, 0)["low"]
    before = {f"r{n}": [0.0] for n in range(10)}
    after: dict[str, list[float | None]] = {f"r{n}": [1.0 if n else None] for n in range(10)}
    difference = compare_scores(before, after, 0.95, 0)
    assert difference is not None and difference.value == 1.0 and difference.rows == 9
    assert difference.low < 1.0
    assert compare_scores({"r": [None]}, {"r": [1.0]}, 0.95, 0) is None


def test_a_confusion_has_a_column_for_answers_that_are_no_label() -> None:
    table = count_pairs([("a", "a"), ("a", None), ("b", "a")], ["a", "b"])
    assert table["counts"] == [[1, 0, 1], [1, 0, 0]] and table["given"] == ["a", "b", None]
    lines = render_confusion(table)
    assert lines[0].split() == ["right", "\\", "given", "a", "b", "no", "label"]
    assert lines[1].split() == ["a", "1", "0", "1"]
    many = [f"label {n}" for n in range(9)]
    large = render_confusion(count_pairs([("label 1", "label 2")] * 3, many))
    assert large == ["3 x label 1 taken for label 2"]


def test_a_gate_on_a_difference_looks_at_what_was_compared_and_fails_without() -> None:
    gate = Gate(metric="exact", at_least=-0.02, bound="low", of="difference")
    first = {"exact": {"value": 0.9, "low": 0.8, "high": 0.95}}
    second = {**first, "difference": {"exact": {"value": 0.0, "low": -0.01, "high": 0.01}}}
    found = judge([gate], {"one": first, "two": second})
    assert [(one.cell, one.passed) for one in found] == [("two", True)]
    assert found[0].text == "two: low end of difference of exact at least -0.02: found -0.01"
    assert [one.passed for one in judge([gate], {"one": first})] == [False]
    other = Gate(metric="judged", at_most=0.0, of="difference")
    assert [one.passed for one in judge([other], {"two": second})] == [False]


def test_a_report_of_gates_holds_nothing_that_acts() -> None:
    name = "<img src=x> [a](javascript:b) @team `c` |d| \ud800 & #1"
    verdicts = judge([Gate(metric="usd", at_most=1.0)], {name: {"usd": None}})
    page = render_markdown(name, verdicts)
    assert "<img" not in page and "@" not in page and "](" not in page.replace("\\](", "")
    assert page.count("\n| **fail** |") == 1
    assert "<img" not in render_junit(name, verdicts)
    render_junit(name, verdicts).encode("utf-8")


def test_runs_are_paired_by_column_or_by_the_only_one() -> None:
    one = Earlier("x", "1", "exact", {("m", "a"): {"r": [1.0]}}, {})
    assert one.column("other", "name") == {"r": [1.0]}
    two = Earlier("x", "1", "exact", {("m", "a"): {}, ("m", "b"): {"r": [0.0]}}, {})
    assert two.column("m", "b") == {"r": [0.0]}
    with pytest.raises(DataError, match="has no column m/c"):
        two.column("m", "c")
    with pytest.raises(DataError, match="found in another way"):
        Earlier("x", "1", "judged", {}, {"judged": {"a": 1}}).check_scorer({"judged": {"a": 2}})


def test_a_function_is_called_with_the_answer_and_the_row() -> None:
    seen = []
    hook = Hook("h", "h.py", "f", "0", lambda text, row: seen.append((text, row)) or True)
    assert score_answers(hook, [("yes", Row("r1", {"text": "t"}, "no"))]) == [1.0]
    assert seen == [("yes", {"id": "r1", "label": "no", "fields": {"text": "t"}})]

"""Measures, statistics and gates of written answers."""

from __future__ import annotations

import math
import random
import xml.etree.ElementTree as ElementTree
from difflib import SequenceMatcher

import pytest

from nivel.runtime.data import Row
from nivel.runtime.errors import DataError
from nivel.runtime.prompting.types import Answer, Cell, Generation
from nivel.runtime.scoring import (
    Gate,
    Metric,
    judge,
    render_junit,
    render_markdown,
    score_matrix,
    with_differences,
)
from nivel.runtime.scoring.documents import json_equal, json_fields, parse
from nivel.runtime.scoring.labels import macro_f1, match_label
from nivel.runtime.scoring.statistics import holm, interval_of_mean, paired_difference
from nivel.runtime.scoring.texts import (
    MEASURES,
    lcs_length,
    normalize,
    numeric,
    regex,
)  # fmt: skip


def test_normalizing_folds_case_forms_articles_and_punctuation() -> None:
    assert normalize("  The  Ｃafé, an Éclair! ") == "café éclair"


@pytest.mark.parametrize(
    ("name", "answer", "reference", "score"),
    [
        ("exact", " Paris\n", "Paris", 1.0),
        ("exact", "paris", "Paris", 0.0),
        ("normalized", "the Paris.", "paris", 1.0),
        ("contains", "It is Paris, of course", "paris", 1.0),
        ("contains", "comparison", "paris", 0.0),
        ("token_f1", "paris in france", "paris", 0.5),
        ("token_f1", "", "paris", 0.0),
        ("rouge_l", "the cat sat", "the cat ran", 2 / 3),
    ],
)
def test_a_measure_gives_the_score_by_hand(
    name: str, answer: str, reference: str, score: float
) -> None:
    assert MEASURES[name](answer, reference) == pytest.approx(score)


def test_the_subsequence_is_that_of_the_textbook_algorithm() -> None:
    def textbook(a: list[str], b: list[str]) -> int:
        row = [0] * (len(b) + 1)
        for x in a:
            before = row[:]
            for j, y in enumerate(b):
                row[j + 1] = before[j] + 1 if x == y else max(before[j + 1], row[j])
        return row[-1]

    draw = random.Random(3)
    for _ in range(300):
        a, b = ([draw.choice("abcd") for _ in range(draw.randrange(30))] for _ in "ab")
        assert lcs_length(a, b) == textbook(a, b)
        assert lcs_length(a, b) >= sum(m.size for m in SequenceMatcher(None, a, b)
                                       .get_matching_blocks())  # fmt: skip


def test_the_last_number_counts_with_its_tolerance() -> None:
    assert numeric()("5 + 3 = 8, so 1,208.", "#### 1208") == 1.0
    assert numeric(0.01)("101", "100") == 1.0
    assert numeric(0.001)("101", "100") == 0.0
    assert numeric()("none", "3") == 0.0
    with pytest.raises(DataError, match="holds no number"):
        numeric()("3", "three")


def test_a_pattern_compares_its_first_group() -> None:
    assert regex(r"answer is (\w+)")("the answer is Yes!", "yes") == 1.0
    assert regex(r"answer is (\w+)")("no idea", "yes") == 0.0
    with pytest.raises(DataError, match="does not compile"):
        regex("(")


def test_json_is_compared_by_value_and_by_field() -> None:
    assert json_equal('{"b": 1.0, "a": [true]}', '{"a": [true], "b": 1}') == 1.0
    assert json_equal('{"a": true}', '{"a": 1}') == 0.0
    assert json_equal("{", '{"a": 1}') == 0.0
    assert json_fields('{"a": 1, "b": {"c": 2}}', '{"a": 1, "b": {"c": 3}}') == 0.5
    assert json_fields('{"a": 1, "x": 9}', '{"a": 1}') == 0.5
    for text in ('{"a": NaN}', '{"a": 1, "a": 2}'):
        with pytest.raises(ValueError):
            parse(text)
    with pytest.raises(DataError, match="is not JSON"):
        json_equal("{}", "{")


def test_an_answer_gives_one_label_or_none() -> None:
    labels = ["bug", "not a bug", "other"]
    assert match_label("Bug.\nBecause other things", labels) == "bug"
    assert match_label("It is not a bug", labels) == "not a bug"
    assert match_label("bug or other", labels) is None
    assert match_label("debugging", labels) is None
    assert match_label("", labels) is None


def test_an_answer_that_is_no_label_lowers_recall_alone() -> None:
    pairs = [[("a", "a")], [("a", None)], [("b", "b")], [("b", "b")]]
    found = macro_f1(pairs, ["a", "b"], 0.95, 0)
    assert found["value"] == pytest.approx((2 / 3 + 1.0) / 2)
    assert found["low"] <= found["value"] <= found["high"] + 1e-9


def test_repeats_widen_nothing_that_rows_do_not_support() -> None:
    """Ten copies of each answer are no more evidence than one."""
    once = [[float(i % 3 == 0)] for i in range(60)]
    ten = [row * 10 for row in once]
    first, second = interval_of_mean(once, 0.95, 0), interval_of_mean(ten, 0.95, 0)
    assert first["value"] == second["value"]
    width = second["high"] - second["low"]
    assert width > 0.8 * (first["high"] - first["low"])
    assert second["answers"] == 600


def test_the_bootstrap_interval_covers_as_often_as_it_says() -> None:
    draw = random.Random(5)
    hits = 0
    for trial in range(200):
        rows = [[draw.random()] for _ in range(40)]
        found = interval_of_mean(rows, 0.9, trial)
        hits += found["low"] <= 0.5 <= found["high"]
    assert 165 <= hits <= 194  # 180 expected, 4.2 standard deviation


def test_a_paired_difference_sees_what_is_there_and_not_what_is_not() -> None:
    draw = random.Random(1)
    base = [draw.random() for _ in range(100)]
    better = [min(1.0, x + 0.1 + 0.05 * draw.random()) for x in base]
    noise = [min(1.0, max(0.0, x + 0.2 * (draw.random() - 0.5))) for x in base]
    assert paired_difference(base, better, 0.95, 0).p_value < 0.01
    assert paired_difference(base, noise, 0.95, 0).p_value > 0.05
    binary = paired_difference([0.0] * 10, [1.0] * 8 + [0.0] * 2, 0.95, 0)
    assert binary.test == "exact McNemar"
    assert binary.p_value == pytest.approx(2 / 2**8)
    assert 0 < binary.smallest < 1


def test_holm_corrects_from_the_smallest_up() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.9]) == [1.0, 1.0]


def row(number: int, label: str | None = "a") -> Row:
    return Row(f"r{number}", {"text": str(number)}, label)


def cell(number: int, variant: str = "default", repeat: int = 0) -> Cell:
    return Cell(f"{variant}-{number}-{repeat}", f"r{number}", "m", variant, repeat, (), "x",
                Generation(), None)  # fmt: skip


def answer(one: Cell, text: str, finish: str = "stop") -> Answer:
    return Answer(one.id, text, finish, 1, 1, None, None, 0.1, None, None)


def test_columns_are_scored_and_compared_with_the_first() -> None:
    cells = [cell(n, variant) for variant in ("one", "two") for n in range(20)]
    answers = {
        c.id: answer(c, "a" if c.variant == "two" or int(c.row[1:]) % 2 else "b", "length")
        for c in cells
    }
    rows = [row(n) for n in range(20)]
    metrics = [Metric(type="accuracy"), Metric(type="macro_f1")]
    scored = score_matrix(cells, answers, rows, metrics, labels=["a", "b"])
    one, two = with_differences(scored, "accuracy", None, 0.95, 0)
    assert one.metrics["accuracy"]["value"] == 0.5
    assert two.metrics["accuracy"]["value"] == 1.0
    assert one.difference is None and two.difference is not None
    assert two.difference.value == 0.5
    assert two.difference.p_holm == two.difference.p_value < 0.01
    assert one.cut == 20


def test_a_measure_without_right_answers_is_refused() -> None:
    cells = [cell(1)]
    with pytest.raises(DataError, match="1 of 1 test rows have no label"):
        score_matrix(
            cells, {c.id: answer(c, "x") for c in cells}, [row(1, None)], [Metric(type="exact")]
        )


def test_json_that_the_schema_refuses_scores_nothing() -> None:
    cells = [cell(1)]
    answers = {cells[0].id: answer(cells[0], '{"a": 1}')}
    metrics = [Metric(type="valid_json"), Metric(type="json_equal")]
    rows = [row(1, '{"a": 1}')]
    (good,) = score_matrix(cells, answers, rows, metrics, schema={"required": ["a"]})
    (bad,) = score_matrix(cells, answers, rows, metrics, schema={"required": ["b"]})
    assert [m["value"] for m in good.metrics.values()] == [1.0, 1.0]
    assert [m["value"] for m in bad.metrics.values()] == [0.0, 0.0]


def test_gates_look_at_values_ends_and_costs_and_an_unknown_one_fails() -> None:
    measured = {"m/x": {"accuracy": {"value": 0.8, "low": 0.7, "high": 0.9}, "usd": None}}
    gates = [
        Gate(metric="accuracy", at_least=0.75),
        Gate(metric="accuracy", at_least=0.75, bound="low"),
        Gate(metric="usd", at_most=1.0),
    ]
    verdicts = judge(gates, measured)
    assert [one.passed for one in verdicts] == [True, False, False]
    suite = ElementTree.fromstring(render_junit("a <b>\x00", verdicts).encode())
    assert suite.get("failures") == "2" and len(suite.findall("testcase/failure")) == 2
    assert render_markdown("a|b", verdicts).count("**fail**") == 2
    assert not math.isnan(verdicts[0].found or 0.0)

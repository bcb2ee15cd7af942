"""Which solved rows stand before a question, and that none of them is also tested."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest

from nivel.runtime.data import Prompt, Row, choose_examples
from nivel.runtime.data.similar import SimilarTexts
from nivel.runtime.errors import DataError
from nivel.runtime.generation import LocalModel
from nivel.runtime.prompting.cells import make_cells
from nivel.runtime.prompting.question import Question
from nivel.runtime.prompting.types import Generation

from .tiny import tiny

LABELS = ("red", "green", "blue")
TOPICS = ("the printer is out of paper", "my invoice is wrong", "the screen stays black")
POOL = [Row(f"p{n}", {"text": f"{TOPICS[n % 3]} since day {n}"}, LABELS[n % 3]) for n in range(30)]
TESTS = [
    Row("t0", {"text": "no paper in the printer"}, "red"),
    Row("t1", {"text": "an invoice that is wrong"}, "green"),
    Row("t2", {"text": "black screens"}, "blue"),
]


def ids(found: Any, row: Row = TESTS[0]) -> list[str]:
    return [example.id for example in found.before(row.fields)]


@pytest.mark.parametrize("choose", ["random", "balanced"])
def test_drawn_examples_depend_on_the_seed_and_stand_before_every_question(choose: str) -> None:
    first, again, other = (
        choose_examples(POOL, 6, choose, tests=TESTS, labels=LABELS, seed=seed)
        for seed in (1, 1, 2)
    )
    assert ids(first) == ids(again) != ids(other)
    assert len(set(ids(first))) == 6
    assert all(ids(first, row) == ids(first) for row in TESTS)


def test_balanced_examples_are_even_over_the_labels() -> None:
    found = choose_examples(POOL, 7, "balanced", tests=TESTS, labels=LABELS)
    counts = Counter(row.label for row in found.before(TESTS[0].fields))
    assert sorted(counts.values()) == [2, 2, 3]
    with pytest.raises(DataError, match="need labels"):
        choose_examples(POOL, 3, "balanced", tests=TESTS)


def test_fixed_examples_are_those_named_in_their_order() -> None:
    found = choose_examples(POOL, 2, "fixed", tests=TESTS, ids=["p9", "p2"])
    assert ids(found) == ["p9", "p2"]
    with pytest.raises(DataError, match="no row 'p99'"):
        choose_examples(POOL, 1, "fixed", tests=TESTS, ids=["p99"])
    with pytest.raises(DataError, match="named twice"):
        choose_examples(POOL, 2, "fixed", tests=TESTS, ids=["p9", "p9"])
    with pytest.raises(DataError, match="3 examples were asked for, but 2 ids"):
        choose_examples(POOL, 3, "fixed", tests=TESTS, ids=["p9", "p2"])
    with pytest.raises(DataError, match="go with the choice `fixed`"):
        choose_examples(POOL, 1, "random", tests=TESTS, ids=["p9"])


def test_the_nearest_examples_are_those_of_the_same_topic_the_nearest_last() -> None:
    found = choose_examples(POOL, 4, "nearest", tests=TESTS)
    for row in TESTS:
        shown = found.before(row.fields)
        assert {example.label for example in shown} == {row.label}
    pool = [*POOL, Row("twin", {"text": "printer in the no paper"}, "red")]
    assert ids(choose_examples(pool, 3, "nearest", tests=TESTS))[-1] == "twin"


def cosine_one_by_one(texts: list[str], text: str) -> list[float]:
    """Tf-idf and cosine by the book, with dictionaries."""

    def grams(one: str) -> Counter[str]:
        padded = f" {' '.join(one.casefold().split())} "
        return Counter(padded[i : i + 4] for i in range(max(1, len(padded) - 3)))

    rows = [grams(one) for one in texts]
    seen = Counter(gram for row in rows for gram in row)

    def vector(row: Counter[str]) -> dict[str, float]:
        return {
            gram: (1 + math.log(count)) * (math.log((1 + len(texts)) / (1 + seen[gram])) + 1)
            for gram, count in row.items()
            if gram in seen
        }

    asked = vector(grams(text))
    size = math.sqrt(sum(v * v for v in asked.values())) or 1.0
    found = []
    for row in rows:
        other = vector(row)
        dot = sum(asked.get(gram, 0.0) * v for gram, v in other.items())
        found.append(dot / size / math.sqrt(sum(v * v for v in other.values())))
    return found


@pytest.mark.parametrize("text", ["printer paper", "the screen", "a", "", "ZZZZ", "day 17 invoice"])
def test_similarity_is_that_of_the_book(text: str) -> None:
    texts = [*[row.fields["text"] for row in POOL], "a", "Straße", "ab"]
    scores = cosine_one_by_one(texts, text)
    found = SimilarTexts(texts).nearest(text, len(texts))
    assert sorted(found) == list(range(len(texts)))
    ranked = np.array(scores)[found]
    assert np.all(np.diff(ranked) < 1e-12)
    zero = [place for place in found if scores[place] == 0]
    assert zero == sorted(zero), "what is equally far keeps its order"


@pytest.mark.parametrize("choose", ["random", "balanced", "nearest", "fixed"])
@pytest.mark.parametrize(
    ("twin", "what"),
    [
        (Row("t1", {"text": "something else"}, "red"), "has the id of row 't1'"),
        (Row("p", {"text": "An INVOICE, that is wrong!"}, "red"), "has the words of row 't1'"),
    ],
)
def test_an_example_that_is_also_tested_is_refused(choose: str, twin: Row, what: str) -> None:
    named = [twin.id] if choose == "fixed" else []
    with pytest.raises(DataError, match=what):
        choose_examples([twin], 1, choose, tests=TESTS, labels=["red"], ids=named)


def test_a_tested_row_in_the_pool_does_no_harm_while_it_is_not_shown() -> None:
    pool = [*POOL, Row("t0", {"text": "zzz"}, "red")]
    assert choose_examples(pool, 1, "fixed", tests=TESTS, ids=["p1"])
    assert choose_examples(pool, 1, "nearest", tests=TESTS)


def test_rows_of_signs_alone_are_told_apart() -> None:
    pool, tests = [Row("p", {"text": "?!"}, "red")], [Row("t", {"text": "..."}, "red")]
    assert choose_examples(pool, 1, "random", tests=tests)
    with pytest.raises(DataError, match="has the words"):
        choose_examples(pool, 1, "random", tests=[Row("t", {"text": " ?! "}, "red")])


def test_a_pool_that_does_not_suffice_is_refused() -> None:
    with pytest.raises(DataError, match="31 examples were asked for, the pool has 30"):
        choose_examples(POOL, 31, "random", tests=TESTS)
    with pytest.raises(DataError, match="no answer"):
        choose_examples([Row("x", {"text": "a"}, None)], 1, "random", tests=TESTS)
    with pytest.raises(DataError, match="no way to choose examples 'best'"):
        choose_examples(POOL, 1, "best", tests=TESTS)


def test_a_label_prompt_shows_each_question_its_own_examples() -> None:
    _, tokenizer = tiny()
    found = choose_examples(POOL, 2, "nearest", tests=TESTS)
    prompt = Prompt("{{ text }} =>", LABELS, examples=found)
    for row in TESTS:
        text = tokenizer.decode(prompt.encode(tokenizer, row.fields))
        shown = found.before(row.fields)
        expected = [f"{example.fields['text']} => {example.label}" for example in shown]
        assert text == "\n\n".join([*expected, f"{row.fields['text']} =>"])
        assert prompt.shown(row.fields) == tuple(example.id for example in shown)


@pytest.mark.parametrize("choose", ["nearest", "random"])
def test_the_chosen_ids_are_recorded_in_each_cell(choose: str) -> None:
    found = choose_examples(POOL, 2, choose, tests=TESTS)
    question = Question("{{ text }}", "plain", examples=found)
    backend = LocalModel.around("tiny", *tiny())
    made = make_cells(TESTS, [backend], {"v": question}, Generation())
    for row, one in zip(TESTS, made, strict=True):
        assert one.examples == tuple(example.id for example in found.before(row.fields))
        for example in found.before(row.fields):
            assert f"{example.fields['text']} {example.label}\n\n" in (one.text or "")

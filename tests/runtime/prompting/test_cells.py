"""A cell's id names all that shapes its answer, and nothing else."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nivel.runtime.data.rows import Row
from nivel.runtime.errors import DataError
from nivel.runtime.prompting import Generation, Price, Question, make_cells

from .kit import SAID, at, rows

URL = "http://127.0.0.1:9/v1"


def ids(
    count: int = 2,
    template: str = "{{ text }}",
    generation: Any = SAID,
    variant: str = "base",
    **more: Any,
) -> list[str]:
    endpoint = at(more.pop("url", URL), **more.pop("endpoint", {}))
    asked = more.pop("rows", rows(count))
    question = Question(template, **more.pop("question", {}))
    return [
        cell.id for cell in make_cells(asked, [endpoint], {variant: question}, generation, **more)
    ]


def test_the_same_question_has_the_same_id_whatever_else_is_asked() -> None:
    assert ids(2) == ids(9)[:2] and ids(2) == ids(2, repeats=1)
    assert ids(2) == ids(2, repeats=3)[::3]  # the first of each
    assert all(len(one) == 32 and int(one, 16) >= 0 for one in ids(3))
    assert len(set(ids(5, repeats=4))) == 20


def test_what_does_not_shape_an_answer_is_not_in_the_id() -> None:
    price = Price(1.0, None, 2.0, "list", "2026-01-01")
    for more in ({"concurrency": 3}, {"timeout": 5.0}, {"price": price}, {"resend_timeouts": True},
                 {"batch_price": price}, {"limit_name": "max_completion_tokens"}):  # fmt: skip
        assert ids(endpoint=more) == ids()


@pytest.mark.parametrize(
    "other",
    [
        {"template": "{{ text }}?"},
        {"variant": "other"},
        {"url": "http://127.0.0.1:10/v1"},
        {"endpoint": {"model": "large"}},
        {"schema": {"type": "object"}},
        {"question": {"system": "Be brief."}},
        {"question": {"format": "plain"}},
        {"rows": [Row("q", {"text": "item 0"}, None), Row("p", {"text": "item 1"}, None)]},
    ],
)
def test_what_shapes_an_answer_is_in_the_id(other: dict[str, Any]) -> None:
    assert not set(ids(**other)) & set(ids())


VALUES: dict[str, Any] = {
    "temperature": 0.5, "max_tokens": 17, "top_p": 0.5, "top_k": 3, "min_p": 0.1, "stop": ("a",),
    "seed": 1, "presence_penalty": 0.5, "frequency_penalty": 0.5, "repetition_penalty": 1.5,
    "reasoning_effort": "low",
}  # fmt: skip


def test_every_field_of_generation_is_in_the_id() -> None:
    assert set(VALUES) == {field.name for field in fields(Generation)}
    found = [tuple(ids(generation=Generation(**{name: VALUES[name]}))) for name in VALUES]
    assert len({*found, tuple(ids(generation=Generation()))}) == len(VALUES) + 1


texts = st.text(min_size=1, max_size=20)


@settings(deadline=None)  # machines differ in speed
@given(st.lists(st.tuples(texts, texts), min_size=2, max_size=8, unique=True))
def test_different_rows_have_different_ids(drawn: list[tuple[str, str]]) -> None:
    one = {name: text for name, text in drawn}
    asked = [Row(name, {"text": text}, None) for name, text in one.items()]
    cells = make_cells(asked, [at(URL)], {"p": Question("{{ text }}", "plain")}, SAID)
    assert len({cell.id for cell in cells}) == len(asked)
    assert [cell.row for cell in cells] == list(one)


def test_a_matrix_is_every_row_of_every_model_in_every_way() -> None:
    backends = [at(URL), at(URL, model="other")]
    backends[1].name = "n"
    ways = {"a": Question("{{ text }}"), "b": Question("{{ text }}!")}
    said = {"a": SAID, "b": Generation(temperature=1.0)}
    cells = make_cells(rows(3), backends, ways, said, repeats=2)
    assert len(cells) == len({cell.id for cell in cells}) == 2 * 2 * 3 * 2
    assert [cell.model for cell in cells] == ["m"] * 12 + ["n"] * 12
    assert {(cell.variant, cell.generation.temperature) for cell in cells} == {
        ("a", 0.0),
        ("b", 1.0),
    }


def test_names_that_clash_and_rows_that_are_shown_are_refused() -> None:
    question = {"base": Question("{{ text }}")}
    with pytest.raises(DataError, match="two backends are called 'm'"):
        make_cells(rows(1), [at(URL), at(URL)], question, SAID)
    with pytest.raises(DataError, match="two rows are called 'r0'"):
        make_cells([*rows(1), *rows(1)], [at(URL)], question, SAID)
    shown = [Row("r0", {"text": "item 0"}, "yes")]
    with pytest.raises(DataError, match="shows the tested row r0"):
        make_cells(rows(1), [at(URL)], {"base": Question("{{ text }}", examples=shown)}, SAID)

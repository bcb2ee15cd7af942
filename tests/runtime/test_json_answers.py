"""JSON held to a schema: whatever a random model likes, what ends is valid."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from nivel.runtime.data.json_schema import check_schema, why_invalid
from nivel.runtime.errors import DataError, ExtraError
from nivel.runtime.generation import LocalModel
from nivel.runtime.prompting.types import Generation

from .tiny import TEXTS, ask, cells, tiny

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 8},
        "age": {"type": "integer", "minimum": 0, "maximum": 130},
        "mood": {"enum": ["good", "bad", None, 3]},
    },
    "required": ["name", "age", "mood"],
    "additionalProperties": False,
}
SCHEMAS: dict[str, Any] = {
    "person": PERSON,
    "bounded number": {"type": "number", "minimum": -0.5, "exclusiveMaximum": 2.75},
    "multiple": {"type": "number", "multipleOf": 0.1, "minimum": 0, "maximum": 9},
    "array": {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 4},
    "nested": {
        "type": "object",
        "properties": {"who": PERSON, "tags": {"type": "array", "items": {"const": "x"}}},
        "required": ["who", "tags"],
        "additionalProperties": False,
    },
    "reference": {
        "$defs": {"leaf": {"type": ["integer", "null"]}},
        "type": "array",
        "prefixItems": [{"$ref": "#/$defs/leaf"}, {"$ref": "#/$defs/leaf"}],
        "items": False,
        "minItems": 2,
    },
    "any of": {"anyOf": [{"type": "null"}, {"type": "string", "minLength": 2, "maxLength": 4}]},
    "pattern": {"type": "string", "pattern": "^[A-Z]{2}-\\d{1,3}$"},
    "pattern within": {"type": "string", "pattern": "ab", "maxLength": 12},
    "words": {"type": "string", "pattern": "^\\W{1,3}\\w{1,3}$"},
    "date": {"type": "string", "format": "date"},
    "open object": {
        "type": "object",
        "properties": {"a": {"type": "integer", "maximum": 9}},
        "required": ["a"],
        "additionalProperties": {"type": "boolean"},
        "maxProperties": 3,
    },
    "escapes": {"const": 'a "quoted" \\ line\n and é €'},
    "all of": {"allOf": [{"type": "integer", "minimum": 3}, {"maximum": 40}]},
    "anything": {},
}


@pytest.fixture(scope="module")
def made() -> Any:
    pytest.importorskip("llguidance")
    return tiny()


@pytest.mark.parametrize("title", SCHEMAS)
@pytest.mark.parametrize("temperature", [0.0, 1.0, 3.0])
def test_what_a_random_model_ends_is_valid(made: Any, title: str, temperature: float) -> None:
    schema = SCHEMAS[title]
    local = LocalModel.around("tiny", *made, batch_size=5)
    texts = TEXTS if temperature == 0 else TEXTS * 3
    asked = cells(Generation(max_tokens=90, temperature=temperature), texts, schema=schema)
    found = ask(local, asked)
    for answer in found:
        assert answer.error is None
        assert why_invalid(answer.text or "", schema) is None, answer.text
        assert answer.finish in ("stop", "length")
    if title not in ("anything", "open object", "pattern within", "words"):
        assert sum(answer.finish == "stop" for answer in found) >= len(found) / 4


def test_batches_do_not_change_what_is_extracted(made: Any) -> None:
    asked = cells(Generation(max_tokens=60, temperature=1.0), schema=PERSON)
    alone = [ask(LocalModel.around("tiny", *made), [one])[0].text for one in asked]
    together = ask(LocalModel.around("tiny", *made, batch_size=3), asked)
    assert [answer.text for answer in together] == alone


def test_each_cell_is_held_to_its_own_schema(made: Any) -> None:
    few = [PERSON, {"const": 5}, {"type": "boolean"}]
    generation = Generation(max_tokens=90, temperature=1.0)
    asked = [cells(generation, schema=schema)[n] for n, schema in enumerate(few)]
    found = ask(LocalModel.around("tiny", *made), asked)
    assert [why_invalid(a.text or "", s) for a, s in zip(found, few, strict=True)] == [None] * 3
    assert found[1].text == "5" and found[2].text in ("true", "false")


def test_free_text_and_json_share_a_run(made: Any) -> None:
    free = cells(Generation(max_tokens=9))[:4]
    held = cells(Generation(max_tokens=9), schema={"const": [1]})[4:]
    found = ask(LocalModel.around("tiny", *made), [*free, *held])
    assert [a.text for a in found[4:]] == ["[1]"] * 4
    assert [a.text for a in found[:4]] == [
        a.text for a in ask(LocalModel.around("tiny", *made), free)
    ]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("title", [name for name in SCHEMAS if name != "anything"])
def test_an_answer_that_nears_its_limit_is_led_to_its_end(
    made: Any, title: str, temperature: float
) -> None:
    schema, local = SCHEMAS[title], LocalModel.around("tiny", *made)
    least = local._grammar.begin(schema).least
    assert least is not None
    for room in (0, 1, 5):
        generation = Generation(max_tokens=least + room, temperature=temperature)
        for answer in ask(local, cells(generation, schema=schema)):
            assert answer.error is None and (answer.output_tokens or 0) <= least + room
            assert why_invalid(answer.text or "", schema) is None, answer.text


def test_an_answer_that_was_led_to_its_end_is_counted_as_cut(made: Any) -> None:
    schema = {"type": "string"}
    found = ask(LocalModel.around("tiny", *made), cells(Generation(max_tokens=6), schema=schema))
    assert "length" in {answer.finish for answer in found}
    for answer in found:
        assert why_invalid(answer.text or "", schema) is None
        assert answer.finish == "length" or (answer.output_tokens or 0) < 6


def test_a_limit_below_the_shortest_json_is_refused(made: Any) -> None:
    with pytest.raises(DataError, match="max_tokens 12 leaves no room for JSON"):
        ask(LocalModel.around("tiny", *made), cells(Generation(max_tokens=12), schema=PERSON))


def test_the_check_afterwards_does_not_trust_the_grammar(
    made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nivel.runtime.generation import local

    monkeypatch.setattr(local, "why_invalid", lambda text, schema: "$: made to fail")
    found = ask(
        LocalModel.around("tiny", *made), cells(Generation(max_tokens=9), schema={"const": 5})
    )
    assert {answer.error for answer in found} == {"schema: $: made to fail"}
    assert {answer.text for answer in found} == {"5"}


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "numbr"}, "not a JSON Schema: \\$.type"),
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        ({"not": {"type": "string"}}, "not"),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "oneOf"),
        ({"$ref": "http://127.0.0.1:9/x.json"}, "outside itself"),
        ({"type": "object", "x-guidance": {"lenient": True}}, "x-guidance"),
        ({"type": "object", "minProperties": 2}, "minProperties 2"),
        ({"type": "string", "pattern": "(unclosed"}, "unclosed"),
    ],
)
def test_a_schema_that_cannot_be_held_to_is_refused_before_anything_is_answered(
    made: Any, schema: Any, message: str
) -> None:
    told: list[Any] = []
    asked = cells(Generation(max_tokens=9), schema=schema)
    with pytest.raises(DataError, match=message):
        LocalModel.around("tiny", *made).answer(asked, told.append, lambda *_: None, lambda: False)
    assert told == []


def test_a_stop_text_beside_a_schema_is_refused(made: Any) -> None:
    with pytest.raises(DataError, match="could cut JSON in two"):
        ask(LocalModel.around("t", *made), cells(Generation(stop=("}",)), schema=PERSON))


def test_without_llguidance_the_cure_is_named(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llguidance", None)
    with pytest.raises(ExtraError, match=r"pip install 'nivel\[json\]'"):
        ask(LocalModel.around("tiny", *made), cells(Generation(), schema=PERSON))
    assert ask(LocalModel.around("tiny", *made), cells(Generation(max_tokens=3)))


VALID = {
    "5": {"type": "integer"},
    "0.3": {"type": "number", "multipleOf": 0.1},
    "1e400": {"type": "number"},
    '{"a": 1, "a": 2}': {"properties": {"a": {"const": 2}}},
    '"2024-01"': {"pattern": "^\\d{4}-\\d\\d$"},
    '"é-"': {"pattern": "^\\W"},
}
INVALID = {
    "": {},
    "NaN": {"type": "number"},
    "5 and more": {"type": "integer"},
    "'5'": {"type": "string"},
    '{"a": 1': {"type": "object"},
    "0.35": {"type": "number", "multipleOf": 0.1},
    "true": {"type": "integer"},
    '"٣"': {"pattern": "\\d"},
    "[" * 100_000: {"type": "array"},
    '"' + "y" * 5000 + '"': {"type": "integer"},
}


@pytest.mark.parametrize("text", VALID)
def test_valid_json_passes(text: str) -> None:
    assert why_invalid(text, VALID[text]) is None


@pytest.mark.parametrize("text", INVALID, ids=lambda text: text[:20])
def test_invalid_json_is_told_why_in_a_few_words(text: str) -> None:
    why = why_invalid(text, INVALID[text])
    assert why is not None and 0 < len(why) <= 300


def test_the_place_of_the_fault_is_named() -> None:
    text = json.dumps({"name": "x", "age": 200, "mood": "good"})
    assert why_invalid(text, PERSON) == "$.age: 200 is greater than the maximum of 130"


def test_a_schema_reaches_for_nothing_outside_itself() -> None:
    for reference in ("http://127.0.0.1:9/x.json", "file:///etc/passwd", "other.json"):
        with pytest.raises(DataError, match="outside itself"):
            check_schema({"properties": {"a": {"$ref": reference}}})
        assert "cannot be checked" in str(why_invalid("1", {"$ref": reference}))
    with pytest.raises(DataError, match="not a JSON Schema"):
        check_schema({"type": 5})
    check_schema({"properties": {"a": {"const": {"$ref": "http://not.followed"}}}})

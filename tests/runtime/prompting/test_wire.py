"""What is sent for a cell, and which replies hold an answer."""

from __future__ import annotations

import json

import pytest

from nivel.runtime.prompting import Generation, Question, make_cells
from nivel.runtime.prompting.failures import Failure
from nivel.runtime.prompting.transport import Reply
from nivel.runtime.prompting.wire import encode, read_answer, request_body

from .kit import at, cells_of, rows

CHOICE = {"message": {"content": "yes"}, "finish_reason": "stop"}


def one(**generation):
    return cells_of(at("http://127.0.0.1:1"), 1, Generation(**generation))[0]


def came(body: object, kind: str = "application/json", status: int = 200) -> Reply:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, {"content-type": kind}, data)


def read(body: object, **generation):
    return read_answer(one(**generation), came(body), 0.1)


def test_what_the_spec_does_not_say_is_not_sent():
    assert request_body(one(), "tiny", "max_tokens") == {
        "model": "tiny",
        "messages": [{"role": "user", "content": "item 0"}],
    }


def test_all_that_the_spec_says_is_sent_zeros_too():
    said = {
        "temperature": 0.0, "max_tokens": 5, "top_p": 0.5, "top_k": 3, "min_p": 0.0,
        "stop": ("a", "b"), "seed": 0, "presence_penalty": 0.5, "frequency_penalty": 0.0,
        "repetition_penalty": 1.1, "reasoning_effort": "low",
    }  # fmt: skip
    body = request_body(one(**said), "tiny", "max_completion_tokens")
    limit = said.pop("max_tokens")
    assert {name: body[name] for name in said} == {**said, "stop": ["a", "b"]}
    assert body["max_completion_tokens"] == limit and "max_tokens" not in body
    assert set(Generation.__dataclass_fields__) == {*said, "max_tokens"}, "all fields are sent"


def test_text_to_continue_keeps_the_completions_own_name_for_the_longest_answer():
    plain = Question("{{ text }}", format="plain")
    (cell,) = make_cells(
        rows(1), [at("http://127.0.0.1:1")], {"p": plain}, Generation(max_tokens=5)
    )
    body = request_body(cell, "tiny", "max_completion_tokens")
    assert body == {"model": "tiny", "prompt": "item 0", "max_tokens": 5}


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        ({"type": "object", "properties": {"a": {}}, "required": ["a"],
          "additionalProperties": False}, True),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": False}, False),
        ({"type": "object", "properties": {"a": {}}, "required": ["a"]}, False),
        ({"type": "array", "items": {"type": "object"}}, False),
    ],
)  # fmt: skip
def test_a_schema_is_called_strict_only_where_openai_takes_it_so(schema, strict):
    (cell,) = cells_of(at("http://127.0.0.1:1"), 1, schema=schema)
    sent = request_body(cell, "tiny", "max_tokens")["response_format"]
    assert sent["json_schema"]["schema"] == schema
    assert sent["json_schema"].get("strict", False) is strict


def test_any_text_of_a_row_is_sent_as_it_is():
    text = 'ä\u2028"\\\n\x00😀'
    assert json.loads(encode({"prompt": text})) == {"prompt": text}


def test_an_answer_is_read_with_all_that_the_server_says_of_it():
    usage = {
        "prompt_tokens": 10, "completion_tokens": 2,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 1},
    }  # fmt: skip
    answer = read({"choices": [CHOICE], "usage": usage, "model": "m-1", "system_fingerprint": "f"})
    assert (answer.text, answer.finish, answer.error) == ("yes", "stop", None)
    assert (answer.input_tokens, answer.output_tokens) == (10, 2)
    assert (answer.cached_tokens, answer.reasoning_tokens) == (4, 1)
    assert (answer.served_model, answer.fingerprint, answer.seconds) == ("m-1", "f", 0.1)


@pytest.mark.parametrize("usage", [
    None, [], "many", {}, {"prompt_tokens": -1, "completion_tokens": True},
    {"prompt_tokens": 1.5, "completion_tokens": "2"}, {"prompt_tokens": 10**400},
])  # fmt: skip
def test_a_count_that_the_server_does_not_give_is_unknown_and_not_zero(usage):
    answer = read({"choices": [CHOICE], "usage": usage})
    assert answer.input_tokens is answer.output_tokens is answer.cached_tokens is None


@pytest.mark.parametrize(
    ("reply", "kind", "paid"),
    [
        (came({"choices": []}), "cut", 1),
        (came({}), "cut", 1),
        (came([]), "cut", 1),
        (came(None), "cut", 1),
        (came("text"), "cut", 1),
        (came({"choices": ["text"]}), "cut", 1),
        (came({"choices": [{**CHOICE, "finish_reason": None}]}), "cut", 1),
        (came({"choices": [{"message": {"content": "yes"}}]}), "cut", 1),
        (came(b""), "cut", 1),
        (came(b'{"choices": [{"mess'), "cut", 1),
        (came(b"[" * 1_000_000), "cut", 1),
        (came(b'{"choices": ' + b"9" * 9999 + b"}"), "cut", 1),
        (came(b"\xff\xfe"), "cut", 1),
        (came({"error": {"message": "behind me"}}), "server", 0),
        (came(b"<html>", "text/html"), "content-type", 0),
        (came(b"data: {}\n\n", "text/event-stream"), "content-type", 1),
        (came(b"{}", ""), "content-type", 0),
        (came({"error": {"message": "no"}}, status=401), "unauthorized", 0),
    ],
)
def test_a_reply_without_a_whole_answer_is_a_failure_and_never_an_empty_answer(reply, kind, paid):
    with pytest.raises(Failure) as caught:
        read_answer(one(), reply, 0.1)
    assert (caught.value.kind, caught.value.paid) == (kind, paid)


def test_a_refusal_is_an_error_that_was_paid():
    message = {"content": None, "refusal": "I would rather not."}
    answer = read({"choices": [{"message": message, "finish_reason": "stop"}]})
    assert (answer.error, answer.text) == ("refusal: I would rather not.", None)
    assert answer.finish == "stop"


def test_what_a_filter_took_away_is_no_answer_and_what_it_cut_says_so():
    gone = read({"choices": [{"message": {"content": None}, "finish_reason": "content_filter"}]})
    assert gone.error == "no-text: the answer holds no text (finish_reason content_filter)"
    left = read({"choices": [{"message": {"content": "ye"}, "finish_reason": "content_filter"}]})
    assert (left.text, left.finish) == ("ye", "content_filter")


def test_half_a_surrogate_pair_becomes_what_a_file_can_hold():
    body = b'{"choices": [{"message": {"content": "a\\ud83d!"}, "finish_reason": "stop"}]}'
    assert read(body).text == "a\ufffd!"


def test_a_stop_text_is_no_part_of_an_answer_though_the_server_leaves_it_in():
    body = {"choices": [{"message": {"content": "one two three"}, "finish_reason": "stop"}]}
    assert read(body, stop=("three", "nine")).text == "one two "
    assert read(body, stop=("three", "two")).text == "one "
    assert read(body, stop=("nine",)).text == "one two three"

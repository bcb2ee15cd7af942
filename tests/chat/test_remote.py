"""Answers streamed by an endpoint: whole, cut, wrong and stopped, over real sockets."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable

import pytest

from nivel.runtime.chat import Chat, End, Stop
from nivel.runtime.chat.sse import events
from nivel.runtime.errors import ModelError
from nivel.runtime.prompting import Generation
from nivel.runtime.prompting.redact import hide

from .kit import answered, at
from .streams import CUT, DONE, USAGE, event, piece, serve, whole

JSON = {"Content-Type": "application/json"}


def fails(script: Iterable[bytes | float | str], **more: object) -> tuple[str, Chat]:
    with serve(list(script), **more) as server:  # type: ignore[arg-type]
        chat = Chat(at(server.url, timeout=more.pop("timeout", 20.0)))
        with pytest.raises(ModelError) as caught:
            list(chat.answer("hello"))
    assert chat.conversation.turns == () and chat.last is None
    return str(caught.value), chat


def test_pieces_come_as_they_are_sent_and_the_end_tells_the_counts():
    with serve([piece("Good "), 0.4, *whole("day", "!")]) as server:
        chat = Chat(at(server.url), system="Be kind.", generation=Generation(max_tokens=5))
        began = time.monotonic()
        stream = chat.answer("hello")
        assert next(stream) == "Good "
        assert time.monotonic() - began < 0.35  # before the rest was written
        *pieces, end = stream
    assert pieces == ["day", "!"] and isinstance(end, End)
    assert (end.text, end.finish) == ("Good day!", "stop")
    assert (end.input_tokens, end.output_tokens) == (7, 3) and end.seconds >= 0.4
    [body] = server.bodies
    assert body == {
        "model": "served",
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "hello"},
        ],
        "max_tokens": 5,
        "stream": True,
    }


def test_what_was_said_goes_along_with_the_next_question():
    with serve(whole("fine")) as server:
        chat = Chat(at(server.url))
        answered(chat, "one")
        answered(chat, "two")
    roles = [(one["role"], one["content"]) for one in server.bodies[1]["messages"]]
    assert roles == [("user", "one"), ("assistant", "fine"), ("user", "two")]
    assert chat.tokens().startswith("10 tokens by the endpoint's own count (7 read and 3 written)")


def test_a_model_without_messages_continues_the_text():
    script = [event({"choices": [{"text": " upon", "finish_reason": "length"}]}), DONE]
    with serve(script) as server:
        chat = Chat(at(server.url, plain=True))
        assert answered(chat, "Once") == " upon"
        answered(chat, "")
    assert [body["prompt"] for body in server.bodies] == ["Once", "Once upon"]


@pytest.mark.parametrize("ends", [b"\n", b"\r\n", b"\r"])
def test_events_are_read_whatever_ends_the_lines_and_wherever_blocks_part(ends: bytes):
    text = b": a comment\nid: 4\ndata: a\ndata:b\n\nevent: x\ndata:  c\n\n\n\ndata\n\ndata: cut"
    raw = text.replace(b"\n", ends)
    for size in (1, 2, 3, 7, len(raw)):
        blocks = (raw[place : place + size] for place in range(0, len(raw), size))
        assert list(events(blocks)) == ["a\nb", " c", ""]


def test_a_character_that_two_blocks_share_is_one_character():
    sent = piece("é€😀")
    with serve([*(sent[place : place + 1] for place in range(len(sent))), *whole()]) as server:
        assert answered(Chat(at(server.url)), "hello") == "é€😀"


def test_a_character_that_two_events_share_is_one_character():
    halves = [
        b'data: {"choices": [{"delta": {"content": "a\\ud83d"}}]}\n\n',
        b'data: {"choices": [{"delta": {"content": "\\ude00b"}}]}\n\n',
    ]
    with serve([*halves, *whole()]) as server:
        assert answered(Chat(at(server.url)), "hello") == "a😀b"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ([piece("Good "), CUT], "without saying why"),
        ([piece("Good ")], "without saying why"),
        ([piece("Good "), DONE], "without saying why"),
        ([b"data: {\n\n"], "an event is no JSON"),
        ([event("[1]")], "no JSON object"),
        ([piece("Good "), event({"error": {"message": "overloaded"}})], "overloaded"),
        ([event({"choices": [{"delta": {"refusal": "I will not"}, "finish_reason": "stop"}]})],
         "I will not"),
        ([], "without saying why"),
    ],
)  # fmt: skip
def test_what_is_no_whole_answer_is_told_of_and_not_kept(script, said):
    told, _ = fails(script)
    assert said in told and "cure:" in told or "refusal" in told


def test_a_stream_that_is_cut_after_its_last_word_is_whole():
    with serve([piece("Good "), piece("day", "stop"), CUT]) as server:
        assert answered(Chat(at(server.url)), "hello") == "Good day"


def test_a_server_that_does_not_stream_gives_its_answer_in_one_piece():
    body = {"choices": [{"message": {"content": "whole"}, "finish_reason": "length"}]}
    with serve([json.dumps(body).encode()], headers=JSON) as server:
        chat = Chat(at(server.url))
        assert answered(chat, "hello") == "whole"
    assert chat.conversation.turns[0].finish == "length"


@pytest.mark.parametrize(
    ("status", "headers", "body", "said"),
    [
        (200, {"Content-Type": "text/html"}, b"<html>Sign in</html>", "not JSON"),
        (401, JSON, b'{"error": {"message": "no such key"}}', "no such key"),
        (404, JSON, b'{"error": {"message": "no model"}}', "base_url and the model"),
        (429, {**JSON, "Retry-After": "7"}, b'{"error": {"code": "x"}}', "in 7 s"),
        (500, {"Content-Type": "text/plain"}, b"Internal Server Error", "500"),
        (500, {"Content-Type": "text/event-stream"}, whole("x")[0], "500"),
        (307, {"Location": "http://127.0.0.1:9/"}, b"", "base_url"),
    ],
)
def test_a_refusal_is_told_of_with_what_to_do(status, headers, body, said):
    told, _ = fails([body], status=status, headers=headers)
    assert said in told, told


def test_nobody_at_the_address_is_told_of():
    with serve([]) as server:
        url = server.url
    with pytest.raises(ModelError, match="unreachable"):
        list(Chat(at(url)).answer("hello"))


def test_silence_ends_with_the_timeout_and_nothing_is_kept():
    with serve([piece("Good "), 20.0]) as server:
        chat = Chat(at(server.url, timeout=0.4))
        began = time.monotonic()
        with pytest.raises(ModelError, match="timeout"):
            list(chat.answer("hello"))
        assert time.monotonic() - began < 5
    assert chat.conversation.turns == ()


@pytest.mark.parametrize("before", [[], [piece("Good ")]])
def test_to_stop_hangs_up_at_once_and_keeps_what_came(before):
    stop = Stop()
    with serve([*before, 20.0, *whole("day")]) as server:
        chat = Chat(at(server.url))
        threading.Timer(0.3, stop.now).start()
        began = time.monotonic()
        *pieces, end = chat.answer("hello", stop)
        assert time.monotonic() - began < 5
        assert server.hung_up.wait(5)
    assert isinstance(end, End) and end.finish == "stopped"
    kept = [turn.answer for turn in chat.conversation.turns]
    assert (pieces, kept) == ((["Good "], ["Good "]) if before else ([], []))


def test_who_asked_to_stop_before_the_question_gets_no_answer():
    stop = Stop()
    stop.now()
    with serve(whole("day")) as server:
        [end] = Chat(at(server.url)).answer("hello", stop)
    assert isinstance(end, End) and end.finish == "stopped" and end.text == ""


def test_leaving_an_answer_hangs_up():
    with serve([piece("Good "), 20.0]) as server:
        chat = Chat(at(server.url))
        stream = chat.answer("hello")
        next(stream)
        stream.close()
        assert server.hung_up.wait(5)
    assert chat.conversation.turns[0].answer == "Good "


def test_a_key_that_a_server_repeats_is_not_shown():
    hide("sk-very-secret-key", "MY_KEY")
    with serve(whole("you sent ", "sk-very-secret-key")) as server:
        assert answered(Chat(at(server.url)), "hello") == "you sent [MY_KEY]"
    told, _ = fails([b"no: sk-very-secret-key"], status=400, headers={"Content-Type": "text/plain"})
    assert "sk-very" not in told and "[MY_KEY]" in told


def test_the_next_words_are_those_the_endpoint_tells():
    rows = [{"token": "Hi", "logprob": -0.1}, {"token": "Yo", "logprob": -3.0}]
    logs = {"content": [{"token": "Hi", "logprob": -0.1, "top_logprobs": rows}]}

    def script(body):
        if body.get("logprobs"):
            return [json.dumps({"choices": [{"logprobs": logs}]}).encode()]
        body = {"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}
        return [json.dumps(body).encode()]

    with serve(script, headers=JSON) as server:
        chat = Chat(at(server.url))
        answered(chat, "hello")
        shown = chat.words()
    assert server.bodies[1]["max_tokens"] == 1 and server.bodies[1]["top_logprobs"] == 10
    assert [label for label, _ in shown.rows] == ["Hi", "Yo", "others"]
    assert shown.rows[0][1] == pytest.approx(0.9048, abs=1e-4)


def test_an_endpoint_without_probabilities_says_so():
    body = b'{"choices": [{"message": {"content": "x"}}]}'
    with serve([body], headers=JSON) as server, pytest.raises(ModelError, match="no probabilities"):
        Chat(at(server.url)).words("The")


def test_the_usage_event_may_come_before_the_reason():
    with serve([piece("a"), USAGE, piece(None, "stop"), DONE]) as server:
        *_, end = Chat(at(server.url)).answer("hello")
    assert isinstance(end, End) and end.output_tokens == 3

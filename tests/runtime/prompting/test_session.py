"""Whole sittings at a server that misbehaves: what is sent again, what is not, and how fast."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from nivel.runtime.errors import ModelError
from nivel.runtime.prompting import Answers, ask, failures
from nivel.runtime.prompting.pace import Pace

from .kit import at, cells_of, folder, lines
from .server import Endpoint, Plan, serve


@pytest.fixture
def soon(monkeypatch):
    """Where the server does not say when to come back, come back soon."""
    monkeypatch.setattr(failures, "FIRST_BACKOFF", 0.01)


def sit(path: Path, server: Endpoint, count: int, **more) -> Answers:
    endpoint = at(server.url, **{"concurrency": 4, "timeout": 10.0, **more})
    return ask(folder(path), [endpoint], cells_of(endpoint, count))


def asked_and_results(path: Path, plan: Plan, count: int = 1, **more):
    with serve(plan) as server:
        answers = sit(path, server, count, **more)
    assert [line["type"] for line in lines(path / "ledger.jsonl")].count("intent") == count
    return server, list(answers.values())


@pytest.mark.parametrize("said", ["0.3", "date2"])
def test_nothing_is_sent_before_the_server_said_to_come_back_by_whatever_call(tmp_path, said):
    def plan(prompt: str, asked: int) -> str:
        return f"limited:{said}" if prompt == "item 0" and asked == 1 else "good"

    began = time.monotonic()
    server, answers = asked_and_results(tmp_path, plan, 12, concurrency=1)
    assert [answer.error for answer in answers] == [None] * 12
    first, *rest = server.seen
    # A date has whole seconds: what is left of the first one is lost.
    least = 0.3 if said == "0.3" else 1.0
    assert min(seen.at for seen in rest) - first.at >= least
    assert time.monotonic() - began < least + 2.0
    assert answers[0].attempts == 2 and answers[0].lost == 0


def test_a_wait_of_an_hour_is_waited_and_told_of_once_and_an_interrupt_ends_it(tmp_path, capsys):
    with serve(lambda prompt, asked: "limited:3600") as server:
        endpoint = at(server.url, concurrency=4)
        cells, results, stop = cells_of(endpoint, 20), [], threading.Event()
        thread = threading.Thread(
            target=endpoint.answer,
            args=(cells, lambda cell: None, lambda cell, answer: results.append(answer)),
            kwargs={"stop": stop.is_set},
        )
        thread.start()
        time.sleep(1.0)
        assert thread.is_alive() and results == []
        stop.set()
        thread.join(5.0)
        assert not thread.is_alive()
    assert 1 <= len(server.seen) <= 4, "those that were under way, and no more"
    said = [line for line in capsys.readouterr().err.splitlines() if "as the server asks" in line]
    assert len(said) == 1 and "3,600 s" in said[0]
    assert all(
        answer.error.startswith("stopped: while waiting after rate-limit") for answer in results
    )


def test_a_server_that_says_zero_seconds_for_ever_is_left_after_some_attempts(tmp_path, soon):
    server, (answer,) = asked_and_results(tmp_path, lambda prompt, asked: "limited:0")
    assert answer.error.startswith("rate-limit") and answer.attempts == len(server.seen) == 6


def test_errors_that_pass_are_asked_again_and_cost_nothing(tmp_path, soon):
    turns = ["limited", "broken", "broken:0.01", "status:503", "status:502 html", "good"]
    server, (answer,) = asked_and_results(tmp_path, lambda prompt, asked: turns[asked - 1])
    assert (answer.error, answer.attempts, answer.lost) == (None, 6, 0)
    assert server.paid == Counter({"item 0": 1})


@pytest.mark.parametrize(
    "action",
    ["cut", "cut:eof", "chunked:cut", "unfinished", 'body:{"choices": []}', "garbage", "hangup"],
)
def test_an_answer_that_does_not_come_whole_is_asked_three_times_and_counted(
    tmp_path, soon, action
):
    server, (answer,) = asked_and_results(tmp_path, lambda prompt, asked: action)
    assert answer.error.partition(":")[0] in ("cut", "dropped") and answer.text is None
    assert answer.attempts == answer.lost == len(server.seen) == 3
    accounts = json.loads((tmp_path / "accounts.json").read_text())["whole"]
    assert accounts["lost"] == 3 and accounts["usd"] is None, "perhaps paid is not free"


@pytest.mark.parametrize(
    ("action", "error"),
    [
        ("html", "content-type: the server sent text/html, not JSON"),
        ("stream", "content-type: the server sent text/event-stream, not JSON"),
        ("refusal", "refusal: I would rather not."),
        ("status:400", "bad-request: 400: refused, you sent nothing"),
        ("status:403", "forbidden: 403: refused, you sent nothing"),
        ('choice:{"message": {}, "finish_reason": "content_filter"}',
         "no-text: the answer holds no text (finish_reason content_filter)"),
    ],
)  # fmt: skip
def test_what_asking_again_cannot_mend_is_asked_once_and_is_the_cells_own_error(
    tmp_path, action, error
):
    plan: Plan = lambda prompt, asked: action if prompt == "item 1" else "good"  # noqa: E731
    server, answers = asked_and_results(tmp_path, plan, 4)
    assert len(server.seen) == 4
    assert [answer.error for answer in answers] == [None, error, None, None]


def test_a_call_that_timed_out_is_not_sent_again(tmp_path):
    server, (answer,) = asked_and_results(tmp_path, lambda prompt, asked: "slow:1", timeout=0.2)
    assert server.asked == Counter({"item 0": 1})
    assert answer.error.startswith("timeout: no whole answer in 0.2 s") and answer.lost == 1


def test_a_call_that_timed_out_is_not_sent_again_by_a_resumed_run_unless_told(
    tmp_path, monkeypatch
):
    with serve(lambda prompt, asked: "slow:1" if asked == 1 else "good") as server:
        sit(tmp_path, server, 1, timeout=0.2)
        assert next(iter(sit(tmp_path, server, 1).values())).error.startswith("timeout")
        assert server.asked == Counter({"item 0": 1})
        monkeypatch.setenv("NIVEL_RETRY_ERRORS", "1")
        (answer,) = sit(tmp_path, server, 1).values()
    assert server.asked == Counter({"item 0": 2}) and answer.error is None


def test_a_call_that_timed_out_is_sent_again_where_the_spec_allows_it(tmp_path, soon):
    plan: Plan = lambda prompt, asked: "slow:1" if asked < 3 else "good"  # noqa: E731
    server, (answer,) = asked_and_results(tmp_path, plan, timeout=0.2, resend_timeouts=True)
    assert (answer.error, answer.attempts, answer.lost) == (None, 3, 2)
    server, (answer,) = asked_and_results(
        tmp_path / "never", lambda prompt, asked: "slow:1", timeout=0.1, resend_timeouts=True
    )
    assert answer.error.startswith("timeout") and answer.lost == len(server.seen) == 3


@pytest.mark.parametrize(
    ("action", "kind", "cure"),
    [
        ("quota", "quota", "fill up the account"),
        ("status:401", "unauthorized", "check the key"),
        ("status:404", "not-found", "check base_url"),
        ("redirect:http://elsewhere.test/v1", "redirect", "if you trust it"),
    ],
)
def test_what_all_calls_would_meet_ends_the_sitting_and_a_resumed_one_asks_again(
    tmp_path, action, kind, cure
):
    with serve(lambda prompt, asked: action) as server:
        with pytest.raises(ModelError, match=kind) as caught:
            sit(tmp_path, server, 50, concurrency=1)
        assert cure in str(caught.value)
        assert len(server.seen) == 1
        (result,) = [line for line in lines(tmp_path / "ledger.jsonl") if line["type"] == "result"]
        assert result["error"].startswith(kind) and result["lost"] == 0
        server.plan = lambda prompt, asked: "good"
        answers = sit(tmp_path, server, 50)
    assert len(answers) == 50 and all(answer.error is None for answer in answers.values())
    assert set(server.paid.values()) == {1}


def test_an_endpoint_that_has_only_ever_failed_is_given_up(tmp_path):
    with serve(lambda prompt, asked: "status:403") as server:
        with pytest.raises(ModelError, match="the first 16 cells all failed"):
            sit(tmp_path, server, 500)
        assert 16 <= len(server.seen) <= 20


def test_no_more_calls_are_in_flight_than_the_spec_allows(tmp_path):
    with serve(latency=0.02) as server:
        sit(tmp_path, server, 60, concurrency=5)
    assert server.most_flying == 5


def test_calls_in_flight_fall_where_the_server_has_too_much_and_rise_again(tmp_path, soon):
    """It bears 4 calls at once for its first 150 requests, and then all that come."""
    flying: list[int] = []

    def plan(prompt: str, asked: int) -> str:
        here = server.flying
        flying.append(here)
        # long enough at first that a slow machine sends all that it may at once
        time.sleep(0.5 if len(flying) <= 16 else 0.02)
        return "limited" if here > 4 and len(flying) < 150 else "good"

    with serve(plan) as server:
        answers = sit(tmp_path, server, 600, concurrency=16)
    assert all(answer.error is None for answer in answers.values())
    assert max(flying[:16]) > 10, "it begins with what the spec allows"
    assert sum(flying[60:150]) / 90 < 6, "then few more than the server bears"
    assert max(flying[-100:]) > 10, "and rises once it bears more"


def test_the_pace_halves_once_for_all_calls_of_one_overload_and_climbs_by_one_a_round():
    pace = Pace(64, lambda: False)
    sent = time.monotonic()
    for _ in range(64):
        pace.slower(sent, None)
    assert pace.limit == 32
    pace.slower(time.monotonic(), None)
    assert pace.limit == 16
    for _ in range(16):
        pace.faster(0.05)
    assert 16.9 < pace.limit <= 17
    for _ in range(4000):
        pace.faster(0.05)
    assert pace.limit == 64
    for _ in range(20):
        pace.slower(time.monotonic(), None)
    assert pace.limit == 1, "one call is always tried"


def test_answers_of_every_kind_of_deep_or_huge_json_end_as_errors_and_not_as_crashes(
    tmp_path, soon
):
    bombs = ["[" * 200_000, '{"choices":' * 50_000, "9" * 100_000, '"\\ud800', "nul"]

    def plan(prompt: str, asked: int) -> str:
        return "good" if prompt == "item 5" else f"body:{bombs[int(prompt[5:])]}"

    _, answers = asked_and_results(tmp_path, plan, 6)
    assert [str(answer.error).partition(":")[0] for answer in answers] == ["cut"] * 5 + ["None"]

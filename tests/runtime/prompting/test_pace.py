"""As many calls at once as the endpoint bears, never more than are allowed."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nivel.runtime.prompting import ask
from nivel.runtime.prompting.pace import Pace, pause

from .kit import at, cells_of, folder
from .server import serve


def going() -> bool:
    return False


@settings(deadline=None)  # machines differ in speed
@given(st.integers(1, 64), st.lists(st.sampled_from(("slower", "faster")), max_size=80))
def test_the_number_in_flight_stays_between_one_and_what_is_allowed(
    most: int, told: list[str]
) -> None:
    pace = Pace(most, going)
    for word in told:
        before = pace.limit
        if word == "slower":
            pace.slower(time.monotonic(), None)
            assert pace.limit == max(1.0, before / 2)
        else:
            pace.faster(0.1)
            assert before <= pace.limit <= min(most, before + 1)
        assert 1 <= pace.limit <= most


def test_calls_that_tell_of_the_same_overload_count_once() -> None:
    pace, began = Pace(16, going), time.monotonic()
    for _ in range(16):
        pace.slower(began, None)
    assert pace.limit == 8.0
    pace.slower(time.monotonic(), None)
    assert pace.limit == 4.0


def test_a_round_of_good_answers_adds_about_one() -> None:
    pace = Pace(16, going)
    pace.slower(time.monotonic(), None)
    for _ in range(8):
        pace.faster(0.1)
    assert 8.9 < pace.limit < 9.1


def test_nothing_is_sent_until_the_server_wants_it_again() -> None:
    pace = Pace(4, going)
    pace.slower(time.monotonic(), 0.3)
    began = time.monotonic()
    assert pace.take() and pace.enter()
    assert time.monotonic() - began >= 0.29


def test_who_waits_is_let_go_when_told_to_stop() -> None:
    stopped = threading.Event()
    pace = Pace(1, stopped.is_set)
    assert pace.enter()
    got: list[bool] = []
    waiting = threading.Thread(target=lambda: got.append(pace.enter()))
    waiting.start()
    stopped.set()
    waiting.join(5)
    assert got == [False]
    assert not pause(60.0, stopped.is_set)
    assert pause(0.01, going)


@pytest.mark.parametrize("most", [1, 3, 16])
def test_threads_in_flight_are_never_more_than_the_limit(most: int) -> None:
    pace, lock, flying, highest = Pace(most, going), threading.Lock(), [0], [0]

    def work() -> None:
        for _ in range(20):
            assert pace.take() and pace.enter()
            with lock:
                flying[0] += 1
                highest[0] = max(highest[0], flying[0])
            time.sleep(0.0005)
            with lock:
                flying[0] -= 1
            pace.leave()
            pace.give_back()

    threads = [threading.Thread(target=work) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= highest[0] <= most and flying[0] == 0


def test_a_server_that_bears_three_calls_at_once_answers_all(tmp_path: Path) -> None:
    with serve(latency=0.02) as server:
        server.plan = lambda prompt, asked: "good" if server.flying <= 3 else "limited:0.01"
        endpoint = at(server.url, concurrency=24)
        answers = ask(folder(tmp_path), [endpoint], cells_of(endpoint, 60))
        assert not answers.missing and all(answer.error is None for answer in answers.values())
        assert set(server.paid.values()) == {1}

"""Each limit of a budget stops a run, says so, and leaves cells without an answer."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nivel.runtime.answers import conclude_answers
from nivel.runtime.errors import RunError, Truncated
from nivel.runtime.prompting import Answer, Budget, Price, ask
from nivel.runtime.prompting.budget import Meter, check_estimates, check_prices
from nivel.runtime.prompting.estimates import Estimate
from nivel.runtime.prompting.ledger import Entry
from nivel.runtime.records import Run
from nivel.runtime.records.files import read_json
from nivel.runtime.scoring import Metric

from .kit import at, cells_of, folder, rows
from .server import serve

DOLLAR = Price(0.0, None, 500_000.0, "made up", "2026-01-01")  # 2 tokens written: 1 dollar


def came(usd: float | None = 1.0, read: int | None = 10, **more: object) -> Answer:
    said = {"finish": "stop", "error": None, **more}
    return Answer("c", "x", said.pop("finish"), read, 2, 0, 0, 0.1, said.pop("error"), usd, **said)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("budget", "calls", "said"),
    [
        (Budget(calls=5), 5, "5 calls are made"),
        (Budget(tokens=210), 17, "could pass 210 tokens"),
        (Budget(usd=5.0), 5, "could pass 5 dollars"),
        (Budget(minutes=0.3 / 60), None, "minutes are over"),
    ],
)
def test_each_limit_ends_a_run_marks_it_truncated_and_blocks_its_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, budget: Budget, calls: int | None, said: str
) -> None:
    monkeypatch.setenv("NIVEL_PROJECT", str(tmp_path))
    with serve(latency=0.1) as server:
        endpoint = at(server.url, concurrency=1, price=DOLLAR)
        cells = cells_of(endpoint, 20)
        with pytest.raises(Truncated, match="no scores"), Run.open("b", "prompt") as run:
            answers = ask(run, [endpoint], cells, budget=budget)
            assert answers.truncated is not None and said in answers.truncated
            conclude_answers(run, answers, cells, rows(20), task="generate",
                             metrics=[Metric(type="valid_json")])  # fmt: skip
        paid = sum(server.paid.values())
    assert 0 < paid < 20 and (calls is None or paid == calls)
    state = read_json(run.folder / "run.json")
    assert state["status"] == "truncated" and said in state["reason"]
    assert not (run.folder / "result.json").exists()
    assert not (run.folder / "predictions.jsonl").exists()


@pytest.mark.parametrize("concurrency", [2, 8])
def test_calls_at_once_keep_within_calls_tokens_and_dollars(
    tmp_path: Path, concurrency: int
) -> None:
    limits = ((Budget(calls=11), 11), (Budget(tokens=410), 34), (Budget(usd=11.5), 11))
    for number, (budget, most) in enumerate(limits):
        with serve(latency=0.01) as server:
            endpoint = at(server.url, concurrency=concurrency, price=DOLLAR)
            answers = ask(folder(tmp_path / str(number)), [endpoint], cells_of(endpoint, 40),
                          budget=budget)  # fmt: skip
            assert answers.truncated
            # Before the first answer its price is unknown, so as many as fly may pass the limit.
            spare = 0 if budget.calls else concurrency
            assert 1 <= sum(server.paid.values()) <= most + spare


def test_a_resumed_run_has_what_is_left_of_its_budget(tmp_path: Path) -> None:
    with serve() as server:
        endpoint = at(server.url, concurrency=1)
        cells, run = cells_of(endpoint, 10), folder(tmp_path)
        assert len(ask(run, [endpoint], cells, budget=Budget(calls=4)).missing) == 6
        assert len(ask(run, [endpoint], cells, budget=Budget(calls=4)).missing) == 6
        assert len(ask(run, [endpoint], cells, budget=Budget(calls=7)).missing) == 3
        assert sum(server.paid.values()) == 7
        assert ask(run, [endpoint], cells).truncated is None


@settings(deadline=None)  # machines differ in speed
@given(st.lists(st.floats(0.01, 3.0), min_size=1, max_size=60), st.floats(0.1, 50.0))
def test_one_after_the_other_only_a_dearer_answer_passes_the_limit(
    prices: list[float], limit: float
) -> None:
    meter, spent, dearest = Meter(Budget(usd=limit), (), 0.0), 0.0, 0.0
    for usd in prices:
        if not meter.grant():
            assert spent >= limit or spent + dearest > limit
            return
        meter.sent(1)
        meter.came(came(usd))
        over = spent + usd - limit
        assert over <= max(0.0, usd - dearest) + 1e-9
        spent, dearest = spent + usd, max(dearest, usd)


@settings(deadline=None)  # machines differ in speed
@given(st.integers(1, 40), st.integers(0, 60), st.integers(2, 8))
def test_threads_never_take_more_calls_than_there_are(
    limit: int, wanted: int, threads: int
) -> None:
    meter, granted, lock = Meter(Budget(calls=limit), (), 0.0), [0], threading.Lock()

    def work() -> None:
        for _ in range(wanted):
            if meter.grant():
                meter.sent(1)
                with lock:
                    granted[0] += 1
                meter.came(came())

    started = [threading.Thread(target=work) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    assert granted[0] == min(limit, wanted * threads)


def test_what_was_cut_off_counts_as_the_dearest(tmp_path: Path) -> None:
    entry = Entry("m", "base")
    entry.sent, entry.results = 3, [came(2.0)]  # two calls have no result
    assert not Meter(Budget(usd=7.9), [entry], 0.0).grant()  # 2 + 2 cut off at 2 + one more
    assert Meter(Budget(usd=8.0), [entry], 0.0).grant()


def test_answers_lost_on_the_way_are_counted(tmp_path: Path) -> None:
    meter = Meter(Budget(usd=10.0), (), 0.0)
    meter.sent(1)
    meter.came(came(2.0, attempts=3, lost=2))
    assert meter.used == (3, 36, 6.0)


def test_a_budget_that_nobody_can_count_ends_the_run(tmp_path: Path) -> None:
    for budget, answer, said in (
        (Budget(tokens=10**6), came(read=None), "does not say how many tokens"),
        (Budget(usd=10.0), came(usd=None), "price is not known"),
        (Budget(usd=10.0), came(usd=None, read=None), "does not say how many tokens"),
    ):
        meter = Meter(budget, (), 0.0)
        meter.sent(1)
        meter.came(answer)
        assert not meter.grant() and said in str(meter.reason)
    meter = Meter(Budget(calls=10), (), 0.0)
    meter.sent(1)
    meter.came(came(usd=None, read=None))
    assert meter.grant()


def test_dollars_without_a_price_are_refused_before_anything_is_sent(tmp_path: Path) -> None:
    with serve() as server:
        endpoint = at(server.url)
        with pytest.raises(RunError, match="no price of m is known"):
            ask(folder(tmp_path), [endpoint], cells_of(endpoint, 2), budget=Budget(usd=1.0))
        assert not server.seen
    check_prices(Budget(calls=1), [endpoint])


def test_prompts_that_alone_pass_the_budget_are_refused_before_the_first_call(
    tmp_path: Path,
) -> None:
    with serve() as server:
        endpoint = at(server.url, price=Price(100_000.0, None, 0.0, "made up", "2026-01-01"))
        cells = cells_of(endpoint, 2)
        for budget in (Budget(usd=0.5), Budget(tokens=3)):
            with pytest.raises(RunError, match=r"about \d.*; nothing was sent"):
                ask(folder(tmp_path), [endpoint], cells, budget=budget)
        assert not server.seen


def test_what_was_used_already_counts_against_what_is_left() -> None:
    left = Estimate("m", 1, 10, True, 5, True, 1.0, 2.0)
    entry = Entry("m", "base")
    entry.sent, entry.results = 1, [came(4.5)]
    with pytest.raises(RunError, match=r"comes to 5\.5"):
        check_estimates(Budget(usd=5.0), [left], Meter(None, [entry], 0.0))
    check_estimates(Budget(usd=5.5), [left], Meter(None, [entry], 0.0))
    check_estimates(Budget(usd=1.0), [], Meter(None, [entry], 0.0))  # nothing is left to ask

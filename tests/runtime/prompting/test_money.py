"""Prices, accounts and estimates: what is not known is None, and never 0."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nivel.runtime.prompting import (
    Accounts,
    Answer,
    Generation,
    Price,
    ask,
    estimate,
    find_price,
    make_cells,
)
from nivel.runtime.prompting.estimates import BYTES_PER_TOKEN
from nivel.runtime.prompting.ledger import Entry
from nivel.runtime.prompting.question import Question

from .kit import answer, at, cells_of, folder, rows
from .server import serve

LIST = Price(2.0, 0.5, 8.0, "list", "2026-01-01", up_to=1000)
COUNTS = st.integers(0, 1000)


@settings(deadline=None)  # machines differ in speed
@given(COUNTS, COUNTS, st.integers(0, 2000))
def test_a_price_is_linear_and_kept_tokens_are_at_most_those_read(
    read: int, written: int, kept: int
) -> None:
    usd = LIST.of(read, written, kept)
    assert usd is not None
    cached = min(kept, read)
    assert usd == pytest.approx(((read - cached) * 2 + cached * 0.5 + written * 8) / 1e6)
    assert usd <= (LIST.of(read, written) or 0.0) + 1e-12


def test_beyond_its_tier_a_price_is_unknown() -> None:
    assert LIST.of(1000, 1) is not None and LIST.of(1001, 1) is None


def test_without_tokens_there_is_no_price() -> None:
    [cell] = cells_of(at("http://127.0.0.1:9/v1"), 1)
    assert LIST.usd(answer(cell, input_tokens=None)) is None
    assert LIST.usd(answer(cell, output_tokens=None)) is None
    # who does not say what was kept may have kept nothing: the most that it can have cost
    assert LIST.usd(answer(cell, cached_tokens=None)) == LIST.usd(answer(cell, cached_tokens=0))


def test_prices_are_looked_up_by_the_vendors_address_alone() -> None:
    pytest.importorskip("genai_prices")
    known = find_price("https://api.openai.com/v1", "gpt-4o-mini")
    assert known is not None and known.input > 0 and known.output > known.input
    assert known.source.startswith("genai-prices ") and len(known.date) == 10
    assert find_price("http://127.0.0.1:8000/v1", "gpt-4o-mini") is None
    assert find_price("https://api.openai.com/v1", "no-such-model-anywhere") is None


def test_without_the_package_a_price_is_unknown() -> None:
    code = (
        "import sys; sys.modules['genai_prices'] = None\n"
        "from nivel.runtime.prompting import find_price\n"
        "print(find_price('https://api.openai.com/v1', 'gpt-4o-mini'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None"


def entry(*results: Answer, sent: int | None = None) -> Entry:
    made = Entry("m", "base")
    made.sent = len(results) if sent is None else sent
    made.results = list(results)
    return made


def result(**more: Any) -> Answer:
    known: dict[str, Any] = {
        "cell": "c", "text": "x", "finish": "stop", "input_tokens": 10, "output_tokens": 2,
        "cached_tokens": 0, "reasoning_tokens": 0, "seconds": 0.5, "error": None, "usd": 0.25,
    }  # fmt: skip
    return Answer(**{**known, **more})


FAILED: dict[str, Any] = dict.fromkeys(
    ("text", "finish", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "usd")
)


def test_accounts_add_up_what_was_paid_also_for_answers_that_are_errors() -> None:
    refused = result(text=None, error="refusal: no")
    whole = Accounts([entry(result()), entry(refused, result())], {"m": None}).whole
    assert (whole.cells, whole.answered, whole.calls) == (2, 2, 3)
    assert whole.usd == whole.usd_known == 0.75 and whole.input_tokens == 30
    assert whole.seconds == 1.5 and not whole.errors


def test_one_unknown_makes_a_sum_unknown_and_what_is_known_is_kept() -> None:
    for other in (
        entry(result(usd=None)),
        entry(result(lost=1, attempts=2)),
        entry(result(**FAILED, error="dropped: x", lost=1)),
        entry(sent=1),
        entry(result(), sent=2),
    ):
        whole = Accounts([entry(result()), other], {}).whole
        assert whole.usd is None and whole.usd_known >= 0.25
        assert "at least" in Accounts([entry(result()), other], {}).lines()[0]
    silent = Accounts([entry(result()), entry(result(cached_tokens=None))], {}).whole
    assert silent.cached_tokens is None and silent.input_tokens == 20


def test_an_error_that_cost_nothing_leaves_the_sum_known() -> None:
    whole = Accounts([entry(result()), entry(result(**FAILED, error="quota: 402: pay"))], {}).whole
    assert whole.usd == 0.25 and dict(whole.errors) == {"quota": 1}


def test_a_call_sent_again_without_a_result_may_be_paid_twice() -> None:
    assert Accounts([entry(result(), sent=3)], {}).whole.maybe_paid_twice == 2
    assert Accounts([entry(sent=1)], {}).whole.maybe_paid_twice == 0


@settings(deadline=None)  # machines differ in speed
@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), COUNTS), max_size=30))
def test_the_parts_are_the_whole(drawn: list[tuple[str, str, int]]) -> None:
    entries = []
    for model, variant, read in drawn:
        made = Entry(model, variant)
        made.sent, made.results = 1, [result(input_tokens=read, usd=read / 64)]
        entries.append(made)
    accounts = Accounts(entries, {})
    parts = accounts.parts.values()
    for name in ("cells", "answered", "calls", "input_tokens", "usd"):
        assert getattr(accounts.whole, name) == sum(getattr(part, name) for part in parts)


class Counted:
    """A model in this process, as far as an estimate looks at it."""

    name = "here"

    def identity(self) -> dict[str, Any]:
        return {"here": 1}

    def answer(self, *arguments: Any) -> None:
        raise AssertionError("an estimate asks nothing")

    def measure(self, cell: Any) -> tuple[int, int]:
        return len(str(cell.messages[-1]["content"]).split()), 5


def test_an_estimate_says_who_counted_and_what_is_not_known() -> None:
    priced = at("http://127.0.0.1:9/v1", price=LIST, batch_price=Price(1.0, None, 4.0, "l", "d"))
    local: Any = Counted()
    cells = make_cells(rows(3), [priced, local], {"base": Question("{{ text }}")},
                       Generation(max_tokens=10), repeats=2)  # fmt: skip
    found = estimate(cells, [priced, local])
    assert [(one.model, one.calls, one.counted, one.paid) for one in found] == [
        ("m", 6, False, True), ("here", 6, True, False)]  # fmt: skip
    each = math.ceil(len("item 0") / BYTES_PER_TOKEN) + 8
    assert found[0].input_tokens == 6 * each and found[0].most_output_tokens == 60
    assert found[0].usd_input == pytest.approx(6 * each * 2 / 1e6)
    assert found[0].usd_most == pytest.approx((6 * each * 2 + 60 * 8) / 1e6)
    assert found[1].input_tokens == 12 and found[1].usd_most is None
    assert "no dollars" in found[1].line() and "about" not in found[1].line()
    [batch, _] = estimate(cells, [priced, local], batch=True)
    assert batch.usd_most == pytest.approx((6 * each + 60 * 4) / 1e6)


def test_an_estimate_without_price_or_limit_says_unknown_and_no_zero() -> None:
    endpoint = at("http://127.0.0.1:9/v1")
    cells = cells_of(endpoint, 2, Generation(temperature=0.0))
    [found] = estimate(cells, [endpoint])
    assert found.usd_input is found.usd_most is found.most_output_tokens is None
    assert "dollars unknown" in found.line() and "at most unknown to write" in found.line()
    [found] = estimate(cells, [at("http://127.0.0.1:9/v1", price=LIST)])
    assert found.usd_input and found.usd_most is None and "0.0000" not in found.line()
    assert estimate([], [endpoint]) == []


def test_an_estimate_is_written_down_and_counts_only_what_is_left(tmp_path: Path) -> None:
    from nivel.runtime.prompting import Budget
    from nivel.runtime.records.files import read_json

    with serve() as server:
        endpoint = at(server.url, concurrency=1, price=LIST)
        cells, run = cells_of(endpoint, 6), folder(tmp_path)
        ask(run, [endpoint], cells, budget=Budget(calls=2))
        assert read_json(tmp_path / "estimate.json")["models"][0]["calls"] == 6
        ask(run, [endpoint], cells)
        [left] = read_json(tmp_path / "estimate.json")["models"]
        assert left["calls"] == 4 and left["paid"] and not left["counted"]

"""Batch files: what is written is what would be sent, and only what is sound is taken."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from nivel.runtime.errors import DataError, RunError, Waiting
from nivel.runtime.prompting import (
    Budget,
    Generation,
    Price,
    ask,
    make_cells,
    read_batch,
    take_batch,
    write_batch,
)
from nivel.runtime.prompting.question import Question
from nivel.runtime.prompting.wire import request_body

from .kit import at, cells_of, folder, lines, rows
from .server import completion, serve

HALF = Price(0.5, None, 1.0, "list", "2026-01-01")
URL = "http://127.0.0.1:9/v1"  # nobody listens


def answered(cells: list[Any], **more: Any) -> list[dict[str, Any]]:
    body = {"messages": []}
    return [
        {
            "id": "b",
            "custom_id": cell.id,
            "error": None,
            "response": {"status_code": 200, "body": completion(body, "yes")},
            **more,
        }
        for cell in cells
    ]


def write(path: Path, records: list[Any]) -> Path:
    texts = (one if isinstance(one, str) else json.dumps(one) for one in records)
    path.write_text("".join(text + "\n" for text in texts), "utf-8")
    return path


def test_a_request_is_what_would_be_sent(tmp_path: Path) -> None:
    cells = cells_of(at(URL), 3, Generation(temperature=0.5, max_tokens=7, stop=("x",)))
    write_batch(cells, tmp_path / "r.jsonl", "tiny", "max_completion_tokens")
    for cell, line in zip(cells, lines(tmp_path / "r.jsonl"), strict=True):
        assert line == {
            "custom_id": cell.id,
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": request_body(cell, "tiny", "max_completion_tokens"),
        }
        assert line["body"]["max_completion_tokens"] == 7


def test_a_text_to_continue_goes_to_completions(tmp_path: Path) -> None:
    cells = make_cells(rows(1), [at(URL)], {"p": Question("{{ text }}", "plain")}, Generation())
    write_batch(cells, tmp_path / "r.jsonl", "tiny")
    [line] = lines(tmp_path / "r.jsonl")
    assert line["url"] == "/v1/completions" and line["body"]["prompt"] == "item 0"


def test_answers_find_their_cells_in_any_order(tmp_path: Path) -> None:
    cells = cells_of(at(URL), 20)
    records = answered(cells)
    for number, record in enumerate(records):
        record["response"]["body"]["choices"][0]["message"]["content"] = f"answer {number}"
    random.Random(1).shuffle(records)
    batch = read_batch(write(tmp_path / "a.jsonl", records), cells, {"m": HALF})
    assert [batch.answers[cell.id].text for cell in cells] == [f"answer {n}" for n in range(20)]
    # 10 tokens read, 4 of them kept at no other price, 2 written, per million
    assert batch.answers[cells[0].id].usd == pytest.approx((10 * 0.5 + 2 * 1.0) / 1e6)
    assert read_batch(tmp_path / "a.jsonl", cells).answers[cells[0].id].usd is None


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda found: [*found, found[1]], r"a.jsonl:4: a second answer to '\w+' \(1 such"),
        (lambda found: [*found, {**found[0], "custom_id": "z"}], r":4: .*'z' .*\(1 of 4 answers"),
        (lambda found: [{**found[0], "custom_id": "z"}], r":1: .*\(none of its answers"),
        (lambda found: [found[0], '{"custom_id": '], r":2: no JSON: "),
        (lambda found: ["[" * 100_000], r":1: no JSON: "),
        (lambda found: ["7"], r":1: no JSON object"),
        (lambda found: [{"custom_id": 7}], r":1: no custom_id"),
        (lambda found: [{"custom_id": "a", "method": "POST"}], r":1: this is a request"),
    ],
)
def test_a_file_with_a_fault_is_refused_with_its_line(
    tmp_path: Path, spoil: Any, said: str
) -> None:
    cells = cells_of(at(URL), 3)
    path = write(tmp_path / "a.jsonl", spoil(answered(cells)))
    with pytest.raises(DataError, match=said):
        take_batch(folder(tmp_path), path, cells)
    assert not (tmp_path / "ledger.jsonl").exists()


def test_a_file_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_batch(tmp_path / "nothing.jsonl", [])


FAILED = {
    "batch: ": {"response": None, "error": {"code": "batch_expired", "message": "too late"}},
    "bad-request: 400: too long": {"response": {"status_code": 400, "body": None},
                                   "error": "too long"},
    "rate-limit: 429: slow": {"response": {"status_code": 429,
                                           "body": {"error": {"message": "slow"}}}},
    "server: 500": {"response": {"status_code": None, "body": None}},
    "cut: the answer holds no choice": {"response": {"status_code": 200, "body": {}}},
}  # fmt: skip


@pytest.mark.parametrize("said", FAILED)
def test_a_request_that_failed_is_an_error_and_no_blank(tmp_path: Path, said: str) -> None:
    cells = cells_of(at(URL), 1)
    [record] = answered(cells, **FAILED[said])
    batch = read_batch(write(tmp_path / "a.jsonl", [record]), cells)
    found = batch.answers[cells[0].id]
    assert found.text is None and str(found.error).startswith(said)


def test_reading_twice_does_no_harm_and_a_good_answer_stays(tmp_path: Path) -> None:
    cells = cells_of(at(URL), 3)
    run = folder(tmp_path)
    failed = answered(cells[:1], **FAILED["batch: "])
    take_batch(run, write(tmp_path / "a.jsonl", [*failed, *answered(cells[1:])]), cells)
    take_batch(run, tmp_path / "a.jsonl", cells)
    take_batch(run, write(tmp_path / "b.jsonl", answered(cells[:1])), cells)
    results = [
        line["cell"] for line in lines(tmp_path / "ledger.jsonl") if line["type"] == "result"
    ]
    assert sorted(results) == sorted([cells[0].id] * 3 + [cell.id for cell in cells[1:]])
    answers = ask(run, [at(URL)], cells)  # asks nobody: nobody listens
    assert not answers.missing and all(answers[cell.id].error is None for cell in cells)


def test_the_environment_says_to_write_and_to_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = at(URL, price=HALF, batch_price=HALF)
    cells, run = cells_of(endpoint, 4), folder(tmp_path)
    monkeypatch.setenv("NIVEL_BATCH_OUT", str(tmp_path))
    with pytest.raises(Waiting) as waiting:
        ask(run, [endpoint], cells)
    assert waiting.value.code == 0 and "4 requests to m" in waiting.value.reason
    assert len(lines(tmp_path / "requests-m.jsonl")) == 4
    monkeypatch.delenv("NIVEL_BATCH_OUT")
    with pytest.raises(RunError, match="could pay them twice"):
        ask(run, [endpoint], cells)

    write(tmp_path / "a.jsonl", answered(cells[:3]))
    monkeypatch.setenv("NIVEL_BATCH_IN", str(tmp_path / "a.jsonl"))
    with pytest.raises(Waiting) as waiting:
        ask(run, [endpoint], cells)
    assert waiting.value.code == 3 and "1 cells have no answer" in waiting.value.reason
    monkeypatch.delenv("NIVEL_BATCH_IN")
    with serve() as server:
        live = at(server.url)  # another address: other cells, so the last is asked under its own
        answers = ask(folder(tmp_path / "live"), [live], cells_of(live, 4))
        assert len(answers) == 4


def test_a_batch_may_not_pass_a_budget_that_could_not_stop_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIVEL_BATCH_OUT", str(tmp_path / "r.jsonl"))
    endpoint = at(URL, batch_price=HALF)
    cells, open_end = cells_of(endpoint, 4), cells_of(endpoint, 4, Generation(temperature=0.0))
    for budget, wanted, said in (
        (Budget(calls=3), cells, "4 calls"),
        (Budget(tokens=100), cells, "could take"),
        (Budget(usd=5e-5), cells, "could cost"),
        (Budget(tokens=10**6), open_end, "is not limited"),
    ):
        with pytest.raises(RunError, match=said):
            ask(folder(tmp_path), [endpoint], wanted, budget=budget)
    with pytest.raises(RunError, match="no batch price of m is known"):
        ask(folder(tmp_path), [at(URL, price=HALF)], cells, budget=Budget(usd=1.0))
    assert not (tmp_path / "r.jsonl").exists()
    with pytest.raises(Waiting):
        ask(folder(tmp_path), [endpoint], cells, budget=Budget(usd=1.0, tokens=1000, calls=4))

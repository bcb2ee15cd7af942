"""A run is killed with kill -9 at random moments; what it resumes to is checked with the server."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .kit import lines
from .server import Endpoint, serve

# Of the moments; others are had by `NIVEL_KILL_SEED=1000 pytest -s ...`.
FIRST_SEED = int(os.environ.get("NIVEL_KILL_SEED", "0"))

# As nivel writes them, only shorter.
PROGRAM = '''
"""Ask one endpoint about every row."""

import sys

from nivel.runtime.data.rows import Row
from nivel.runtime.prompting import Endpoint, Generation, Question, ask, make_cells
from nivel.runtime.records import Run

ROWS = [Row(f"r{index}", {"text": f"item {index}"}, None) for index in range(200)]

with Run.open("kill", "prompt") as run:
    backends = [Endpoint("m", base_url=sys.argv[1], model="tiny", concurrency=8)]
    prompts = {"base": Question("{{ text }}")}
    cells = make_cells(ROWS, backends, prompts, Generation(temperature=0.0, max_tokens=16))
    answers = ask(run, backends, cells)
    run.write_predictions({"id": cell.row, "text": answers[cell.id].text} for cell in cells)
    run.finish(truncated=answers.truncated)
'''


def misbehaving(prompt: str, asked: int) -> str:
    """Some are refused once or twice, some break, some answers are cut off and paid for."""
    number = int(prompt.split()[1])
    if number % 50 == 3 and asked == 1:
        return "limited:0.02"
    if number % 50 == 7 and asked <= 2:
        return "broken:0.01"
    if number % 100 == 11 and asked == 1:
        return "cut"
    return "good"


def start(folder: Path, url: str) -> subprocess.Popen[str]:
    program = folder / "program.py"
    program.write_text(PROGRAM, "utf-8")
    env = os.environ | {"NIVEL_PROJECT": str(folder), "NIVEL_RUN_DIR": str(folder / "run")}
    return subprocess.Popen(
        [sys.executable, str(program), url], env=env, stderr=subprocess.PIPE, text=True
    )


def kill_at(server: Endpoint, child: subprocess.Popen[str], request: int, delay: float) -> None:
    """Kill the child `delay` seconds after the server has received so many requests in all."""

    def kill(number: int) -> None:
        if number == request:
            threading.Timer(delay, os.kill, (child.pid, signal.SIGKILL)).start()

    server.on_request = kill


def trial(folder: Path, kills: int, chance: random.Random) -> int:
    """Kill one run so many times, let it end, hold ledger and server to each other.

    Returns:
        How many calls the kills cut off.
    """
    folder.mkdir()
    with serve(misbehaving, latency=0.005) as server:
        for _ in range(kills):
            child = start(folder, server.url)
            request = len(server.seen) + chance.randint(1, 180 // kills)
            kill_at(server, child, request, chance.random() * 0.01)
            child.communicate(timeout=60)
            assert child.returncode == -signal.SIGKILL
        server.on_request = lambda number: None
        child = start(folder, server.url)
        said = child.communicate(timeout=60)[1]
        assert child.returncode == 0, said
        return hold(folder / "run", server, said)


def trials(folder: Path, kills: list[int]) -> list[int]:
    """Two at a time: most of a trial is waiting for children to start."""

    def one(number: int) -> int:
        return trial(folder / str(number), kills[number], random.Random(FIRST_SEED + number))

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(one, range(len(kills))))


def hold(run: Path, server: Endpoint, said: str) -> int:
    ledger = lines(run / "ledger.jsonl")
    results = [line for line in ledger if line["type"] == "result"]
    good = Counter(line["cell"] for line in results if line["error"] is None)
    assert len(good) == 200 and set(good.values()) == {1}, "each cell is answered exactly once"
    prompts = {cell["id"]: cell["messages"][0]["content"] for cell in lines(run / "cells.jsonl")}
    answered = Counter(line["cell"] for line in results)
    sent = Counter(line["cell"] for line in ledger if line["type"] == "intent")
    lost = {line["cell"]: line["lost"] for line in results}
    for cell, prompt in prompts.items():
        cut = sent[cell] - answered[cell]
        paid = server.paid[prompt] - lost[cell]
        # What was lost on the way before the kill is not in the result that came after it.
        most = 1 + cut * (1 + ("cut" in misbehaving(prompt, 1)))
        assert 1 <= paid <= most, (prompt, paid, cut)
    cut_off = sum(sent.values()) - sum(answered.values())
    accounts = json.loads((run / "accounts.json").read_text())["whole"]
    assert accounts["maybe_paid_twice"] == cut_off
    assert accounts["cells"] == accounts["answered"] == 200
    if cut_off:
        assert f"{cut_off} maybe paid twice" in said
    else:
        assert "paid twice" not in said
    return cut_off


def test_a_killed_run_resumes_and_pays_twice_only_for_what_the_kill_cut_off(tmp_path):
    assert sum(trials(tmp_path, [1, 2])) > 0, "no kill met a call under way: this shows nothing"


@pytest.mark.slow
def test_twenty_kills_at_random_moments_lose_no_answer_and_pay_none_twice_unsaid(tmp_path):
    cut = trials(tmp_path, [1, 2, 2, 3, 4, 4, 4])
    assert sum(cut) > 0, "no kill met a call under way: this shows nothing"
    print("calls cut off by the kills of each run, asked again:", cut)

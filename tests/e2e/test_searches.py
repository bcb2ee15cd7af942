"""A search chooses its trials one by one; cut off anywhere, it ends with those it would have had.

What a trial comes to is a formula here, in place of a training: folders, records, plans and locks
are as ever. The last test trains.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nivel.cli import _running as running
from nivel.cli import group
from nivel.cli._jobs import Job, write_run_folder
from nivel.cli._running import Outcome
from nivel.runtime.records.files import write_json

from .test_ladder import PRETRAIN, write

pytest.importorskip("optuna")

SEARCH = """\
sweep:
  type: optuna
  trials: 9
  startup: 4
  seed: 2
  over:
    train.learning_rate: {from: 1e-4, to: 1e-1, scale: log}
    train.batch: [8, 16]
  metric: pretraining.bits_per_byte
"""

FOUR = "{train.batch: [8, 16], seed: [1, 2]}"
"""What is varied where there are four combinations."""

Event = Callable[[Path, int], "Outcome | None"]


class Trainings:
    """Stands in for the start of programs; knows which runs were begun, and what befalls them."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.befalls: dict[int, Event] = {}

    def run_one(self, job: Job, again: Any, told: Mapping[str, str], queue: Any) -> Outcome:
        folder = write_run_folder(job, again)
        number = len(self.begun)
        self.begun.append(folder.parent.name)
        head = {"name": folder.parent.name, "id": folder.name, "level": "pretrain"}
        state = {**head, "started": f"2026-01-01T00:{number:02}:00", "process": 2**22 + 1}
        write_json(folder / "run.json", {**state, "status": "running"})
        if number in self.befalls and (found := self.befalls[number](folder, number)):
            return found
        train = job.checked.spec.train  # type: ignore[union-attr]
        cost = (math.log10(train.learning_rate) + 2.2) ** 2 + train.batch / 16
        write_json(folder / "result.json", {"pretraining": {"bits_per_byte": cost}})
        write_json(folder / "run.json", {**state, "status": "completed"})
        return Outcome(folder, 0)


class Killed(Exception):
    """Ends nivel where it stands."""


def killed(folder: Path, number: int) -> Outcome | None:
    raise Killed


def failed(folder: Path, number: int) -> Outcome | None:
    state = json.loads((folder / "run.json").read_text("utf-8"))
    write_json(folder / "run.json", {**state, "status": "failed"})
    return Outcome(folder, 3)


def interrupted(folder: Path, number: int) -> Outcome | None:
    return Outcome(folder, 3, interrupted=True)


@pytest.fixture
def trainings(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trainings]:
    made = Trainings()
    monkeypatch.setattr(running, "run_one", made.run_one)
    monkeypatch.chdir(project)
    yield made


def nivel(*arguments: str) -> Result:
    return CliRunner().invoke(group, arguments)


def trials(name: str = "own") -> list[str]:
    said = json.loads(Path("runs", name, "sweep.json").read_text("utf-8"))
    return [one["name"] for one in said["trials"]]


def test_a_search_that_is_killed_ends_with_the_trials_of_one_that_was_not(
    project: Path, trainings: Trainings
) -> None:
    spec = write(project, "own.yaml", PRETRAIN.format(name="own", devices=1) + SEARCH)
    done = nivel("run", spec)
    assert done.exit_code == 0, done.output
    whole, table = trials(), done.output.splitlines()[-11:]
    assert len(set(whole)) == 9 == len(trainings.begun)
    assert table[0].startswith("train.learning_rate  train.batch  pretraining.bits_per_byte")
    scores = [float(line.split()[2]) for line in table[1:10]]
    assert scores == sorted(scores) and table[10] == "less is better"
    assert table[1].split()[-1].split("/")[0] in whole[4:]  # the best was chosen, not drawn
    for kills in ((0, 2), (3, 5, 6)):  # by the number of the run: 2 and 5 are the same trial again
        trainings.begun, trainings.befalls = [], dict.fromkeys(kills, killed)
        shutil.rmtree("runs")
        code: Any = Killed
        again: tuple[str, ...] = ()
        while code is Killed:
            result = nivel("run", spec, *again)
            code = type(result.exception) if result.exception else 0
            again = ("--resume", "latest")
        assert code == 0, result.output
        assert trials() == whole and set(trainings.begun) == set(whole)
        assert len(trainings.begun) == 9 + len(kills)  # only what was cut off ran again
        assert result.output.count("finished before") >= 1


def test_a_search_goes_on_with_more_trials_and_not_as_another_search(
    project: Path, trainings: Trainings
) -> None:
    text = PRETRAIN.format(name="own", devices=1) + SEARCH
    spec = write(project, "own.yaml", text)
    few = ("--set", "sweep.trials=5")
    assert nivel("run", spec, *few).exit_code == 0
    first = trials()
    longer = nivel("run", spec, "--resume", "latest")
    assert longer.exit_code == 0 and trials()[:5] == first and len(trainings.begun) == 9
    other = nivel("run", spec, "--resume", "latest", "--set", "sweep.seed=3")
    assert other.exit_code == 2 and "other values of `sweep`: seed" in other.output
    record = project / "runs" / "own" / "sweep.json"
    record.write_text(record.read_text("utf-8").replace('"train.batch": 8', '"train.batch": 9'))
    damaged = nivel("run", spec, "--resume", "latest")
    assert damaged.exit_code == 2 and "sweep.json is damaged" in damaged.output
    assert len(trainings.begun) == 9
    queued = nivel("run", spec, "--submit", "--set", "hardware.launcher=slurm")
    assert queued.exit_code == 2 and len(trainings.begun) == 9


def test_a_trial_that_fails_stops_no_search_and_an_interrupt_stops_it_with_the_way_on(
    project: Path, trainings: Trainings
) -> None:
    text = PRETRAIN.format(name="own", devices=1) + SEARCH
    spec = write(project, "own.yaml", text)
    trainings.befalls = {1: failed, 5: failed}
    done = nivel("run", spec)
    assert done.exit_code == 3 and len(trainings.begun) == 9
    assert sum("failed" in line for line in done.output.splitlines()[-10:]) == 2
    trainings.begun, trainings.befalls = [], {2: interrupted}
    stopped = nivel("run", spec)
    assert stopped.exit_code == 3 and len(trainings.begun) == 3
    assert "stopped, 2 of 9 trials have ended" in stopped.output
    assert "nivel run own.yaml --resume latest" in stopped.output
    trainings.begun, trainings.befalls = [], {2: interrupted}
    grid = f"sweep: {{type: grid, over: {FOUR}}}"
    stopped = nivel("run", write(project, "grid.yaml", text[: text.index("sweep:")] + grid))
    assert stopped.exit_code == 3 and len(trainings.begun) == 3
    assert "stopped, 2 of 4 trials have ended" in stopped.output


def test_a_space_that_is_used_up_ends_the_search(project: Path, trainings: Trainings) -> None:
    how = "type: optuna, trials: 9, startup: 3, metric: pretraining.bits_per_byte"
    text = PRETRAIN.format(name="own", devices=1) + f"sweep: {{{how}, over: {FOUR}}}"
    spec = write(project, "own.yaml", text)
    done = nivel("run", spec)
    assert "every combination has been tried" in done.output and done.exit_code == 0
    assert len(trainings.begun) == 4 == len(set(trainings.begun))


@pytest.mark.slow
def test_a_search_that_trains_is_killed_in_the_midst_and_ends_the_same(project: Path) -> None:
    text = PRETRAIN.format(name="own", devices=1) + SEARCH.replace("trials: 9", "trials: 6")
    spec = write(project, "own.yaml", text.replace("tokens: 10240", "tokens: 4096"))
    command = [sys.executable, "-m", "nivel", "run", spec]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(command, cwd=project, env=environment, check=True, capture_output=True)
    record = project / "runs" / "own" / "sweep.json"
    whole = json.loads(record.read_text("utf-8"))
    results = {one["name"]: outcome(project, one["name"]) for one in whole["trials"]}
    shutil.rmtree(project / "runs")
    process = subprocess.Popen(command, cwd=project, env=environment, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
    fifth = project / "runs" / whole["trials"][4]["name"]
    while not list(fifth.glob("*/run.json")):
        assert process.poll() is None
        time.sleep(0.02)
    training = json.loads(max(fifth.glob("*/run.json")).read_text("utf-8"))["process"]
    process.send_signal(signal.SIGKILL)
    os.kill(training, signal.SIGKILL)
    process.wait()
    again = [*command, "--resume", "latest"]
    done = subprocess.run(again, cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.count("finished before") == 4, done.stdout
    assert json.loads(record.read_text("utf-8")) == whole
    assert {name: outcome(project, name) for name in results} == results


def outcome(project: Path, name: str) -> Any:
    newest = max((project / "runs" / name).iterdir())
    return json.loads((newest / "result.json").read_text("utf-8"))["pretraining"]

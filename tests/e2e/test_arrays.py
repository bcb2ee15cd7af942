"""A sweep as an array of a real Slurm: tasks are stopped, put back and cancelled, each alone."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from .conftest import newest_run
from .slurm import slurm, slurm_says
from .test_ladder import write
from .test_launchers import at_once, begin, reach, status, wait_until
from .test_resume import FINETUNE, LORA, SECONDS, Nivel, outcome, tuning

__all__ = ["tuning"]  # a fixture

RATES = ("5e-3", "0p01", "0p02")
SWEEP = """\
sweep: {type: grid, over: {train.learning_rate: [5e-3, 1e-2, 2e-2]}, metric: validation.best_loss}
"""


def spec_of(project: Path) -> str:
    train = "checkpoint_every: 5\n  use: best"
    text = FINETUNE.format(name="rates", devices=1, method=LORA, train=train)
    text = text.replace("epochs: 10", "epochs: 60")
    how = "micro_batch: 2, launcher: slurm, slurm: {at_once: 2}"
    return write(project, "rates.yaml", text.replace("micro_batch: 2", how) + SWEEP)


def runs_of(project: Path, known: Mapping[str, str]) -> list[str]:
    """What `nivel runs` calls the state of each trial of the newest array, in their order."""
    said = subprocess.run(
        [sys.executable, "-m", "nivel", "runs"],
        cwd=project, env=dict(known), capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    lines = [line.split() for line in said.splitlines()[1:]]
    newest = {line[0].split("/")[1]: line[2] for line in lines}
    return [newest[f"rates-learning-rate-{rate}"] for rate in RATES]


@pytest.mark.slow
def test_tasks_of_an_array_stop_and_go_on_alone_and_end_as_trials_run_in_turn(
    tuning: Path, nivel: Nivel, tmp_path_factory: pytest.TempPathFactory
) -> None:
    spec = spec_of(tuning)
    nivel("run", spec, "--set", "hardware={accelerator: cpu, threads: 1, micro_batch: 2}")
    names = [f"rates-learning-rate-{rate}" for rate in RATES]
    whole = {name: outcome(newest_run(tuning, name)) for name in names}
    table = nivel("compare", "rates").stdout
    with slurm(tmp_path_factory.mktemp("slurm") / "one") as known:
        said = begin(tuning, known, spec, "--submit").communicate(timeout=SECONDS)[0]
        (array,) = re.findall(r"3 trials are in the queue as array (\d+)", said)
        folders = [newest_run(tuning, name) for name in names]
        wait_until(lambda: running(known, array) == ["0", "1"], "two tasks run")
        assert runs_of(tuning, known)[2] == "queued"
        first = reach(folders[0], 8, set())
        subprocess.run(["scancel", "--signal=USR1", f"{array}_0"], env=known, check=True)
        wait_until(lambda: status(folders[0]) == "stopped", "the first task stops")
        assert "told to make room, saved" in (folders[0] / "run.json").read_text("utf-8")
        wait_until(lambda: "2" in running(known, array), "the third task takes its place")
        at_once(known, f"{array}_0")
        # the last task to begin has the number of the whole array: only it is to be requeued
        reach(folders[2], 8, set())
        subprocess.run(["scancel", "--signal=USR1", f"{array}_2"], env=known, check=True)
        wait_until(lambda: status(folders[2]) == "stopped", "the third task stops")
        at_once(known, f"{array}_2")
        reach(folders[0], 12, {first})
        for folder in folders:
            wait_until(lambda f=folder: status(f) == "completed", f"{folder} is completed")
    assert {name: outcome(newest_run(tuning, name)) for name in names} == whole
    assert [path.read_text().count("going on after step") for path in
            (folder / "slurm.out" for folder in folders)] == [1, 0, 1]  # fmt: skip
    columns = [line.split()[:2] for line in table.splitlines()]
    assert [line.split()[:2] for line in nivel("compare", "rates").stdout.splitlines()] == columns


@pytest.mark.slow
def test_an_array_that_is_cancelled_stays_so_and_goes_on_as_an_array(
    tuning: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    spec = spec_of(tuning)
    with slurm(tmp_path_factory.mktemp("slurm") / "one") as known:
        said = begin(tuning, known, spec, "--submit").communicate(timeout=SECONDS)[0]
        (array,) = re.findall(r"as array (\d+)", said)
        names = [f"rates-learning-rate-{rate}" for rate in RATES]
        folders = [newest_run(tuning, name) for name in names]
        reach(folders[0], 8, set())
        busy = begin(tuning, known, spec, "--submit", "--resume", "latest")
        assert f"as job {array}_0" in busy.communicate(timeout=SECONDS)[0]
        assert busy.returncode == 2
        subprocess.run(["scancel", array], env=known, check=True)
        wait_until(lambda: running(known, array) == [], "the array has ended")
        assert runs_of(tuning, known) == ["stopped"] * 3
        again = begin(tuning, known, spec, "--submit", "--resume", "latest")
        said = again.communicate(timeout=SECONDS)[0]
        assert "3 trials are in the queue as array" in said, said
        for name, folder in zip(names, folders, strict=True):
            assert newest_run(tuning, name) == folder
            wait_until(lambda f=folder: status(f) == "completed", f"{folder} is completed")


def running(known: Mapping[str, str], array: str) -> list[str]:
    """The tasks of an array that run, by their places."""
    said = slurm_says(dict(known), "squeue", "-h", "-r", "-t", "R,CG", "-j", array, "-o", "%K")
    return sorted(said.split())

"""A sweep runs its trials, goes on with those that are missing, and ranks them."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from pathlib import Path

import pytest

from .conftest import newest_run
from .test_ladder import write
from .test_launchers import begin, reach, status, wait_until
from .test_resume import FINETUNE, LORA, SECONDS, Nivel, tuning

__all__ = ["tuning"]  # a fixture

SWEEP = """\
sweep:
  type: grid
  over: {train.learning_rate: [1e-4, 2e-2], train.max_length: [8, 64]}
"""


@pytest.mark.slow
def test_trials_that_fail_stop_no_other_and_only_missing_ones_are_run_again(
    tuning: Path, nivel: Nivel
) -> None:
    text = FINETUNE.format(name="rates", devices=1, method=LORA, train="use: last")
    spec = write(tuning, "rates.yaml", text.replace("epochs: 10", "epochs: 4") + SWEEP)
    first = nivel("run", spec, code=3).stdout  # rows are longer than 8 tokens
    assert first.count(": running in") == 4 and first.count(": done, see") == 2
    table = nivel("compare", "rates").stdout.splitlines()
    assert table[0].split()[:3] == ["train.learning_rate", "train.max_length", "accuracy"]
    assert [line.split()[1] for line in table[1:3]] == ["64", "64"]
    scores = [float(line.split()[2]) for line in table[1:3]]
    assert scores == sorted(scores, reverse=True) and "failed" in table[3] and "failed" in table[4]
    shutil.rmtree(tuning / "runs" / "rates-learning-rate-0p02-max-length-64")
    again = nivel("run", spec, "--resume", "latest", code=3).stdout
    assert again.count("finished before") == 1 and again.count(": done, see") == 1
    assert nivel("compare", "rates").stdout.splitlines()[1].split()[:3] == table[1].split()[:3]


@pytest.mark.slow
def test_an_interrupt_in_the_third_trial_leaves_two_complete_and_says_how_to_go_on(
    tuning: Path, nivel: Nivel
) -> None:
    text = FINETUNE.format(name="rates", devices=1, method=LORA, train="checkpoint_every: 5")
    over = "sweep: {type: grid, over: {seed: [1, 2, 3, 4]}}"
    spec = write(tuning, "rates.yaml", text + over)
    process = begin(tuning, {}, spec)
    third = tuning / "runs" / "rates-seed-3"
    wait_until(lambda: third.is_dir() and any(third.iterdir()), "the third trial begins")
    reach(newest_run(tuning, third.name), 6, set())
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=SECONDS)[0]
    assert process.returncode == 3 and "stopped, 2 of 4 trials have ended" in said, said
    assert "nivel run rates.yaml --resume latest" in said
    states = [status(newest_run(tuning, f"rates-seed-{seed}")) for seed in (1, 2, 3)]
    assert states == ["completed", "completed", "stopped"]
    assert not (tuning / "runs" / "rates-seed-4").exists()
    again = nivel("run", spec, "--resume", "latest").stdout
    assert again.count("finished before") == 2 and again.count(": done, see") == 2


SBATCH = """\
#!/bin/sh
echo "$@" >> "$(dirname "$0")/orders.txt"
wc -l < "$(dirname "$0")/orders.txt"
"""  # notes what it is asked for, and gives the number of the job as Slurm's own does


def test_trials_are_left_in_the_queue_as_one_array_in_the_order_of_the_specs(
    tuning: Path, nivel: Nivel, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = tuning / "queue"
    queue.mkdir()
    (queue / "sbatch").write_text(SBATCH, encoding="utf-8")
    (queue / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{queue}:{os.environ['PATH']}")
    text = FINETUNE.format(name="rates", devices=1, method=LORA, train="use: last")
    alone = write(tuning, "alone.yaml", text.replace("name: rates", "name: alone"))
    more = (
        "sweep: {type: grid, over: {train.learning_rate: [1e-3, 1e-2], hardware.threads: [1, 2]}}"
    )
    spec = write(tuning, "rates.yaml", text + more)
    by_slurm = ("--submit", "--set", "hardware.launcher=slurm", "--set", "hardware.slurm.at_once=1")
    said = nivel("run", alone, spec, alone, *by_slurm).stdout
    orders = (queue / "orders.txt").read_text(encoding="utf-8").splitlines()
    # trials with one thread and with two ask for different machines
    after = [re.findall(r"--dependency=(\S+)", order) for order in orders]
    assert after == [[], ["afterok:1"], ["afterok:1"], ["afterok:2:3"]]
    assert said.count("2 trials are in the queue as array") == 2
    scripts = sorted((tuning / "runs" / "rates").glob("*/array-*.sbatch"))
    first = scripts[0].read_text("utf-8")
    assert "#SBATCH --array=0-1%1\n" in first and "#SBATCH --cpus-per-task=1\n" in first
    folders = re.findall(r"^  (runs/\S+)$", first, re.MULTILINE)
    assert [folder.split("/")[1] for folder in folders] == [
        "rates-learning-rate-1e-3-threads-1", "rates-learning-rate-0p01-threads-1",
    ]  # fmt: skip
    jobs = [json.loads((tuning / one / "run.json").read_text("utf-8")) for one in folders]
    assert [one["slurm_job"] for one in jobs] == ["2_0", "2_1"]
    assert nivel("runs").stdout.count("queued") == 6

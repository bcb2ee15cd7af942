"""A sweep runs its trials, goes on with those that are missing, and ranks them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from .test_ladder import write
from .test_resume import FINETUNE, LORA, Nivel, tuning

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


SBATCH = """\
#!/bin/sh
echo "$@" >> "$(dirname "$0")/orders.txt"
wc -l < "$(dirname "$0")/orders.txt"
"""  # notes what it is asked for, and gives the number of the job as Slurm's own does


def test_trials_are_left_in_the_queue_side_by_side_and_other_specs_one_after_the_other(
    tuning: Path, nivel: Nivel, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = tuning / "queue"
    queue.mkdir()
    (queue / "sbatch").write_text(SBATCH, encoding="utf-8")
    (queue / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{queue}:{os.environ['PATH']}")
    text = FINETUNE.format(name="rates", devices=1, method=LORA, train="use: last")
    alone = write(tuning, "alone.yaml", text.replace("name: rates", "name: alone"))
    spec = write(tuning, "rates.yaml", text + SWEEP)
    by_slurm = ("--submit", "--set", "hardware.launcher=slurm")
    nivel("run", spec, *by_slurm)
    nivel("run", alone, alone, *by_slurm)
    orders = (queue / "orders.txt").read_text(encoding="utf-8").splitlines()
    assert ["--dependency" in order for order in orders] == [False] * 5 + [True]
    assert "--dependency=afterok:5 " in orders[5]

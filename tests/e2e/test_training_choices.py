"""Choices of training together, as a user runs them: what is recorded, used and saved."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import newest_run, result
from .test_ladder import FINETUNE, PRETRAIN, write

Nivel = Callable[..., subprocess.CompletedProcess[str]]

CHOICES = """\
  optimizer: {type: muon, adamw_learning_rate: 5e-3}
  schedule: {type: warmup-stable-decay, warmup: 0.1, decay: 0.3, minimum: 0.2}
  batch_ramp: {start: 8, over: 0.2}
  z_loss: 1e-4
  average: {type: ema, decay: 0.5}
  validate_every: 5
  use: best
  on_divergence: {type: roll-back, spike: 5}
evaluate: {samples: {prompts: ["the apple"], max_tokens: 8, temperature: 0}}
"""


def test_a_pretraining_uses_and_saves_the_average_and_records_what_happened(
    project: Path, nivel: Nivel
) -> None:
    text = PRETRAIN.format(name="own", devices=1)
    schedule = "  schedule: {type: cosine, warmup: 0.1}\n"
    assert schedule in text
    spec = write(project, "own.yaml", text.replace(schedule, CHOICES))
    nivel("run", spec)
    folder = newest_run(project, "own")
    found, metrics = result(folder), (folder / "metrics.jsonl").read_text("utf-8").splitlines()
    steps = [line for line in map(json.loads, metrics) if "loss" in line]
    assert len(steps) == 24  # 8 of half a batch, and 16 of a whole one
    assert [line["step"] for line in steps] == [*range(1, 25)]
    assert steps[0]["learning_rate"] == pytest.approx(0.01 / 2)
    assert steps[10]["learning_rate"] == pytest.approx(0.01)
    assert 0.002 < steps[-1]["learning_rate"] < 0.01 / 3
    assert all(line["gradient_norm"] > 0 and line["tokens_per_second"] > 0 for line in steps)
    # the loss of the weights that were validated best is that of the weights that were saved
    nats = found["pretraining"]["bits_per_byte"] * math.log(2)
    nats *= found["pretraining"]["tokenizer_bytes_per_token"]
    assert nats == pytest.approx(found["validation"]["best_loss"], rel=0.05)
    samples = [json.loads(line) for line in (folder / "samples.jsonl").open(encoding="utf-8")]
    assert [line["step"] for line in samples] == [5, 10, 15, 20, 24]
    assert len({line["text"] for line in samples}) > 1
    assert not (folder / "rollbacks.json").exists()


@pytest.mark.slow
def test_a_tuning_without_a_schedule_ends_with_the_average(
    project: Path, tiny: Path, nivel: Nivel
) -> None:
    pytest.importorskip("schedulefree")
    text = FINETUNE.format(name="tuned", devices=1, method="{type: lora}", epochs=6)
    text = text.replace('"run:own"', "./tiny").replace(
        "learning_rate: 1e-2",
        "learning_rate: 1e-2\n  optimizer: {type: schedule-free}\n"
        "  schedule: {type: constant, warmup: 0.1}\n  on_divergence: {type: stop, spike: 9}",
    )
    nivel("run", write(project, "tuned.yaml", text))
    assert result(newest_run(project, "tuned"))["metrics"]["accuracy"]["n"] == 16

"""`nivel plan --verify`: a few real steps of a plan's program, and nothing that stays."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import newest_run, result

Nivel = Callable[..., subprocess.CompletedProcess[str]]

SPEC = """\
nivel: 2
name: to-verify
level: pretrain
seed: 3
model: {architecture: llama, hidden_size: 64, intermediate_size: 128, num_hidden_layers: 2,
  num_attention_heads: 2}
data: {text: {path: text.txt}}
tokenizer: {type: byte-bpe, vocab_size: 320}
train: {sequence_length: 32, batch: 16, tokens: 5120, learning_rate: 1e-2}
hardware: {accelerator: cpu, threads: 1, micro_batch: 8}
"""


def test_a_plan_is_held_to_three_steps_and_a_run_records_the_same(
    project: Path, nivel: Nivel
) -> None:
    (project / "own.yaml").write_text(SPEC, encoding="utf-8")
    before = sorted(path.name for path in project.iterdir())
    told = nivel("plan", "own.yaml", "--verify", "--format", "json")
    found = json.loads(told.stdout)["verified"]
    assert (found["rows"], found["length"], found["steps"]) == (8, 32, 10)
    assert found["seconds_per_step"] > 0 and found["flops_per_second"] > 0
    # a tiny model is Python and its libraries, of which the measure holds more than the plan's
    assert 100 * 2**20 < found["measured"] < 8 * 2**30
    assert found["error"] == pytest.approx(found["predicted_low"] / found["measured"] - 1)
    # what was prepared of the text serves the run to come
    assert sorted(path.name for path in project.iterdir()) == [".nivel", *before]
    nivel("run", "own.yaml")
    recorded = result(newest_run(project, "to-verify"))["footprint"]
    assert (recorded["rows"], recorded["length"], recorded["processes"]) == (8, 32, 1)
    assert recorded["seconds_per_step"] > 0
    pair = json.loads((newest_run(project, "to-verify") / "footprint.json").read_text("utf-8"))
    assert pair["predicted_low"] == found["predicted_low"]
    assert pair["measured"] == recorded["memory"]["rss"]
    assert (
        recorded["memory"]["rss"] <= result(newest_run(project, "to-verify"))["peak_memory"]["rss"]
    )


def test_a_plan_that_has_too_few_steps_is_not_verified(project: Path, nivel: Nivel) -> None:
    (project / "own.yaml").write_text(SPEC.replace("5120", "1024"), encoding="utf-8")
    failed = nivel("plan", "own.yaml", "--verify", code=3)
    assert "the plan is not verified" in failed.stderr and "Traceback" not in failed.stderr


def test_a_plan_for_several_machines_is_not_verified_on_one(project: Path, nivel: Nivel) -> None:
    (project / "own.yaml").write_text(SPEC, encoding="utf-8")
    failed = nivel("plan", "own.yaml", "--verify", "--set", "hardware.nodes=2", code=2)
    assert "the plan is for 2 machines" in failed.stderr

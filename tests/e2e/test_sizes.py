"""A new model whose sizes follow from a budget, from spec to a folder that Transformers reads."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from transformers import AutoModelForCausalLM

from .conftest import losses, newest_run, result

Nivel = Callable[..., subprocess.CompletedProcess[str]]

SPEC = """\
nivel: 2
name: by-budget
level: pretrain
seed: 3
model: {architecture: gpt2, budget: {flops: 2e10}, initialization: {std: 0.03}}
data: {text: {path: text.txt}}
tokenizer: {type: byte-bpe, vocab_size: 320}
train: {sequence_length: 32, batch: 16, learning_rate: 1e-2}
hardware: {accelerator: cpu, threads: 1}
"""


def test_a_budget_becomes_a_model_that_learns(project: Path, nivel: Nivel) -> None:
    (project / "own.yaml").write_text(SPEC, encoding="utf-8")
    told = nivel("plan", "own.yaml").stdout
    assert "2e+10 FLOPs C" in told and "outside of what they were fitted on" in told
    nivel("run", "own.yaml")
    folder = newest_run(project, "by-budget")
    curve, found = losses(folder), result(folder)
    assert curve[-1] < 0.7 * curve[0]
    assert found["pretraining"]["bits_per_byte"] < found["pretraining"]["unigram_bits_per_byte"]
    model = AutoModelForCausalLM.from_pretrained(folder / "model")
    assert model.config.model_type == "gpt2" and model.config.n_embd % 64 == 0
    assert f"{model.num_parameters():,} (" in told
    assert len(curve) == found["tokens"]["seen"] // 512


LONG = """\
task: {type: classify, labels: [fruit, metal], input: "{{ text }} {{ text }} {{ text }}\\nKind:"}
"""


def test_a_question_that_the_model_cannot_hold_is_told_before_it_is_trained(
    project: Path, nivel: Nivel
) -> None:
    text = SPEC.replace("data: {text: {path: text.txt}}", "data:\n  text: {path: text.txt}\n"
                        "  test: {path: test.jsonl}\n" + LONG.rstrip())  # fmt: skip
    (project / "own.yaml").write_text(text, encoding="utf-8")
    failed = nivel("run", "own.yaml", code=3)
    assert "exceed the model's 32 positions" in failed.stderr
    assert not (newest_run(project, "by-budget") / "metrics.jsonl").exists()

"""Spec to result at all three levels, and on one process or two, as a user runs them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import losses, newest_run, result

Nivel = Callable[..., subprocess.CompletedProcess[str]]

PRETRAIN = """\
nivel: 2
name: {name}
level: pretrain
seed: 3
model:
  architecture: llama
  hidden_size: 32
  num_hidden_layers: 2
  num_attention_heads: 4
  num_key_value_heads: 2
  intermediate_size: 64
  max_position_embeddings: 64
data:
  text: {{path: text.txt}}
tokenizer: {{type: byte-bpe, vocab_size: 320}}
train:
  tokens: 10240
  batch: 16
  sequence_length: 32
  learning_rate: 1e-2
  schedule: {{type: cosine, warmup: 0.1}}
hardware: {{accelerator: cpu, devices: {devices}, threads: 1}}
"""

FINETUNE = """\
nivel: 2
name: {name}
level: finetune
seed: 3
model: {{path: "run:own"}}
data:
  train: {{path: train.jsonl}}
  test: {{path: test.jsonl}}
task: {{type: classify, labels: [fruit, metal], input: "{{{{ text }}}} is"}}
method: {method}
train:
  epochs: {epochs}
  batch: 8
  learning_rate: 1e-2
hardware: {{accelerator: cpu, devices: {devices}, threads: 1}}
"""

PROMPT = """\
nivel: 2
name: ask
level: prompt
model: {path: "run:own"}
data:
  test: {path: test.jsonl}
task: {type: classify, labels: [fruit, metal], input: "{{ text }} is"}
evaluate:
  next_word: {text: "the apple and the", top: 5}
hardware: {accelerator: cpu, threads: 1}
"""


def write(project: Path, name: str, text: str) -> str:
    (project / name).write_text(text, encoding="utf-8")
    return name


def test_the_three_levels_run_in_turn_and_compare_in_one_table(
    project: Path, fresh_nivel: Nivel
) -> None:
    nivel = fresh_nivel
    nivel("run", write(project, "own.yaml", PRETRAIN.format(name="own", devices=1)))
    own = result(newest_run(project, "own"))
    assert own["pretraining"]["bits_per_byte"] < own["pretraining"]["unigram_bits_per_byte"]
    assert own["tokens"]["seen"] == 10240

    nivel("run", write(project, "ask.yaml", PROMPT))
    asked = newest_run(project, "ask")
    assert (asked / "next_word.png").stat().st_size > 1000
    assert sum(row["probability"] for row in result(asked)["next_word"]) <= 1.0 + 1e-6

    text = FINETUNE.format(name="tuned", devices=1, epochs=40, method="{type: full}")
    nivel("run", write(project, "tuned.yaml", text))
    tuned = result(newest_run(project, "tuned"))
    assert tuned["metrics"]["accuracy"]["value"] > 0.9  # the words give the label away
    assert tuned["parameters"]["trained"] == tuned["parameters"]["total"]

    table = nivel("compare", "ask", "tuned").stdout
    assert "ask" in table and "tuned" in table and "majority" in table


@pytest.mark.parametrize(
    "method",
    [
        "{type: full}",
        pytest.param("{type: lora, rank: 4, dropout: 0.0}", marks=pytest.mark.slow),
    ],
)
def test_two_processes_give_the_loss_curve_of_one(project: Path, nivel: Nivel, method: str) -> None:
    curves = {}
    nivel("run", write(project, "own.yaml", PRETRAIN.format(name="own", devices=1)))
    for devices in (1, 2):
        name = f"tuned-{devices}"
        text = FINETUNE.format(name=name, devices=devices, epochs=3, method=method)
        nivel("run", write(project, f"{name}.yaml", text))
        curves[devices] = losses(newest_run(project, name))
    assert len(curves[1]) == 9  # 3 epochs x 24 rows in steps of 8
    assert curves[2] == pytest.approx(curves[1], rel=2e-4)


@pytest.mark.slow
def test_pretraining_on_two_processes_gives_the_loss_curve_of_one(
    project: Path, nivel: Nivel
) -> None:
    curves = {}
    for devices in (1, 2):
        name = f"own-{devices}"
        nivel("run", write(project, f"{name}.yaml", PRETRAIN.format(name=name, devices=devices)))
        folder = newest_run(project, name)
        curves[devices] = losses(folder)
        assert result(folder)["tokens"]["seen"] == 10240
    assert len(curves[1]) == 20
    assert curves[1][-1] < 0.6 * curves[1][0]
    assert curves[2] == pytest.approx(curves[1], rel=2e-4)


@pytest.mark.slow
def test_the_emitted_program_runs_alone_with_plain_python(project: Path, nivel: Nivel) -> None:
    import os
    import sys

    write(project, "own.yaml", PRETRAIN.format(name="own", devices=1))
    nivel("compile", "own.yaml", "-o", "program")
    subprocess.run(
        [sys.executable, "program/experiment.py"],
        cwd=project,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=True,
        timeout=120,
    )
    assert result(newest_run(project, "own"))["level"] == "pretrain"

"""A mixture of experts: pretrained in two layouts, tuned by LoRA, and asked."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from .conftest import newest_run, result
from .test_ladder import write

Nivel = Callable[..., subprocess.CompletedProcess[str]]

PRETRAIN = """\
nivel: 2
name: {name}
level: pretrain
seed: 3
model: {{architecture: qwen2_moe, hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 4,
  num_experts: 8, num_experts_per_tok: 2, moe_intermediate_size: 24, initialization: {{}},
  shared_expert_intermediate_size: 32, max_position_embeddings: 64, router_aux_loss_coef: 0.05}}
data: {{text: {{path: text.txt}}}}
tokenizer: {{type: byte-bpe, vocab_size: 320}}
train: {{tokens: 10240, batch: 16, sequence_length: 32, learning_rate: 1e-2, router_z_loss: 1e-3,
  validate_every: 10, document_mask: true}}
hardware: {{accelerator: cpu, threads: 1, micro_batch: {micro}}}
"""

TUNE = """\
nivel: 2
name: tuned
level: finetune
seed: 3
model: {path: "run:first"}
method: {type: lora, rank: 4, targets: all-linear}
data: {train: {path: train.jsonl}, test: {path: test.jsonl}}
task: {type: classify, labels: [fruit, metal], input: "{{ text }}\\nKind:"}
train: {epochs: 3, batch: 8, max_length: 64, learning_rate: 1e-2}
hardware: {accelerator: cpu, threads: 1}
"""


def metrics(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").open(encoding="utf-8")]


def test_a_mixture_of_experts_is_trained_in_any_layout_tuned_and_asked(
    project: Path, nivel: Nivel
) -> None:
    for name, micro in (("first", 16), ("second", 4)):
        nivel("run", write(project, f"{name}.yaml", PRETRAIN.format(name=name, micro=micro)))
    folder, other = newest_run(project, "first"), newest_run(project, "second")
    steps, others = ([line for line in metrics(each) if "loss" in line] for each in (folder, other))
    curve = [line["loss"] for line in steps]
    assert curve == pytest.approx([line["loss"] for line in others], rel=2e-3)
    assert curve[-1] < 0.75 * curve[0]
    balances = [line["balance_loss"] for line in steps]
    assert all(1 <= balance < 3 for balance in balances)
    assert balances[:5] == pytest.approx([line["balance_loss"] for line in others[:5]], rel=1e-3)
    assert all(line["expert_least"] < 1 / 8 < line["expert_most"] for line in steps)
    validated = [line["validation_loss"] for line in metrics(folder) if "validation_loss" in line]
    assert len(validated) == 2 and validated[-1] < curve[0]
    model = AutoModelForCausalLM.from_pretrained(folder / "model")
    assert model.config.model_type == "qwen2_moe" and model.config.router_aux_loss_coef == 0.05

    said = nivel("plan", write(project, "tune.yaml", TUNE)).stdout
    nivel("run", "tune.yaml")
    tuned = newest_run(project, "tuned")
    trained = result(tuned)["parameters"]["trained"]
    assert f"{trained:,}, " in said
    ids = AutoTokenizer.from_pretrained(tuned / "model")("the apple", return_tensors="pt").input_ids
    merged = AutoModelForCausalLM.from_pretrained(tuned / "model")
    assert not torch.allclose(merged(ids).logits, model(ids).logits, atol=1e-2)


@pytest.mark.slow
def test_two_processes_train_experts_as_one_and_lora_is_merged_into_them(
    project: Path, nivel: Nivel
) -> None:
    from peft import PeftModel

    text = PRETRAIN.format(name="first", micro=16).replace("qwen2_moe", "olmoe")
    text = text.replace("moe_intermediate_size", "intermediate_size")
    text = text.replace("shared_expert_intermediate_size: 32, ", "")
    assert "shared" not in text
    nivel("run", write(project, "first.yaml", text))
    two = text.replace("micro_batch: 16", "micro_batch: 4, devices: 2").replace("first", "two")
    nivel("run", write(project, "two.yaml", two))
    one, other = (metrics(newest_run(project, name)) for name in ("first", "two"))
    for key in ("loss", "balance_loss"):
        assert [line[key] for line in one if key in line] == pytest.approx(
            [line[key] for line in other if key in line], rel=2e-3
        )
    said = nivel("plan", write(project, "tune.yaml", TUNE)).stdout
    nivel("run", "tune.yaml")
    tuned = newest_run(project, "tuned")
    assert f"{result(tuned)['parameters']['trained']:,}, " in said
    base = AutoModelForCausalLM.from_pretrained(newest_run(project, "first") / "model")
    adapted = PeftModel.from_pretrained(base, str(tuned / "adapter"))
    names = [name for name, _ in adapted.named_parameters() if "experts" in name and "lora" in name]
    assert len(names) == 8  # of two blocks: gate and up, and down, two factors each
    merged = AutoModelForCausalLM.from_pretrained(tuned / "model")
    ids = torch.arange(1, 20)[None]
    assert torch.allclose(merged(ids).logits, adapted(ids).logits, atol=1e-4)

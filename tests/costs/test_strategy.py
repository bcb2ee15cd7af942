"""How several devices share a model: derived from what fits, and what a plan says of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nivel.compiler.api import compile as compile_spec
from nivel.compiler.api import plan as make_plan
from nivel.compiler.check import Checked
from nivel.compiler.costs.estimate import estimate
from nivel.compiler.costs.memory import GIB
from nivel.compiler.overrides import Overrides
from nivel.compiler.plan import FinetunePlan, PretrainPlan

from .large import LARGE, SPEC

PARAMETERS = 1_235_814_400

OWN = """\
nivel: 2
name: own
level: pretrain
model: {architecture: llama, hidden_size: 4096, num_hidden_layers: 32, num_attention_heads: 32,
  num_key_value_heads: 8, intermediate_size: 14336}
data: {text: {path: text.txt}}
tokenizer: {type: byte-bpe, vocab_size: 128000}
train: {tokens: 2147483648, batch: 512, sequence_length: 4096, learning_rate: 3e-4}
hardware: {profile: h100x8, activation_checkpointing: true, micro_batch: 1}
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "large").mkdir()
    (tmp_path / "large" / "config.json").write_text(json.dumps(LARGE), encoding="utf-8")
    (tmp_path / "text.txt").write_text("text\n", encoding="utf-8")
    return tmp_path


def planned(method: str, hardware: str) -> tuple[FinetunePlan, Checked]:
    Path("spec.yaml").write_text(SPEC.format(method=method, hardware=hardware), encoding="utf-8")
    plan, checked = make_plan("spec.yaml")
    assert isinstance(plan, FinetunePlan), checked.diagnostics
    return plan, checked


def own(*sets: str) -> tuple[PretrainPlan, Checked]:
    Path("own.yaml").write_text(OWN, encoding="utf-8")
    plan, checked = make_plan("own.yaml", Overrides(sets))
    assert isinstance(plan, PretrainPlan), checked.diagnostics
    return plan, checked


@pytest.mark.parametrize(
    ("method", "hardware", "strategy"),
    [
        ("full", "{profile: h100, micro_batch: 4}", "auto"),
        ("full", "{profile: h100x4, micro_batch: 4}", "ddp"),
        ("full", "{profile: h100x4, micro_batch: 4, strategy: fsdp}", "fsdp"),
        ("full", "{profile: rtx4090x4, micro_batch: 1}", "fsdp"),
        ("lora", "{profile: rtx4090x4, micro_batch: 1}", "ddp"),
        ("full", "{profile: cuda, devices: 4}", "ddp"),  # whose memory is not known
    ],
)
def test_a_strategy_that_is_not_said_follows_from_what_fits(
    method: str, hardware: str, strategy: str
) -> None:
    assert planned(method, hardware)[0].common.hardware.strategy == strategy


def test_what_cannot_be_in_parts_is_not_put_there_by_itself(project: Path) -> None:
    hardware = "{profile: rtx4090x4, micro_batch: 1, kernels: liger}"
    Path("spec.yaml").write_text(SPEC.format(method="full", hardware=hardware), encoding="utf-8")
    plan, checked = make_plan("spec.yaml")
    assert plan is None and [found.code for found in checked.diagnostics] == ["NV405"]
    assert "fsdp" not in (checked.diagnostics[0].help or "")


def test_parts_add_up_to_the_whole_and_a_block_is_whole_where_it_computes() -> None:
    whole = estimate(*planned("full", "{profile: h100x8, micro_batch: 1, strategy: ddp}")).memory
    parts = estimate(*planned("full", "{profile: h100x8, micro_batch: 1, strategy: fsdp}")).memory
    kept = estimate(
        *planned("full", "{profile: h100x8, micro_batch: 1, strategy: fsdp, sharding: gradients}")
    ).memory
    assert whole is not None and parts is not None and kept is not None
    for name in ("weights", "gradients", "optimizer"):
        assert 8 * getattr(parts, name) == getattr(whole, name)
    assert whole.weights == 4 * PARAMETERS and whole.gathered == 0
    block = (PARAMETERS - 128256 * 2048 - 2048) // 16
    assert kept.gathered - parts.gathered == 2 * block * (16 - 2)  # in bf16; two are there anyway
    assert parts.low < whole.low / 2


def test_slices_are_smaller_than_parts_where_rows_are_computed_together() -> None:
    found = []
    for strategy in ("fsdp", "tensor", "tensor, tensor_parallel: 2"):
        hardware = f"{{profile: h100x8, micro_batch: 4, strategy: {strategy}}}"
        plan, checked = planned("full", hardware)
        found.append((plan, estimate(plan, checked)))
    (_, parts), (whole, slices), (pairs, both) = found
    assert parts.memory and slices.memory and both.memory and slices.disk
    # a group of eight takes all rows, 4 at a time; groups of two take a fourth each
    assert (whole.batch.devices, pairs.batch.devices) == (1, 4)
    assert whole.batch.accumulation == 4 * pairs.batch.accumulation
    # an eighth of all but the norms, which every device of a group has
    norms = 4 * 2048 * (2 * 16 + 1)
    assert slices.memory.weights == (4 * PARAMETERS - norms) // 8 + norms
    assert abs(both.memory.weights - parts.memory.weights) < norms
    assert slices.memory.activations < both.memory.activations < parts.memory.activations
    assert slices.memory.gathered < both.memory.gathered < parts.memory.gathered
    assert slices.disk.parts == 8


def test_many_machines_are_counted_whole() -> None:
    few, checked = own("hardware.strategy=fsdp")
    many, rechecked = own("hardware.strategy=fsdp", "hardware.nodes=32")
    assert few.batch.devices == 8 and few.batch.accumulation == 64
    assert many.batch.devices == 256 and many.batch.accumulation == 2
    assert few.steps == many.steps and few.optimizer == many.optimizer
    one, other = estimate(few, checked), estimate(many, rechecked)
    assert one.memory is not None and other.memory is not None
    assert one.memory.optimizer == pytest.approx(32 * other.memory.optimizer, rel=1e-6)
    assert one.price is not None and other.price is not None
    assert one.price.seconds_low == pytest.approx(32 * (other.price.seconds_low or 0))
    assert one.disk is not None and other.disk is not None
    assert one.disk.checkpoint == other.disk.checkpoint == 12 * few.parameters
    assert (one.disk.parts, other.disk.parts) == (8, 256)
    hybrid, more = own("hardware.strategy=fsdp", "hardware.sharding=hybrid", "hardware.nodes=32")
    copies = estimate(hybrid, more)
    assert copies.memory is not None and copies.memory.optimizer == one.memory.optimizer


def test_eight_billion_parameters_fit_eight_gpus_in_parts_alone() -> None:
    plan, checked = own()
    needed = estimate(plan, checked).memory
    assert plan.common.hardware.strategy == "fsdp" and needed is not None
    assert needed.high < 80 * GIB
    assert plan.common.hardware.whole_on == "cuda"  # 30 GiB in fp32, beside its parts


def test_a_model_that_no_device_holds_whole_is_asked_on_the_cpu(project: Path) -> None:
    (project / "hardware.yaml").write_text("mid: {memory_gib: 24}\n", encoding="utf-8")
    own()
    sets = ("hardware.profile=midx16", "hardware.nodes=4", "train.batch=512")
    program, _ = compile_spec("own.yaml", Overrides(sets))
    assert program is not None
    text = program.files[0].text
    assert "strategy=Sharded()" in text and 'device="cpu"' in text and "nodes=4" in text
    assert "DEVICES = 64" in text and "gather(model)" in text


def test_hybrid_and_offload_reach_the_program() -> None:
    sets = ("hardware.strategy=fsdp", "hardware.sharding=hybrid", "hardware.nodes=2",
            "hardware.offload=true")  # fmt: skip
    own()
    program, _ = compile_spec("own.yaml", Overrides(sets))
    assert program is not None
    text = program.files[0].text
    assert text.count('level="hybrid"') == 2 and text.count("offload=True") == 2

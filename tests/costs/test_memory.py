"""What a backward pass keeps, by the closed form and by torch's own account of saved tensors."""

from __future__ import annotations

import contextlib
from typing import Any

import peft
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from nivel.compiler.costs import activations
from nivel.compiler.costs.activations import SHORT, block_bytes, outside_bytes, width_of
from nivel.compiler.costs.adapters import tuned
from nivel.compiler.costs.families import read_shape
from nivel.compiler.costs.memory import Setting, memory
from nivel.compiler.spec import MethodSpec
from nivel.runtime.models.experts import group_experts
from nivel.runtime.training import LabelledRows, head, token_nll

WIDE = {"vocab_size": 256, "hidden_size": 192, "intermediate_size": 512, "num_hidden_layers": 3,
        "num_attention_heads": 6, "num_key_value_heads": 2}  # fmt: skip
SIZES: dict[str, dict[str, Any]] = {
    "llama": WIDE,
    "qwen3": {**WIDE, "head_dim": 32},
    "gemma3_text": {**WIDE, "head_dim": 32},
    "olmo2": WIDE,
    "olmoe": {**WIDE, "intermediate_size": 256, "num_experts": 8, "num_experts_per_tok": 2,
              "pad_token_id": 0},
    "qwen2_moe": {**WIDE, "num_experts": 8, "num_experts_per_tok": 3,
                  "moe_intermediate_size": 128, "shared_expert_intermediate_size": 256},
    "phi": WIDE,
    "phi3": {**WIDE, "pad_token_id": 0},
    "gpt_neox": WIDE,
    "gpt2": {"n_embd": 192, "n_layer": 3, "n_head": 6, "vocab_size": 256, "resid_pdrop": 0.0,
             "attn_pdrop": 0.0, "embd_pdrop": 0.0},
}  # fmt: skip

ROWS, LENGTH = 4, 128


def saved_bytes(model: Any, bf16: bool) -> int:
    """Bytes that the loss of one micro-batch keeps, apart from the model's own parameters."""
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    seen: dict[int, int] = {}
    alive = []  # or another tensor may come to lie in the same place

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            alive.append(tensor)
            seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    ids = torch.randint(5, 256, (ROWS, LENGTH)).tolist()
    labels = [[-100] * (LENGTH - 3) + row[-3:] for row in ids]
    batch = LabelledRows(ids, labels, 0).collate(list(range(ROWS)))
    short = torch.autocast("cpu", dtype=torch.bfloat16) if bf16 else contextlib.nullcontext()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), short:
        token_nll(model, batch)
    return sum(seen.values())


@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("adapter", [False, True])
@pytest.mark.parametrize("family", SIZES)
def test_activations_are_within_a_tenth_of_what_torch_saves(
    family: str, adapter: bool, bf16: bool
) -> None:
    torch.manual_seed(0)
    model: Any = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **SIZES[family]))
    group_experts(model)
    method = MethodSpec("full", {})
    if adapter:
        method = MethodSpec("lora", {"rank": 4, "targets": "all-linear"})
        said = peft.LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
        model = model.to(torch.bfloat16 if bf16 else torch.float32)
        model = peft.get_peft_model(model, said)
    shape = read_shape({"model_type": family, **SIZES[family]})
    how = tuned(shape, method)
    width = width_of(bf16, how.frozen)
    token = shape.layers * block_bytes(shape, how, width, 0) + outside_bytes(shape, how, width)
    ours = ROWS * LENGTH * token
    if (
        not adapter
    ):  # the gradient of the head, and the weights in bf16, which are parts of their own
        ours += 4 * shape.head_matrix
        ours += SHORT * (shape.matrices - shape.head_matrix) if bf16 else 0
    ours += activations.experts_bytes(shape, how, width)
    assert ours == pytest.approx(saved_bytes(model.train(), bf16), rel=0.1)


def test_pieces_of_logits_are_those_of_the_runtime() -> None:
    assert activations.LOGITS_AT_ONCE == head.LOGITS_AT_ONCE


def test_states_are_those_of_adamw_in_fp32() -> None:
    shape = read_shape({"model_type": "llama", **WIDE})
    setting = Setting("cuda", 1, True, 1, 8, 1, False)
    full = memory(shape, tuned(shape, MethodSpec("full", {})), setting)
    assert full.weights == full.gradients == 4 * shape.total
    assert full.optimizer == 8 * shape.total
    how = tuned(shape, MethodSpec("lora", {"rank": 4, "targets": "all-linear"}))
    lora = memory(shape, how, setting)
    assert lora.weights == 2 * shape.total + 4 * how.added
    assert (lora.gradients, lora.optimizer) == (4 * how.trained, 8 * how.trained)


def test_more_rows_more_memory_and_more_devices_a_bucket() -> None:
    shape = read_shape({"model_type": "llama", **WIDE})
    how = tuned(shape, MethodSpec("full", {}))
    one = memory(shape, how, Setting("cuda", 1, True, 1, 64, 64, False))
    two = memory(shape, how, Setting("cuda", 1, True, 2, 64, 64, False))
    assert two.activations == 2 * one.activations and two.weights == one.weights
    many = memory(shape, how, Setting("cuda", 8, True, 1, 64, 64, False))
    assert many.copies - one.copies == 4 * shape.total


def test_merging_an_adapter_on_a_cpu_can_be_the_fullest_moment() -> None:
    shape = read_shape({"model_type": "llama", **WIDE})
    how = tuned(shape, MethodSpec("lora", {"rank": 4, "targets": "all-linear"}))
    small = memory(shape, how, Setting("cpu", 1, True, 1, 8, 1, False))
    assert small.moment == "saving" and small.copies == 4 * how.total
    large = memory(shape, how, Setting("cpu", 1, True, 64, 512, 1, False))
    assert large.moment == "training"

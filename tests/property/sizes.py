"""A drawn model of level pretrain, brought to the sizes of one of the three ways to say them."""

from __future__ import annotations

import math
from typing import Any

from nivel.compiler.experts import KEYS
from nivel.compiler.sizes import ARCHITECTURES, SIZES, needed, presets

Spec = dict[str, Any]


def settle_sizes(model: Spec, train: Spec) -> None:
    """Keep a preset, else a budget, else sizes that fit together; give training what it needs."""
    if "preset" in model:
        _drop(model, "architecture", "budget", *SIZES)
    elif "budget" in model:
        model.setdefault("architecture", "llama")
        model["budget"] = {"flops": 1e18}
        _drop(model, *SIZES, *KEYS)
        _drop(train, "tokens", "router_z_loss")
        if ARCHITECTURES[model["architecture"]].experts is not None:
            model["architecture"] = "llama"
        train.setdefault("learning_rate", 1e-3)  # which is not every optimizer's
        return
    else:
        _settle_numbers(model)
    for key, value in (("tokens", 1), ("batch", 1), ("learning_rate", 1e-3)):
        train.setdefault(key, value)


def _settle_numbers(model: Spec) -> None:
    family = ARCHITECTURES[model.setdefault("architecture", "llama")]
    for key in needed(model["architecture"]):
        model.setdefault(key, 8)
    heads = 2 ** (model["num_attention_heads"] % 4)
    model["num_attention_heads"] = heads
    model["hidden_size"] = 2 * heads * (8 + model["hidden_size"] % 32)
    model["num_hidden_layers"] = 1 + model["num_hidden_layers"] % 8
    if family.experts is None or not family.experts.own_width:
        model["intermediate_size"] = 16 + model["intermediate_size"]
    else:
        _drop(model, "intermediate_size")
    _drop(model, *(key for key in KEYS if family.experts is None or not family.experts.has(key)))
    if family.experts is not None:
        model["num_experts_per_tok"] = min(model["num_experts"], model["num_experts_per_tok"])
    has = {"num_key_value_heads": family.grouped, "head_dim": family.head_dim,
           "rope_theta": family.rotary}  # fmt: skip
    _drop(model, *(key for key, there in has.items() if not there))
    if "num_key_value_heads" in model:
        model["num_key_value_heads"] = math.gcd(heads, model["num_key_value_heads"])
    if "head_dim" in model:
        model["head_dim"] = 2 + 2 * (model["head_dim"] % 64)


def settle_mixture(spec: Spec) -> None:
    """Leave out what does not go with experts, and what goes with nothing else."""
    model, train, machine = spec["model"], spec["train"], spec.get("hardware")
    named = model.get("architecture") or presets()[model["preset"]]["sizes"]["architecture"]
    if ARCHITECTURES[named].experts is None:
        _drop(train, "router_z_loss")
        _drop(model, "router_aux_loss_coef")
        return
    if train.get("optimizer", {}).get("type") == "muon":
        train["optimizer"] = {"type": "adamw"}
    if isinstance(machine, dict):
        _drop(machine, "compile", "kernels")


def _drop(section: Spec, *keys: str) -> None:
    for key in keys:
        section.pop(key, None)

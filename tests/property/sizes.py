"""A drawn model of level pretrain, brought to the sizes of one of the three ways to say them."""

from __future__ import annotations

import math
from typing import Any

from nivel.compiler.sizes import ARCHITECTURES, NEEDED, SIZES

Spec = dict[str, Any]


def settle_sizes(model: Spec, train: Spec) -> None:
    """Keep a preset, else a budget, else sizes that fit together; give training what it needs."""
    if "preset" in model:
        _drop(model, "architecture", "budget", *SIZES)
    elif "budget" in model:
        model.setdefault("architecture", "llama")
        model["budget"] = {"flops": 1e18}
        _drop(model, *SIZES)
        _drop(train, "tokens")
        train.setdefault("learning_rate", 1e-3)  # which is not every optimizer's
        return
    else:
        _settle_numbers(model)
    for key, value in (("tokens", 1), ("batch", 1), ("learning_rate", 1e-3)):
        train.setdefault(key, value)


def _settle_numbers(model: Spec) -> None:
    for key in NEEDED:
        model.setdefault(key, 8)
    family = ARCHITECTURES[model.setdefault("architecture", "llama")]
    heads = 2 ** (model["num_attention_heads"] % 4)
    model["num_attention_heads"] = heads
    model["hidden_size"] = 2 * heads * (8 + model["hidden_size"] % 32)
    model["num_hidden_layers"] = 1 + model["num_hidden_layers"] % 8
    model["intermediate_size"] = 16 + model["intermediate_size"]
    has = {"num_key_value_heads": family.grouped, "head_dim": family.head_dim,
           "rope_theta": family.rotary}  # fmt: skip
    _drop(model, *(key for key, there in has.items() if not there))
    if "num_key_value_heads" in model:
        model["num_key_value_heads"] = math.gcd(heads, model["num_key_value_heads"])
    if "head_dim" in model:
        model["head_dim"] = 2 + 2 * (model["head_dim"] % 64)


def _drop(section: Spec, *keys: str) -> None:
    for key in keys:
        section.pop(key, None)

"""How much of a GPU's rate a training uses: MFU (Chowdhery et al., arXiv:2204.02311, app. B)."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

import torch
from torch import nn


def flops_per_token(model: nn.Module, length: int) -> float | None:
    """Return the operations of training on one token of a row of `length`.

    None where parameters are neither matrices nor experts, of which a token meets but some.

    6 for each number of a matrix that is trained, 4 of one that is frozen (no gradient of its own),
    none for looking up an embedding; attention 12 x layers x width of the heads x length. What is
    computed again on the way back does not count.
    """
    counted = {
        id(p): (6 if p.requires_grad else 4) * p.numel()
        for part in model.modules()
        if not isinstance(part, nn.Embedding)
        for p in part.parameters(recurse=False)
        if p.dim() == 2
    }
    config = getattr(model, "config", None)
    chosen = getattr(config, "num_experts_per_tok", 0) or 0
    for p in model.parameters():
        if p.dim() > 3 or (p.dim() == 3 and not chosen):
            return None
        if p.dim() == 3:
            counted[id(p)] = (6 if p.requires_grad else 4) * p[0].numel() * chosen
    return float(sum(counted.values())) + _attention(config, length)


def _attention(config: Any, length: int) -> float:
    layers = getattr(config, "num_hidden_layers", 0)
    heads = getattr(config, "num_attention_heads", 0)
    hidden = getattr(config, "hidden_size", 0)
    size = getattr(config, "head_dim", None) or hidden // max(1, heads)
    return 12.0 * layers * heads * size * length


def peak_flops(device: torch.device, precision: str) -> float | None:
    """Return the dense bf16 rate of a GPU in operations a second; None where it is not known.

    Args:
        precision: Lightning's name; other numbers than bf16 have another rate.
    """
    if device.type != "cuda" or not precision.startswith("bf16"):
        return None
    return rate_of(torch.cuda.get_device_name(device))


@cache
def rate_of(name: str) -> float | None:
    """Return the rate of the device whose driver calls it `name`, from the project's catalog."""
    catalog = files("nivel.schemas").joinpath("devices.json").read_text(encoding="utf-8")
    squeezed = name.lower().replace(" ", "")
    for key, known in json.loads(catalog)["devices"].items():
        if key.partition("-")[0] in squeezed and "pcie" not in squeezed:
            rate = known["bf16_tflops"]
            return None if rate is None else float(rate) * 1e12
    return None

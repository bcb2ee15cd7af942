"""Experts computed together, in the type that the rest of the model is computed in.

Transformers sorts tokens by their experts and multiplies each group with the weights of its own.
Autocast does not know that product, so in bf16 training the largest matrices of a model would be
multiplied in fp32. Here they are cast first, as autocast casts those of linear layers.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers.integrations.moe import ALL_EXPERTS_FUNCTIONS

from .quiet import quiet

__all__ = ["group_experts"]

GROUPED = "nivel_grouped"
"""Name of the computation of this file among those of Transformers."""

_WEIGHTS = ("gate_up_proj", "up_proj", "down_proj")


class _Cast:
    """Experts with their weights in another type, and all else of them as it is."""

    def __init__(self, experts: nn.Module, dtype: torch.dtype) -> None:
        self._experts = experts
        for name in _WEIGHTS:
            weight = getattr(experts, name, None)
            if isinstance(weight, Tensor):
                setattr(self, name, weight.to(dtype))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._experts, name)


def _grouped(experts: Any, hidden: Tensor, chosen: Tensor, scores: Tensor) -> Tensor:
    """Experts in the form that Transformers calls: hidden states (tokens, width)."""
    kind = hidden.device.type
    if torch.is_autocast_enabled(kind):
        experts = _Cast(experts, torch.get_autocast_dtype(kind))
    out: Tensor = ALL_EXPERTS_FUNCTIONS["grouped_mm"](experts, hidden, chosen, scores)
    return out


ALL_EXPERTS_FUNCTIONS.register(GROUPED, _grouped)


def group_experts(model: Any) -> None:
    """Have a model compute its experts so, where it has any; what is saved does not say it."""
    if (
        getattr(model.config, "num_experts_per_tok", None)
        and model._can_set_experts_implementation()
    ):
        with quiet():
            model.set_experts_implementation(GROUPED)

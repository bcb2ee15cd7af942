"""What the optimizer is given."""

from __future__ import annotations

from typing import Any

import torch


def parameter_groups(model: torch.nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """The trained parameters in two groups: matrices with weight decay, vectors without.

    Norm gains and biases are not decayed, as in GPT-3's recipe (arXiv:2005.14165, appendix B) and
    nearly all since.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    matrices = [p for p in trained if p.dim() >= 2]
    vectors = [p for p in trained if p.dim() < 2]
    groups: list[dict[str, Any]] = [{"params": matrices, "weight_decay": weight_decay}]
    if vectors:
        groups.append({"params": vectors, "weight_decay": 0.0})
    return groups


def loraplus_groups(
    model: Any, weight_decay: float, learning_rate: float, ratio: float
) -> list[dict[str, Any]]:
    """The groups of LoRA+ (arXiv:2402.12354), as peft makes them.

    B matrices and vectors learn `ratio` times faster than A matrices; adapters of embeddings have
    peft's own rate.
    """
    from peft.optimizers import create_loraplus_optimizer

    made = create_loraplus_optimizer(
        model,
        torch.optim.SGD,  # only its groups are taken
        lr=learning_rate,
        loraplus_lr_ratio=ratio,
        loraplus_weight_decay=weight_decay,
    )
    kept = ("params", "lr", "weight_decay")
    return [{key: group[key] for key in kept} for group in made.param_groups if group["params"]]

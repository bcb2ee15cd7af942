"""Reward models: a number for an answer, learned from pairs of a better and a worse one."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn.functional import logsigmoid

__all__ = ["pair_rewards", "reward_loss"]


def pair_rewards(model: Any, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return the rewards of the chosen and of the rejected answers in fp32, each (pairs,).

    Args:
        model: with a head of one output, that of `AutoModelForSequenceClassification`.
        batch: of `PairRows`; both answers go through in one pass.
    """
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    rewards: Tensor = model(**inputs).logits.float().flatten()
    chosen, rejected = rewards.chunk(2)
    return chosen, rejected


def reward_loss(
    chosen: Tensor, rejected: Tensor, margins: Tensor | None = None, *, centering: float = 0.0
) -> Tensor:
    """Return the loss of each pair, (pairs,): how unlikely it is that the chosen answer wins.

    The likelihood is that of Bradley and Terry (Biometrika 39, 1952), as InstructGPT has it
    (arXiv:2203.02155, equation 1).

    Args:
        margins: by how much the chosen answer of each pair has to win (Llama 2, arXiv:2307.09288,
            equation 2).
        centering: weight of the squared sum of a pair's rewards, which draws their mean to 0
            (arXiv:2312.09244, equation 2).
    """
    ahead = chosen - rejected
    losses = -logsigmoid(ahead if margins is None else ahead - margins)
    return losses + centering * (chosen + rejected) ** 2 if centering else losses

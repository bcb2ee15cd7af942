"""The losses of routers, which choose experts for each token, beside the loss of the words.

A router that is left alone gives a few experts all the tokens. The balance loss of a sequence of T
tokens and N experts, k of them for each token, is the sum over experts of f P, where f is N / (k T)
times the tokens that chose the expert and P the mean of its softmax scores (DeepSeek-V3,
arXiv:2412.19437, equations 17 to 20): 1 where all are even. It is taken of each sequence by itself
and meaned by the tokens of the optimizer step, as the loss of the words is; so what a step learns
from does not depend on which sequences were computed together. That of a whole micro-batch, as
Transformers has it, does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning import Trainer
from torch import Tensor, nn

from ..errors import ModelError
from .batches import IGNORED
from .loss import token_loss

Routed = dict[nn.Module, tuple[Tensor, Tensor]]
"""Of each router, in the order of the blocks: logits (tokens, experts) and the experts chosen
(tokens, k)."""


def routed_loss(
    model: nn.Module,
    batch: dict[str, Tensor],
    *,
    sequence_length: int,
    balance: float,
    router_z: float = 0.0,
    z_loss: float = 0.0,
) -> tuple[Tensor, dict[str, Tensor]]:
    """`token_loss` with the losses of the routers, divided by the step's tokens.

    Returns the loss and what is recorded: `nll`, without any of the others; `balance`, this
    micro-batch's share of its mean; and `load`, (blocks, experts), how often each was chosen.

    Args:
        batch: as in `token_nll`, with `step_tokens`; its rows are whole sequences, side by side
            where their documents are kept apart.
        sequence_length: tokens of a sequence.
        balance: weight of the balance loss.
        router_z: weight of the squared log of the normaliser of the routers' softmax, a mean over
            tokens and blocks (Zoph et al., arXiv:2202.08906, section 2.2).
    """
    with routers_watched(model) as routed:
        loss, nll = token_loss(model, batch, z_loss=z_loss)
    weights = sequence_weights(batch["labels"], sequence_length)
    found = [_of_router(*each, len(weights)) for each in routed.values()]
    uneven, squares, load = (torch.stack(parts) for parts in zip(*found, strict=True))
    tokens = batch["step_tokens"]
    mean = (weights * uneven.mean(0)).sum()
    loss = loss + balance * mean
    if router_z:
        loss = loss + router_z * (weights * squares.mean(0)).sum()
    counted = (load * (weights > 0)[None, :, None]).sum(1)
    recorded = {"nll": nll / tokens, "balance": mean.detach() / tokens, "load": counted}
    return loss / tokens, recorded


def sequence_weights(labels: Tensor, sequence_length: int) -> Tensor:
    """Return how many tokens of each sequence are learned, (sequences,): 0 of one that fills up.

    Args:
        labels: (rows, length), or (1, all) of sequences side by side.
    """
    length = min(sequence_length, labels.numel())
    return (labels.reshape(-1, length)[:, 1:] != IGNORED).sum(1)


def _of_router(logits: Tensor, chosen: Tensor, sequences: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return balance loss and squared log of the normaliser of each sequence, (sequences,), and
    how often it chose each expert, (sequences, experts)."""
    logits = logits.float().reshape(sequences, -1, logits.shape[-1])
    experts, count = logits.shape[-1], chosen.numel() // sequences
    places = chosen.reshape(sequences, count)
    load = logits.new_zeros(sequences, experts)
    load = load.scatter_add_(1, places, torch.ones_like(places, dtype=load.dtype))
    uneven = (load * (experts / count) * logits.softmax(-1).mean(1)).sum(1)
    return uneven, logits.logsumexp(-1).square().mean(1), load


@contextmanager
def routers_watched(model: nn.Module) -> Iterator[Routed]:
    """Collect what the routers of a model say while it is called; the last call counts."""
    routed: Routed = {}

    def keep(router: nn.Module, inputs: Any, output: tuple[Tensor, Tensor, Tensor]) -> None:
        routed[router] = output[0], output[2]

    hooks = [router.register_forward_hook(keep) for router in routers_of(model)]
    try:
        yield routed
    finally:
        for hook in hooks:
            hook.remove()


def routers_of(model: nn.Module) -> list[nn.Module]:
    """Return the routers of a model of Transformers, block after block.

    Raises:
        ModelError: it has none.
    """
    found = [m.gate for m in model.modules() if hasattr(m, "gate") and hasattr(m, "experts")]
    if not found:
        raise ModelError(f"{type(model).__name__} has no routers that choose experts")
    return [router for router in found if isinstance(router, nn.Module)]


class ExpertLoad:
    """Sums up over an optimizer step what `routed_loss` gives to be recorded."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Forget what was taken in: of a step that came to no end, or to its end."""
        self._balance: Tensor | float = 0.0
        self._load: Tensor | float = 0.0

    def add(self, recorded: dict[str, Tensor]) -> None:
        """Take in a micro-batch."""
        self._balance = self._balance + recorded["balance"]
        self._load = self._load + recorded["load"]

    def values(self, trainer: Trainer) -> dict[str, float | None]:
        """Return what a step is recorded with, over all processes, and begin anew.

        `balance_loss` is 1 where experts are even; `expert_most` and `expert_least` are the shares
        of a block's tokens that its most and its least used expert has, over all blocks.
        """
        balance, load = (
            torch.as_tensor(trainer.strategy.reduce(torch.as_tensor(each), reduce_op="sum"))
            for each in (self._balance, self._load)
        )
        self.begin()
        share = load / load.sum(-1, keepdim=True)
        most, least = float(share.max()), float(share.min())
        return {"balance_loss": float(balance), "expert_most": most, "expert_least": least}

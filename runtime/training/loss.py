"""The loss, summed over tokens so that it can be normalised over a whole optimizer step."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from .batches import IGNORED
from .documents import as_mask
from .head import ends_plainly, summed_loss, watching, z_penalty


def token_nll(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """Negative log-likelihood in nats, summed over the trained tokens of one micro-batch.

    Logits exist only for the positions that predict a trained token, a piece of them at a time;
    the softmax is taken in fp32 whatever the model computes in.

    Args:
        model: a causal language model of Transformers, with or without a peft adapter.
        batch: ``input_ids`` and ``labels`` (rows, length), -100 where nothing is trained. Padding
            stands on the right, where no trained token sees it, so no mask is given to the model.
            With ``documents`` the sequence holds several rows, each of which sees itself alone.
    """
    return token_loss(model, batch, z_loss=0.0)[0]


def token_loss(
    model: nn.Module, batch: dict[str, Tensor], *, z_loss: float
) -> tuple[Tensor, Tensor]:
    """What is trained on, and `token_nll` without a gradient, both summed over trained tokens.

    Args:
        z_loss: weight of the squared log of the softmax's normaliser, which keeps logits from
            drifting (Chowdhery et al., arXiv:2204.02311, section 5).
    """
    head = _head(model)
    wanted = batch["labels"][:, 1:]
    trained = wanted != IGNORED
    targets = wanted[trained]
    whole = bool(len(targets)) and not ends_plainly(model, head)
    caught: list[Tensor] = []

    def catch(hidden: Tensor) -> Tensor:
        """Keep the states that predict a trained token; the model goes on with as few as it may."""
        caught.append(hidden[:, :-1][trained])
        # of one row alone: torch multiplies a slice of several by a copy of the weight for each
        return caught[0][None] if whole else hidden[:1, :1]

    names = [name for name in ("input_ids", "position_ids") if name in batch]
    inputs: dict[str, Tensor] = {name: batch[name] for name in names}
    if "documents" in batch:
        inputs |= as_mask(model, batch["documents"])
    with watching(head, catch):
        # use_cache=False: with a cache, Transformers would not take these as plain training rows
        logits = model(**inputs, use_cache=False).logits
    if whole:
        nll: Tensor = cross_entropy(logits[0].float(), targets, reduction="sum")
        return (nll + z_penalty(logits[0], z_loss) if z_loss else nll), nll.detach()
    if not len(targets):  # a zero that reaches every parameter
        zero = logits.float().sum() * 0.0
        return zero, zero.detach()
    return summed_loss(head, caught[0], targets, z_loss)


def _head(model: Any) -> nn.Module:
    """Return the layer that makes logits of hidden states."""
    head: nn.Module = model.get_output_embeddings()
    return head

"""The loss, summed over tokens so that it can be normalised over a whole optimizer step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from .batches import IGNORED


@contextmanager
def contiguous_head(model: torch.nn.Module) -> Iterator[None]:
    """Give the output layer contiguous hidden states.

    The kept tail is a slice, and torch multiplies a slice of a batch by copying the whole weight
    once per row: 40% of a LoRA step of a 135M model on a CPU.
    """
    find: Any = getattr(model, "get_output_embeddings", None)
    head = find() if find else None
    if head is None:
        yield
        return
    hook = head.register_forward_pre_hook(lambda layer, inputs: (inputs[0].contiguous(),))
    try:
        yield
    finally:
        hook.remove()


def token_nll(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Negative log-likelihood in nats, summed over the trained tokens of one micro-batch.

    Logits exist only for the tail of the sequences that holds trained tokens, and the softmax is
    taken in fp32 whatever the model computes in.

    Args:
        model: a causal language model of Transformers, with or without a peft adapter.
        batch: ``input_ids`` and ``labels`` (rows, length), -100 where nothing is trained; with
            ``attention_mask`` and ``position_ids`` where rows are padded.
    """
    labels = batch["labels"]
    trained = (labels[:, 1:] != IGNORED).any(0)
    # the position that predicts the first trained token, counted from the end
    keep = int(trained.shape[0] - trained.long().argmax()) + 1 if trained.any() else 1
    inputs = {
        name: batch[name]
        for name in ("input_ids", "attention_mask", "position_ids")
        if name in batch
    }
    with contiguous_head(model):
        # use_cache=False: with a cache, Transformers would not take these as plain training rows
        logits = model(**inputs, use_cache=False, logits_to_keep=keep).logits
    predicted, wanted = logits[:, :-1], labels[:, 1:][:, labels.shape[1] - keep :]
    if predicted.shape[1] == 0:  # nothing to train: a zero that still reaches every parameter
        nothing: torch.Tensor = logits.float().sum() * 0.0
        return nothing
    loss: torch.Tensor = cross_entropy(
        predicted.float().flatten(0, 1), wanted.flatten(), ignore_index=IGNORED, reduction="sum"
    )
    return loss

"""How well a model predicts text of which each document sees itself alone, as it was trained."""

from __future__ import annotations

import math
from typing import Any

import torch

from .data import Tokens
from .training import TokenRows, token_nll
from .training.documents import kept_apart

__all__ = ["masked_bits_per_byte"]

ROWS = 8  # sequences joined for one pass


def masked_bits_per_byte(model: Any, store: Tokens, document_end: int) -> float:
    """Return bits per byte of a token store, as `bits_per_byte` does without masks.

    The mean over the tokens that are predicted, in bits, times the store's tokens per byte; the
    first token of a document is predicted from nothing, and left out.
    """
    rows = TokenRows(store, document_end)
    device = next(model.parameters()).device
    total, predicted = 0.0, 0
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode(), kept_apart(model, device.type):
            for start in range(0, len(rows), ROWS):
                some = range(start, min(start + ROWS, len(rows)))
                batch = {name: part.to(device) for name, part in rows.collate(some).items()}
                total += float(token_nll(model, batch))
                predicted += sum(rows.trained_tokens(index) for index in some)
    finally:
        model.train(was_training)
    return total / predicted / math.log(2.0) * store.num_tokens / store.num_bytes

"""How the hidden states of a text become one vector."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["POOLINGS", "pool"]

POOLINGS = {
    "mean": "pooling_mode_mean_tokens",
    "cls": "pooling_mode_cls_token",
    "last": "pooling_mode_lasttoken",
}
"""Ways to pool, with the names of sentence-transformers."""


def pool(hidden: Tensor, mask: Tensor, how: str) -> Tensor:
    """Return unit vectors in fp32, shape (rows, width), of hidden states (rows, length, width).

    Args:
        mask: 1 for tokens, 0 for padding on the right, shape (rows, length).
        how: `mean` of all tokens, `cls` the first one, or `last` the last one.
    """
    hidden, lengths = hidden.float(), mask.sum(1)
    if how == "mean":
        pooled = (hidden * mask.unsqueeze(-1)).sum(1) / lengths.unsqueeze(-1)
    else:
        place = torch.zeros_like(lengths) if how == "cls" else lengths - 1
        pooled = hidden[torch.arange(len(hidden), device=hidden.device), place]
    return torch.nn.functional.normalize(pooled, dim=1)

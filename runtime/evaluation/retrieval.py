"""How well vectors find what belongs together: the rank of each row's positive among all texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..scoring.statistics import interval_of_mean

__all__ = ["RETRIEVAL", "measure_retrieval", "ranks_of", "scores_of"]

RETRIEVAL = {"recall_at_1": 1, "recall_at_5": 5, "recall_at_10": 10, "mrr": 0}
"""Measure -> how far down it looks; the mean reciprocal rank looks at all."""


def ranks_of(anchors: Tensor, candidates: Tensor, right: Sequence[int]) -> list[int]:
    """Return the rank of each anchor's right candidate by cosine, 1 for the nearest.

    Others that are as near come first: a model that gives all texts one vector finds nothing.

    Args:
        anchors, candidates: unit vectors, shapes (rows, width) and (candidates, width).
        right: places in `candidates`.
    """
    scores = anchors @ candidates.T
    own = scores[torch.arange(len(right)), list(right)]
    return (scores >= own[:, None]).sum(1).tolist()


def scores_of(rank: int, names: Sequence[str]) -> dict[str, float]:
    """Return what a row at a rank adds to each measure: a share from 0 to 1."""
    return {
        name: float(rank <= RETRIEVAL[name]) if RETRIEVAL[name] else 1.0 / rank for name in names
    }


def measure_retrieval(
    names: Sequence[str], ranks: Sequence[int], confidence: float, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Compute each named measure: {name: {value, low, high, n}}; rows are what was sampled.

    Raises:
        KeyError: a name is not in `RETRIEVAL`.
    """
    scores = [scores_of(rank, names) for rank in ranks]
    return {
        name: interval_of_mean([[one[name]] for one in scores], confidence, seed) for name in names
    }

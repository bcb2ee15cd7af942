"""How well vectors find what belongs together: the rank of each row's positive among all texts."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from typing import Any

import torch
from torch import Tensor

from ..scoring.statistics import interval_of_mean

__all__ = ["RETRIEVAL", "Found", "measure_retrieval", "search", "scores_of"]

AT_ONCE = 512
"""Anchors whose cosines with all candidates exist at a time."""


def _within(depth: int) -> Callable[[int], float]:
    return lambda rank: float(rank <= depth)


def _ndcg_at_10(rank: int) -> float:
    """With one right text the ideal gain is 1, so what is left is the discount of its rank
    (Järvelin and Kekäläinen, ACM TOIS 20(4), 2002; base 2 as trec_eval has it)."""
    return 1.0 / math.log2(1 + rank) if rank <= 10 else 0.0


RETRIEVAL: dict[str, Callable[[int], float]] = {
    "recall_at_1": _within(1),
    "recall_at_5": _within(5),
    "recall_at_10": _within(10),
    "mrr": lambda rank: 1.0 / rank,
    "ndcg_at_10": _ndcg_at_10,
}
"""Measure -> what a row adds to it whose positive has a rank, from 0 to 1."""

Found = tuple[int, int, float]
"""Of one anchor: the rank of its positive, and the place and cosine of the nearest candidate."""


def search(
    anchors: Tensor,
    candidates: Tensor,
    right: Sequence[int],
    also: Sequence[Collection[int]] | None = None,
) -> list[Found]:
    """Return what each anchor finds by cosine; the nearest candidate has rank 1.

    Others that are as near come first: a model that gives all texts one vector finds nothing.

    Args:
        anchors, candidates: unit vectors, shapes (rows, width) and (candidates, width).
        right: of each anchor the place of its positive in `candidates`.
        also: of each anchor the places of other right ones, which are left out of its search.
    """
    found: list[Found] = []
    for start in range(0, len(anchors), AT_ONCE):
        scores = anchors[start : start + AT_ONCE] @ candidates.T
        places = list(right[start : start + len(scores)])
        for line, own in enumerate(places):
            others = [one for one in (also[start + line] if also else ()) if one != own]
            scores[line, others] = -math.inf
        mine = scores[torch.arange(len(places)), places]
        ranks = (scores >= mine[:, None]).sum(1).tolist()
        near = scores.max(dim=1)
        found += zip(ranks, near.indices.tolist(), near.values.tolist(), strict=True)
    return found


def scores_of(rank: int, names: Sequence[str]) -> dict[str, float]:
    """Return what a row at a rank adds to each measure: a share from 0 to 1."""
    return {name: RETRIEVAL[name](rank) for name in names}


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

"""Labels of words: how many are right, and how many whole entities.

Entities are read as IOB2 by the rules of CoNLL's `conlleval`: B-X begins one, I-X goes on with it,
and an I-X after anything but B-X or I-X begins one too. An entity is right where its first word,
its last word and its kind are (Tjong Kim Sang and De Meulder, CoNLL 2003).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .intervals import percentile_interval
from .metrics import RESAMPLES

__all__ = ["TAGGING", "entities", "measure_tags"]

TAGGING = ("token_accuracy", "entity_f1")

Entity = tuple[int, int, str]
"""First word, the word after the last, and kind."""


def entities(labels: Sequence[str]) -> set[Entity]:
    """Return the entities of a row of IOB2 labels.

    >>> sorted(entities(["B-PER", "I-PER", "O", "I-LOC"]))
    [(0, 2, 'PER'), (3, 4, 'LOC')]
    """
    found: set[Entity] = set()
    began, kind = 0, ""
    for place, label in enumerate([*labels, "O"]):
        mark, _, own = label.partition("-")
        if kind and (mark != "I" or own != kind):
            found.add((began, place, kind))
            kind = ""
        if mark in ("B", "I") and own and not kind:
            began, kind = place, own
    return found


def measure_tags(
    names: Sequence[str],
    right: Sequence[Sequence[str]],
    said: Sequence[Sequence[str]],
    confidence: float,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """Compute each named measure: {name: {value, low, high, n}}, shares of 1; `n` counts rows.

    Intervals resample rows, with all their words: words of one row are not independent.

    Args:
        right: of each row, the right labels of its words.
        said: what was answered, in the same order.
        confidence: level of the percentile bootstrap intervals.

    Raises:
        KeyError: a name is not in `TAGGING`.
    """
    counts = {"token_accuracy": _words, "entity_f1": _entities}
    return {name: _share(counts[name](right, said), confidence, seed) for name in names}


def _words(right: Sequence[Sequence[str]], said: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    """Return (rows, 2): words that are right, and all words."""
    pairs = zip(right, said, strict=True)
    return np.array([[sum(map(str.__eq__, a, b)), len(a)] for a, b in pairs], np.float64)


def _entities(right: Sequence[Sequence[str]], said: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    """Return (rows, 2): twice the entities that are right, and those of both sides together."""
    found = ((entities(a), entities(b)) for a, b in zip(right, said, strict=True))
    return np.array([[2 * len(a & b), len(a) + len(b)] for a, b in found], np.float64)


def _share(counts: NDArray[np.float64], confidence: float, seed: int) -> dict[str, Any]:
    """Return the sum of the first column over that of the second; 0 where there is nothing."""
    rows = len(counts)
    draws = np.random.default_rng(seed).multinomial(rows, np.full(rows, 1 / rows), size=RESAMPLES)
    sums = draws @ counts
    samples = sums[:, 0] / np.maximum(sums[:, 1], 1)
    low, high = percentile_interval(samples.tolist(), confidence)
    value = float(counts[:, 0].sum() / max(counts[:, 1].sum(), 1))
    return {"value": value, "low": low, "high": high, "n": rows}

"""Which texts of a pool are most like a text: tf-idf over character 4-grams, by cosine.

Pieces of words, so that inflections, compounds and typing errors still match, in any language
and without a model. Weights are 1 + ln(count) times ln((1 + texts) / (1 + texts with it)) + 1,
the smoothed form of Sparck Jones's inverse document frequency (Journal of Documentation 28, 1972).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

__all__ = ["SimilarTexts"]

SIZE = 4


class SimilarTexts:
    """An index of texts.

    Args:
        texts: what may be found; upper and lower case and runs of spaces are the same.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._count = len(texts)
        found: dict[str, list[tuple[int, float]]] = {}
        for place, text in enumerate(texts):
            for gram, count in _grams(text).items():
                found.setdefault(gram, []).append((place, 1.0 + math.log(count)))
        squares = np.zeros(self._count)
        self._where: dict[str, np.ndarray] = {}
        self._weights: dict[str, np.ndarray] = {}
        self._rarity: dict[str, float] = {}
        for gram, pairs in found.items():
            places, counts = zip(*pairs, strict=True)
            rarity = math.log((1 + self._count) / (1 + len(pairs))) + 1.0
            self._where[gram] = np.array(places, dtype=np.int64)
            self._weights[gram] = np.array(counts) * rarity
            self._rarity[gram] = rarity
            squares[self._where[gram]] += self._weights[gram] ** 2
        self._lengths = np.sqrt(squares)

    def nearest(self, text: str, count: int) -> list[int]:
        """Return the places of the `count` most similar texts, most similar first.

        Equally similar ones, those without anything in common included, keep their order.
        """
        scores = np.zeros(self._count)
        # Sorted, so that sums are rounded alike whatever the order of the text.
        for gram, times in sorted(_grams(text).items()):
            if gram in self._where:
                weight = (1.0 + math.log(times)) * self._rarity[gram]
                scores[self._where[gram]] += weight * self._weights[gram]
        order = np.argsort(-scores / self._lengths, kind="stable")
        return [int(place) for place in order[:count]]


def _grams(text: str) -> Counter[str]:
    padded = f" {' '.join(text.casefold().split())} "
    return Counter(padded[start : start + SIZE] for start in range(max(1, len(padded) - SIZE + 1)))

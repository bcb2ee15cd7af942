"""Steps that drop a text that was there before, as it is or nearly."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..data.duplicates import normal_words
from ..extras import load_extra
from .steps import Step


class ExactDuplicates(Step):
    """Keeps the first of equal texts. Remembers 16 bytes of each."""

    type = "exact-duplicates"

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self._seen: set[bytes] = set()

    def judge(self, text: str) -> str | None:
        words = self.report.options["compare"] == "words"
        compared = " ".join(normal_words(text)) if words else text.strip()
        key = hashlib.sha256(compared.encode()).digest()[:16]
        if key in self._seen:
            return self.drop("seen before", text)
        self._seen.add(key)
        return text


class NearDuplicates(Step):
    """Keeps the first of texts whose runs of words are mostly the same.

    The Jaccard similarity of two texts' runs of `ngram` words is estimated by MinHash (Broder,
    1997) with `permutations` hashes, whose standard error is at most 1 / (2 sqrt(permutations)).
    Only texts that share a band of their signatures are compared; the bands are such that a pair
    at the threshold is compared with a probability of 0.95 or more. Remembers 4 bytes a hash.
    """

    type = "near-duplicates"
    package = "rensa"

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        rensa = load_extra("rensa", "curate", who="the step near-duplicates")
        self._hash = rensa.RMinHash
        self.ngram, self.seed = options["ngram"], options["seed"]
        self.threshold, self.permutations = options["threshold"], options["permutations"]
        bands = bands_for(self.threshold, self.permutations)
        self._index = rensa.RMinHashLSH(self.threshold, self.permutations, bands)
        self._kept: npt.NDArray[np.uint32] = np.zeros((1024, self.permutations), np.uint32)
        self._count = 0

    def judge(self, text: str) -> str | None:
        runs = _runs(text, self.ngram)
        if not runs:
            return text
        signature = self._hash(num_perm=self.permutations, seed=self.seed)
        signature.update(runs)
        numbers = np.array(signature.digest(), np.uint32)
        near = np.array(self._index.query(signature), np.int64)
        if len(near):
            alike = (self._kept[near] == numbers).mean(axis=1).max()
            if alike >= self.threshold:
                return self.drop("like one before", text)
        self._remember(signature, numbers)
        return text

    def _remember(self, signature: Any, numbers: npt.NDArray[np.uint32]) -> None:
        if self._count == len(self._kept):
            self._kept = np.concatenate([self._kept, np.zeros_like(self._kept)])
        self._kept[self._count] = numbers
        self._index.insert(self._count, signature)
        self._count += 1


def _runs(text: str, size: int) -> list[str]:
    """Return the different runs of `size` words, sorted; a shorter text is one run."""
    words = normal_words(text)
    count = max(1, len(words) - size + 1)
    return sorted({" ".join(words[at : at + size]) for at in range(count)} - {""})


def bands_for(threshold: float, permutations: int) -> int:
    """Return the fewest bands with which 19 of 20 pairs at the threshold share one.

    Two signatures of b bands of r hashes share a band with probability 1 - (1 - t^r)^b at
    similarity t (Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", 3.4.2).
    """
    for bands in range(1, permutations + 1):
        if permutations % bands == 0:
            rows = permutations // bands
            if 1 - (1 - threshold**rows) ** bands >= 0.95:
                return bands
    return permutations

"""Several token stores as one: which source and which sequence a position of the stream takes.

Without weights the sequences of all sources are one set, seen equally often. With weights the
stream is cut into blocks of :data:`BLOCK` positions. Of all positions up to the end of a block each
source has its share, rounded; within a block the places are shuffled. A source whose sequences are
used up begins again in another order. All of it is a pure function of (seed, position), so a run
goes on exactly, on any number of processes that divides the batch.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..data.dealing import permutation
from ..data.pack import TokenStore, token_store, too_short
from ..errors import DataError
from .corpus import Texts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["Mixture", "pack_corpus"]

BLOCK = 4096
PARTS = 1 << 32  # shares are whole numbers of these, so that no float decides a position


class Mixture:
    """Token stores read as one; `parts` has each by the name of its source.

    Sequences are numbered through, source after source. Attributes as of `TokenStore`.
    """

    def __init__(self, parts: dict[str, TokenStore], weights: Sequence[float] | None) -> None:
        self.parts = parts
        self.stores = list(parts.values())
        self._starts = [0, *accumulate(len(store) for store in self.stores)]
        self._bounds = None if weights is None else bounds_of(weights)
        self.order = None if weights is None else self._weighted
        self.num_tokens = sum(store.num_tokens for store in self.stores)
        self.num_bytes = sum(store.num_bytes for store in self.stores)
        self.num_documents = sum(store.num_documents for store in self.stores)

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, index: int) -> npt.NDArray[np.int64]:
        """Return sequence `index`, shape (sequence_length,)."""
        if not 0 <= index < len(self):
            raise IndexError(f"sequence {index} of {len(self)}")
        source = bisect_right(self._starts, index) - 1
        return self.stores[source][index - self._starts[source]]

    def _weighted(self, seed: int, position: int) -> int:
        """Return which sequence stands at a position of the stream."""
        assert self._bounds is not None
        block, place = divmod(position, BLOCK)
        source, turn = (int(table[place]) for table in _block(self._bounds, seed, block))
        count = len(self.stores[source])
        inner = permutation(seed + 1 + source, turn // count, count)[turn % count]
        return self._starts[source] + int(inner)


def bounds_of(weights: Sequence[float]) -> tuple[int, ...]:
    """Return where the share of each source ends, in parts of :data:`PARTS`."""
    total = sum(weights)
    ends = [round(PARTS * end / total) for end in accumulate(weights)]
    return (*ends[:-1], PARTS)


@lru_cache(maxsize=8)
def _block(
    bounds: tuple[int, ...], seed: int, block: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return of each place in a block its source, and how often that source came before."""
    before, after = _counts(bounds, block), _counts(bounds, block + 1)
    sources = np.repeat(np.arange(len(bounds)), after - before)
    turns = np.concatenate([np.arange(a, b) for a, b in zip(before, after, strict=True)])
    # one number more than `permutation` has in its seed: another stream of random numbers
    order = np.random.Generator(np.random.PCG64([seed, block, len(bounds)])).permutation(BLOCK)
    sources, turns = sources[order], turns[order]
    for source in range(len(bounds)):  # a source's own sequences come in their order
        turns[sources == source] = np.sort(turns[sources == source])
    return sources, turns


def _counts(bounds: tuple[int, ...], blocks: int) -> npt.NDArray[np.int64]:
    """Return how many of the first `blocks` blocks' positions each source has; the sum is exact."""
    ends = [(2 * blocks * BLOCK * bound + PARTS) // (2 * PARTS) for bound in bounds]
    return np.diff([0, *ends])


def pack_corpus(texts: Texts, tokenizer: PreTrainedTokenizerBase, sequence_length: int) -> Mixture:
    """Return the token stores of one split of a corpus, each made only if absent.

    Weights say how often sources are seen in training; what is held out is measured as it is.

    Raises:
        DataError: as `pack_documents`; a source that is learned from gives no sequence.
    """
    sources, trains = texts.corpus.sources, texts.split == "train"
    parts = {
        source.name: token_store(source.texts[texts.split], tokenizer, sequence_length)
        for source in sources
    }
    weights = [source.weight for source in sources if source.weight is not None]
    found = Mixture(parts, weights if trains and weights else None)
    if not len(found):
        raise DataError(*too_short(found.num_tokens, sequence_length))
    for name, store in parts.items():
        if trains and not len(store):
            message, cure = too_short(store.num_tokens, sequence_length)
            raise DataError(f"{name}: {message}", cure)
    return found

"""Group near-identical short texts, exactly, so that no group straddles a split.

Two texts are near-identical when the Jaccard similarity of their words, or of their word pairs,
reaches a threshold. Pairs are found by prefix filtering (Bayardo, Ma and Srikant, "Scaling up
all pairs similarity search", 2007): sorted from rare to common, two sets that are similar enough
must share one of their first few shingles, so only those are indexed. No pair is missed, and no
hash of Python's own decides, so the groups do not depend on `PYTHONHASHSEED`.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

__all__ = ["cluster", "normal_words", "shingles"]

_WORD = re.compile(r"\w+")


def normal_words(text: str) -> tuple[str, ...]:
    """Return the words of `text`, case folded and without punctuation."""
    return tuple(_WORD.findall(text.casefold()))


def shingles(text: str, size: int) -> frozenset[tuple[str, ...]]:
    """Return the set of runs of `size` words of `text`; a shorter text is one run."""
    words = normal_words(text)
    runs = (words[start : start + size] for start in range(len(words) - size + 1))
    return frozenset(runs) or frozenset({words})


def cluster(texts: Sequence[str], threshold: float = 0.7) -> list[int]:
    """Return, for every text, the index of the first text of its group.

    Groups are the connected components of "similar enough by words or by word pairs", so a chain
    of small changes stays together even where its ends differ. Words alone catch an insertion
    into a short sentence, which breaks several of its few pairs.
    """
    parents = list(range(len(texts)))
    for size in (1, 2):
        for left, right in _similar_pairs([shingles(text, size) for text in texts], threshold):
            a, b = _root(parents, left), _root(parents, right)
            # The smaller index becomes the root: the result does not depend on the pairs' order.
            parents[max(a, b)] = min(a, b)
    return [_root(parents, index) for index in range(len(texts))]


def _root(parents: list[int], index: int) -> int:
    while parents[index] != index:
        parents[index] = parents[parents[index]]
        index = parents[index]
    return index


def _similar_pairs(
    sets: Sequence[frozenset[tuple[str, ...]]], threshold: float
) -> Iterator[tuple[int, int]]:
    """Yield pairs of positions whose sets are similar; equal sets are chained, not squared."""
    first_of: dict[frozenset[tuple[str, ...]], int] = {}
    for position, items in enumerate(sets):
        first = first_of.setdefault(items, position)
        if first != position:
            yield first, position
    frequency = Counter(item for items in first_of for item in items)
    index: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for position in sorted(first_of.values(), key=lambda place: (len(sets[place]), place)):
        items = sets[position]
        rare_first = sorted(items, key=lambda item: (frequency[item], item))
        prefix = rare_first[: len(items) - math.ceil(threshold * len(items)) + 1]
        # A dict keeps the order of arrival, which a set of ints would not promise.
        for other in dict.fromkeys(o for item in prefix for o in index[item]):
            if _is_similar(sets[other], items, threshold):
                yield other, position
        for item in prefix:
            index[item].append(position)


def _is_similar(
    small: frozenset[tuple[str, ...]], large: frozenset[tuple[str, ...]], threshold: float
) -> bool:
    if len(small) < threshold * len(large):
        return False
    shared = len(small & large)
    return shared >= threshold * (len(small) + len(large) - shared)

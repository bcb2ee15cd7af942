"""Figures that a model has to beat: each held to a plain count of the same thing."""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict

import pytest

from nivel.runtime.errors import DataError
from nivel.runtime.evaluation import (
    gzip_bits_per_byte,
    ngram_bits_per_byte,
    xz_bits_per_byte,
)


def counted(train: bytes, test: bytes, order: int) -> float:
    """The n-gram in dictionaries, straight from the formula."""
    after: dict[bytes, Counter[int]] = defaultdict(Counter)
    for length in range(order):
        for place in range(length, len(train)):
            after[train[place - length : place]][train[place]] += 1

    def likely(context: bytes, byte: int) -> float:
        shorter = likely(context[1:], byte) if context else 1 / 256
        found = after.get(context)
        if not found:
            return shorter
        total, kinds = sum(found.values()), len(found)
        return (found[byte] + kinds * shorter) / (total + kinds)

    bits = [
        -math.log2(likely(test[max(0, place - order + 1) : place], test[place]))
        for place in range(len(test))
    ]
    return sum(bits) / len(bits)


@pytest.mark.parametrize("order", [1, 2, 3, 5, 7])
def test_ngrams_are_those_of_the_formula(order: int) -> None:
    draw = random.Random(order)
    words = ["über", "the", "cat", "sat", "\x00", "mat\n", "ß"]
    train, test = (" ".join(draw.choice(words) for _ in range(n)) for n in (400, 60))
    found = ngram_bits_per_byte([train[:500], train[500:]], [test], order)
    assert found == pytest.approx(counted(train.encode(), test.encode(), order), rel=1e-9)


def test_probabilities_of_all_bytes_add_up_to_one() -> None:
    train = ["abracadabra abracadabra"]
    chances = [
        2 ** -(8 * ngram_bits_per_byte(train, ["abracad" + chr(byte)]))
        / 2 ** -(7 * ngram_bits_per_byte(train, ["abracad"]))
        for byte in range(128)
    ]
    assert 0.4 < sum(chances) < 1 + 1e-9  # the other half of the bytes have what was never seen
    assert max(range(128), key=chances.__getitem__) == ord("a")


def test_more_context_guesses_better_and_noise_cannot_be_compressed() -> None:
    draw = random.Random(1)
    text = " ".join(draw.choice(["one", "two", "three", "four"]) for _ in range(3000))
    by_order = [ngram_bits_per_byte([text], [text[:2000]], order) for order in (1, 2, 3, 5)]
    assert by_order == sorted(by_order, reverse=True)
    again = [text] * 20  # beyond what gzip looks back on
    assert xz_bits_per_byte(again) < 0.6 * gzip_bits_per_byte(again) < by_order[0]
    noise = "".join(chr(draw.randrange(128)) for _ in range(5000))
    assert gzip_bits_per_byte([noise]) > 6.9


def test_texts_too_short_for_a_context_and_empty_ones() -> None:
    assert ngram_bits_per_byte([], ["ab"]) == pytest.approx(8.0)
    assert ngram_bits_per_byte(["ab"], ["a"], 1) == pytest.approx(-math.log2((1 + 2 / 256) / 4))
    for measure in (gzip_bits_per_byte, xz_bits_per_byte):
        with pytest.raises(DataError, match="empty"):
            measure([])
    with pytest.raises(DataError, match="64 bits"):
        ngram_bits_per_byte(["a"], ["a"], 8)

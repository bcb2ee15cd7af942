"""What needs no network: general compressors and counts of bytes, as figures to be beaten.

All are in bits per byte of the held-out text, so that they stand beside a model's whatever its
tokenizer. The compressors see the held-out text alone; the n-gram has read the training text. Of
either text the first 32 million bytes are taken: more changes the figures little, and takes memory
and minutes.
"""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError

__all__ = ["gzip_bits_per_byte", "ngram_bits_per_byte", "xz_bits_per_byte"]

ORDER = 5
"""Bytes of an n-gram: four are known, the next one is guessed."""

MOST = 32_000_000
"""Bytes of a text that are read."""

Codes = NDArray[np.int64]


def gzip_bits_per_byte(texts: Iterable[str]) -> float:
    """Return bits per byte of gzip at its highest level."""
    data = _joined(texts)
    return 8.0 * len(gzip.compress(data, 9, mtime=0)) / len(data)


def xz_bits_per_byte(texts: Iterable[str]) -> float:
    """Return bits per byte of xz at its highest level."""
    data = _joined(texts)
    return 8.0 * len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)) / len(data)


def ngram_bits_per_byte(
    train_texts: Iterable[str], held_out_texts: Iterable[str], order: int = ORDER
) -> float:
    """Return bits per byte of guessing each byte from the `order` - 1 bytes before it.

    Counts of the training text, interpolated down to single bytes by Witten and Bell (1991, "The
    zero-frequency problem", method C): with c(h) occurrences of a context h and t(h) different
    bytes after it, P(b | h) = (c(hb) + t(h) P(b | h')) / (c(h) + t(h)), h' being h without its
    first byte; below single bytes all 256 are as likely. Contexts run across documents.

    Raises:
        DataError: the held-out text is empty, or `order` is more than 7.
    """
    if not 1 <= order <= 7:
        raise DataError(f"n-grams of {order} bytes do not fit in 64 bits", "use 1 to 7")
    train = np.frombuffer(_first(train_texts), np.uint8)
    test = np.frombuffer(_joined(held_out_texts), np.uint8)
    likely = np.full(len(test), 1 / 256)
    for length in range(1, order + 1):
        likely = _interpolated(train, test, length, likely)
    return float(-np.log2(likely).mean())


def _interpolated(
    train: NDArray[np.uint8], test: NDArray[np.uint8], length: int, below: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the probability of each byte of `test` by n-grams up to `length` bytes.

    The first bytes, which have no whole context, keep the probability `below`.
    """
    if len(train) < length or len(test) < length:
        return below
    grams, counts = np.unique(_codes(train, length), return_counts=True)
    contexts, first, kinds = np.unique(grams >> 8, return_index=True, return_counts=True)
    totals = np.add.reduceat(counts, first)
    seen = _codes(test, length)
    joint = _looked_up(grams, counts, seen)
    total, different = (_looked_up(contexts, each, seen >> 8) for each in (totals, kinds))
    found: NDArray[np.float64] = below.copy()
    here = found[length - 1 :]
    known = total > 0
    mixed = (joint + different * here) / np.maximum(total + different, 1)
    here[known] = mixed[known]
    return found


def _codes(data: NDArray[np.uint8], length: int) -> Codes:
    """Return each run of `length` bytes as one number; the last byte is its lowest eight bits."""
    count = len(data) - length + 1
    found: Codes = np.zeros(count, np.int64)
    for place in range(length):
        found = (found << 8) | data[place : count + place]
    return found


def _looked_up(keys: Codes, values: NDArray[np.int64], wanted: Codes) -> NDArray[np.float64]:
    """Return the value of each wanted key, 0 where it is not among the sorted `keys`."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    found: NDArray[np.float64] = np.where(keys[place] == wanted, values[place], 0).astype(
        np.float64
    )
    return found


def _first(texts: Iterable[str]) -> bytes:
    return b"".join(_until(texts, MOST))[:MOST]


def _until(texts: Iterable[str], most: int) -> Iterator[bytes]:
    read = 0
    for text in texts:
        yield (data := text.encode())
        read += len(data)
        if read >= most:
            return


def _joined(texts: Iterable[str]) -> bytes:
    data = _first(texts)
    if not data:
        raise DataError("the held-out text is empty; give data.text more documents")
    return data

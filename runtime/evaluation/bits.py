"""Bits per byte: how well text is predicted, whatever the tokenizer.

A loss per token cannot be compared between tokenizers, since longer tokens are harder
to predict. Bits per byte of the UTF-8 text can, and can be set beside plain compressors.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from ..data import Tokens
from ..errors import DataError
from .prefix import LARGEST_LOGITS, Reports

Counts = NDArray[np.int64]


def bits_per_byte(
    model: Any, store: Tokens, batch_size: int = 16, progress: Reports | None = None
) -> float:
    """Return the model's bits per byte on a token store.

    Each sequence of T tokens gives T - 1 predictions. Their mean, in bits per token,
    times the store's tokens per byte is bits per byte.

    Raises:
        DataError: the store holds no whole sequence.
    """
    total, predicted = _summed_loss(model, store, batch_size, progress)
    return total / predicted / math.log(2.0) * _tokens_per_byte(store)


def unigram_bits_per_byte(train: Tokens, held_out: Tokens) -> float:
    """Return bits per byte of guessing every token by its frequency in `train`.

    Add-one smoothing over the vocabulary. A model above this has learned nothing from
    context. The denominator is that of `bits_per_byte`.
    """
    test_counts = _token_counts(held_out)
    train_counts = _token_counts(train)
    size = max(len(test_counts), len(train_counts), int(getattr(train, "vocab_size", 0) or 0))
    bits = _unigram_bits(_grown(train_counts, size), _grown(test_counts, size))
    return bits / int(test_counts.sum()) * _tokens_per_byte(held_out)


def byte_unigram_bits_per_byte(train_texts: Iterable[str], held_out_texts: Iterable[str]) -> float:
    """Return bits per byte of guessing every byte by its add-one smoothed frequency."""
    test_counts = _byte_counts(held_out_texts)
    if not test_counts.sum():
        raise DataError("the held-out text is empty; give data.text more documents")
    return _unigram_bits(_byte_counts(train_texts), test_counts) / int(test_counts.sum())


def _summed_loss(
    model: Any, store: Tokens, batch_size: int, progress: Reports | None
) -> tuple[float, int]:
    """Return the summed loss in nats and the number of tokens predicted."""
    _require_sequences(store)
    device = next(model.parameters()).device
    size = _rows_per_pass(model, len(store[0]), batch_size)
    total, predicted = 0.0, 0
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            for start in range(0, len(store), size):
                rows = range(start, min(start + size, len(store)))
                ids = torch.from_numpy(np.stack([store[row] for row in rows])).to(device)
                logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
                for guesses, targets in zip(logits, ids[:, 1:], strict=True):
                    total += cross_entropy(guesses.float(), targets, reduction="sum").item()
                    predicted += len(targets)
                if progress is not None:
                    progress.update(rows.stop)
    finally:
        model.train(was_training)
    return total, predicted


def _rows_per_pass(model: Any, length: int, batch_size: int) -> int:
    """Return how many sequences may go through at once without a huge block of logits."""
    vocabulary = int(model.get_output_embeddings().weight.shape[0])
    return max(1, min(batch_size, LARGEST_LOGITS // (length * vocabulary)))


def _require_sequences(store: Tokens) -> None:
    if not len(store):
        raise DataError(
            f"the text has {store.num_tokens} tokens, fewer than one sequence; "
            "give more text or a shorter train.sequence_length"
        )


def _tokens_per_byte(store: Tokens) -> float:
    return store.num_tokens / store.num_bytes


def _token_counts(store: Tokens) -> Counts:
    _require_sequences(store)
    counts = np.zeros(0, dtype=np.int64)
    for row in range(len(store)):
        found = np.bincount(store[row], minlength=len(counts)).astype(np.int64)
        found[: len(counts)] += counts
        counts = found
    return counts


def _byte_counts(texts: Iterable[str]) -> Counts:
    counts = np.zeros(256, dtype=np.int64)
    for text in texts:
        data = np.frombuffer(text.encode("utf-8"), dtype=np.uint8)
        counts += np.bincount(data, minlength=256)
    return counts


def _grown(counts: Counts, size: int) -> Counts:
    return np.pad(counts, (0, size - len(counts)))


def _unigram_bits(train_counts: Counts, test_counts: Counts) -> float:
    """Return the bits that add-one smoothed frequencies need for the counted symbols."""
    shares = (train_counts + 1) / (train_counts.sum() + len(train_counts))
    return float(-(test_counts * np.log2(shares)).sum())

"""How well a model predicts whole documents: perplexity per token and bits per byte.

Every token of a document is predicted once. A document longer than the window is read in windows
that overlap, so that a token in the middle is never predicted from less than the overlap; the
first ones have the start token and what little came before. Documents do not see each other, and
no end is predicted. (`bits.py` measures packed token stores instead, as pretraining reads them.)
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from ..data import Row
from ..errors import DataError
from .intervals import percentile_interval
from .metrics import RESAMPLES
from .prefix import LARGEST_LOGITS, Reports

__all__ = ["LanguageModelResult", "evaluate_language_model"]

# The window of a model that does not say how far it can read.
LONGEST = 2048


@dataclass(frozen=True, slots=True)
class LanguageModelResult:
    """What one evaluation found.

    `metrics` is {name: {value, low, high, n}}, n documents; low and high are None for a single
    document, which says nothing of others. Each document is {id, tokens, bytes, nats}.
    `tokens_read` counts a token once for each window it stands in.
    """

    metrics: dict[str, dict[str, Any]]
    documents: list[dict[str, Any]]
    window: int
    stride: int
    seconds: float
    tokens_read: int


@dataclass(frozen=True, slots=True)
class _Window:
    """Part of a document: the last `scored` of the targets count, the others were counted."""

    document: int
    inputs: list[int]
    targets: list[int]
    scored: int


def evaluate_language_model(
    model: Any,
    tokenizer: Any,
    documents: Sequence[Row | str],
    *,
    window: int | None = None,
    stride: int | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    batch_size: int = 16,
    progress: Reports | None = None,
) -> LanguageModelResult:
    """Predict every token of every document.

    Args:
        documents: texts; of a row the field `text`, or its only one.
        window: tokens read at once; the model's positions (2048 where it names none) unless given.
        stride: tokens by which a window moves on; half the window unless given.
        confidence: level of the percentile bootstrap intervals, documents drawn with replacement.
        seed: of the bootstrap.
        progress: told how many windows are done.

    Raises:
        DataError: there are no documents, one is empty, the tokenizer has no token to start from,
            or window and stride do not fit the model or each other.
    """
    started = time.perf_counter()
    window, stride = _sizes(model, window, stride)
    texts = [(str(place), text) if isinstance(text, str) else _of(text)
             for place, text in enumerate(documents)]  # fmt: skip
    if not texts:
        raise DataError("there are no documents to evaluate; check data.test")
    first = _start(tokenizer)
    windows = [
        part
        for place, (name, text) in enumerate(texts)
        for part in _windows(place, [first, *_ids(tokenizer, name, text)], window, stride)
    ]
    nats = _losses(model, windows, len(texts), batch_size, progress)
    tokens = np.zeros(len(texts))
    for part in windows:
        tokens[part.document] += part.scored
    sizes = np.array([len(text.encode()) for _, text in texts], dtype=np.float64)
    found = [
        {"id": name, "tokens": int(count), "bytes": int(size), "nats": float(loss)}
        for (name, _), count, size, loss in zip(texts, tokens, sizes, nats, strict=True)
    ]
    return LanguageModelResult(
        metrics=_measure(nats, tokens, sizes, confidence, seed),
        documents=found,
        window=window,
        stride=stride,
        seconds=time.perf_counter() - started,
        tokens_read=sum(len(part.inputs) for part in windows),
    )


def _sizes(model: Any, window: int | None, stride: int | None) -> tuple[int, int]:
    limit = getattr(model.config, "max_position_embeddings", None)
    window = window or limit or LONGEST
    stride = stride or max(1, window // 2)
    if limit is not None and window > limit:
        raise DataError(f"a window of {window} tokens exceeds the model's {limit} positions")
    if not 1 <= stride <= window:
        raise DataError(f"a stride of {stride} tokens does not fit a window of {window}")
    return window, stride


def _of(row: Row) -> tuple[str, str]:
    if "text" in row.fields:
        return row.id, row.fields["text"]
    if len(row.fields) == 1:
        return row.id, next(iter(row.fields.values()))
    raise DataError(
        f"row {row.id!r} has the fields {', '.join(row.fields)}, and none is called text",
        "name the document's column text in data.columns",
    )


def _start(tokenizer: Any) -> int:
    """Return the token before a document: without one its first token could not be predicted."""
    for token in (tokenizer.bos_token_id, tokenizer.eos_token_id):
        if token is not None:
            return int(token)
    raise DataError("the tokenizer has no token to start a document from, neither bos nor eos")


def _ids(tokenizer: Any, name: str, text: str) -> list[int]:
    ids = list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
    if not ids:
        raise DataError(f"document {name!r} is empty", "leave it out")
    return ids


def _windows(document: int, ids: Sequence[int], window: int, stride: int) -> Iterator[_Window]:
    done, last = 0, len(ids) - 1  # targets are ids[1:]; so many of them are scored
    while done < last:
        end = min(window if done == 0 else done + stride, last)
        begin = max(0, end - window)
        yield _Window(document, list(ids[begin:end]), list(ids[begin + 1 : end + 1]), end - done)
        done = end


def _losses(
    model: Any, windows: Sequence[_Window], count: int, batch_size: int, progress: Reports | None
) -> NDArray[np.float64]:
    """Return the summed loss of every document, in nats."""
    nats = np.zeros(count)
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            done = 0
            for batch in _batches(model, windows, batch_size):
                for part, loss in zip(batch, _batch_losses(model, batch), strict=True):
                    nats[part.document] += loss
                done += len(batch)
                if progress is not None:
                    progress.update(done)
    finally:
        model.train(was_training)
    return nats


def _batches(model: Any, windows: Sequence[_Window], size: int) -> Iterator[list[_Window]]:
    """Yield windows of about equal length together, the longest first."""
    vocabulary = int(model.get_output_embeddings().weight.shape[0])
    order = sorted(windows, key=lambda part: -len(part.inputs))
    start = 0
    while start < len(order):
        fitting = max(1, LARGEST_LOGITS // (len(order[start].inputs) * vocabulary))
        yield order[start : start + min(size, fitting)]
        start += min(size, fitting)


def _batch_losses(model: Any, batch: Sequence[_Window]) -> list[float]:
    """Return the loss of each window's scored targets. Padding is on the right, unseen."""
    device = next(model.parameters()).device
    ids = torch.zeros(len(batch), len(batch[0].inputs), dtype=torch.long)
    for row, part in enumerate(batch):
        ids[row, : len(part.inputs)] = torch.tensor(part.inputs)
    logits = model(input_ids=ids.to(device), use_cache=False).logits
    losses = []
    for row, part in enumerate(batch):
        begin = len(part.targets) - part.scored
        targets = torch.tensor(part.targets[begin:], device=device)
        guesses = logits[row, begin : len(part.targets)].float()
        losses.append(cross_entropy(guesses, targets, reduction="sum").item())
    return losses


def _measure(
    nats: NDArray[np.float64],
    tokens: NDArray[np.float64],
    sizes: NDArray[np.float64],
    confidence: float,
    seed: int,
) -> dict[str, dict[str, Any]]:
    count = len(nats)
    draws = np.random.default_rng(seed).multinomial(
        count, np.full(count, 1 / count), size=RESAMPLES
    )
    per_token = (draws @ nats) / (draws @ tokens)
    per_byte = (draws @ nats) / (draws @ sizes) / math.log(2.0)
    return {
        "perplexity": _interval(
            math.exp(nats.sum() / tokens.sum()), np.exp(per_token), confidence, count
        ),
        "bits_per_byte": _interval(
            nats.sum() / sizes.sum() / math.log(2.0), per_byte, confidence, count
        ),
    }


def _interval(
    value: float, samples: NDArray[np.float64], confidence: float, count: int
) -> dict[str, Any]:
    low, high = percentile_interval(samples.tolist(), confidence)
    if count == 1:
        return {"value": float(value), "low": None, "high": None, "n": 1}
    return {"value": float(value), "low": low, "high": high, "n": count}

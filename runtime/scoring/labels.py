"""Labels in written answers, and F1 where an answer may be none of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..evaluation.intervals import percentile_interval
from .texts import normalize

__all__ = ["macro_f1", "match_label"]

RESAMPLES = 1000


def match_label(text: str, labels: Sequence[str]) -> str | None:
    """Return the label that an answer gives, or None where it is none or more than one.

    The first line counts. It gives a label when it is that label, or when it holds exactly one
    of them as whole words, case and punctuation aside; a label inside a longer one that is
    there does not count beside it.
    """
    line = next((line for line in text.splitlines() if line.strip()), "")
    said = f" {normalize(line)} "
    whole = [label for label in labels if said == f" {normalize(label)} "]
    if whole:
        return whole[0] if len(whole) == 1 else None
    held = [label for label in labels if (n := normalize(label)) and f" {n} " in said]
    longest = [a for a in held if not any(a != b and _inside(a, b) for b in held)]
    return longest[0] if len(longest) == 1 else None


def _inside(short: str, long: str) -> bool:
    return f" {normalize(short)} " in f" {normalize(long)} "


def macro_f1(
    rows: Sequence[Sequence[tuple[str | None, str | None]]],
    labels: Sequence[str],
    confidence: float,
    seed: int,
) -> dict[str, Any]:
    """Return macro F1 over (right, given) pairs, rows of them, with a bootstrap over rows.

    The mean is over labels that occur. An answer that is no label lowers the recall of the right
    one and counts for no other.
    """
    position = {label: index for index, label in enumerate(labels)}
    size = len(labels) + 1  # the last stands for an answer that is no label
    codes = [
        np.array([position[r or ""] * size + position.get(g or "", size - 1) for r, g in row])
        for row in rows
    ]
    generator = np.random.default_rng(seed)
    samples = []
    for _ in range(RESAMPLES):
        drawn = generator.integers(0, len(codes), len(codes))
        samples.append(_f1(np.concatenate([codes[index] for index in drawn]), size))
    low, high = percentile_interval(samples, confidence)
    answers = sum(map(len, rows))
    value = _f1(np.concatenate(codes), size)
    return {"value": value, "low": low, "high": high, "n": len(rows), "answers": answers}


def _f1(codes: NDArray[Any], size: int) -> float:
    counts = np.bincount(codes, minlength=size * size).reshape(size, size)[:, :-1]
    hits = np.diagonal(counts).astype(float)
    gold = np.bincount(codes // size, minlength=size)[:-1]
    seen = gold + counts.sum(axis=0)
    scores = np.divide(2.0 * hits, seen, out=np.zeros(size - 1), where=seen > 0)
    return float(scores.sum() / max(int((seen > 0).sum()), 1))

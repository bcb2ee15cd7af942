"""What a head says of each row, and how good that is: labels, numbers, and labels of words."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data import Row
from ..data.targets import EncodedTargets, read_words
from ..errors import DataError
from ..models.features import equal_lengths, reading
from ..models.heads import longest_input
from .calibration import CALIBRATION, measure_calibration
from .metrics import METRICS, measure
from .prefix import Reports
from .regression import measure_numbers
from .tagging import measure_tags

__all__ = ["HeadResult", "evaluate_head", "head_outputs"]


@dataclass(frozen=True, slots=True)
class HeadResult:
    """What one evaluation found.

    `metrics` is {name: {value, low, high, n}}. Each prediction has id, label, prediction and
    fields; of a classification also confidence and the probability of each label as `scores`.
    """

    metrics: dict[str, dict[str, Any]]
    predictions: list[dict[str, Any]]
    seconds: float
    tokens_read: int


def evaluate_head(
    model: Any,
    rows: Sequence[Row],
    encoded: EncodedTargets,
    *,
    task: str,
    labels: Sequence[str] = (),
    metrics: Sequence[str],
    confidence: float = 0.95,
    seed: int = 0,
    device: str = "cpu",
    progress: Reports | None = None,
) -> HeadResult:
    """Ask the head about every row and measure its answers.

    Args:
        rows: what was encoded, in the same order.
        task: `classify`, `regress` or `tag`.
        metrics: of the task.
        seed: that of the bootstrap intervals.

    Raises:
        DataError: a row is longer than the model reads.
    """
    began = time.perf_counter()
    _refuse_too_long(model, encoded)
    outputs = head_outputs(model, encoded, device=device, progress=progress)
    measured = {"classify": _classified, "regress": _numbered, "tag": _tagged}[task]
    found, said = measured(rows, outputs, labels, metrics, confidence, seed)
    predictions = [
        {"id": row.id, **one, "fields": dict(row.fields)}
        for row, one in zip(rows, said, strict=True)
    ]
    seconds = time.perf_counter() - began
    read = sum(map(len, encoded.input_ids))
    return HeadResult({name: found[name] for name in metrics}, predictions, seconds, read)


@torch.no_grad()
def head_outputs(
    model: Any, encoded: EncodedTargets, *, device: str = "cpu", progress: Reports | None = None
) -> list[Tensor]:
    """Return the head's outputs of each row in fp32 on the CPU: (targets, outputs).

    Rows of one length go together, so that nothing is padded and no row depends on another.
    """
    model.to(device).eval()
    found: list[Tensor] = [torch.empty(0)] * len(encoded)
    done = 0
    with reading(model, device):
        for places, ids in equal_lengths(encoded.input_ids, device):
            logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
            for place, own in zip(places, logits.float().cpu(), strict=True):
                words = encoded.places[place]
                found[place] = own[list(words)] if words else own.reshape(1, -1)
            done += len(places)
            if progress is not None:
                progress.update(done)
    return found


Said = tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]


def _classified(
    rows: Sequence[Row],
    outputs: Sequence[Tensor],
    labels: Sequence[str],
    metrics: Sequence[str],
    confidence: float,
    seed: int,
) -> Said:
    shares = torch.cat(list(outputs)).double().softmax(dim=1)
    places = shares.argmax(dim=1).tolist()
    said = [
        {
            "label": row.label,
            "prediction": labels[place],
            "confidence": own[place],
            "scores": dict(zip(labels, own, strict=True)),
        }
        for row, place, own in zip(rows, places, shares.tolist(), strict=True)
    ]
    gold = [str(row.label) for row in rows]
    chosen = [labels[place] for place in places]
    plain = [name for name in metrics if name in METRICS]
    found = measure(plain, gold, chosen, labels, confidence, seed)
    sure = [name for name in metrics if name in CALIBRATION]
    right = [labels.index(label) for label in gold]
    found |= measure_calibration(sure, shares.numpy(), right, confidence, seed)
    return found, said


def _numbered(
    rows: Sequence[Row],
    outputs: Sequence[Tensor],
    labels: Sequence[str],
    metrics: Sequence[str],
    confidence: float,
    seed: int,
) -> Said:
    del labels  # a number has none
    right = np.array([float(row.label or "nan") for row in rows])
    said = np.array([float(one) for one in outputs])
    found = measure_numbers(metrics, right, said, confidence, seed)
    pairs = zip(rows, said.tolist(), strict=True)
    return found, [{"label": row.label, "prediction": f"{one:.9g}"} for row, one in pairs]


def _tagged(
    rows: Sequence[Row],
    outputs: Sequence[Tensor],
    labels: Sequence[str],
    metrics: Sequence[str],
    confidence: float,
    seed: int,
) -> Said:
    right = [read_words(row)[1] for row in rows]
    said = [[labels[place] for place in one.argmax(dim=1).tolist()] for one in outputs]
    found = measure_tags(metrics, right, said, confidence, seed)
    # one text a row, so that runs pair up by whole rows
    pairs = zip(right, said, strict=True)
    return found, [{"label": " ".join(a), "prediction": " ".join(b)} for a, b in pairs]


def _refuse_too_long(model: Any, encoded: EncodedTargets) -> None:
    limit = longest_input(model)
    longer = [
        name
        for name, ids in zip(encoded.row_ids, encoded.input_ids, strict=True)
        if limit is not None and len(ids) > limit
    ]
    if longer:
        raise DataError(
            f"{len(longer)} of {len(encoded)} test rows exceed the model's {limit} positions; "
            f"the first is {longer[0]}",
            "shorten task.input, or leave these rows out",
        )

"""Classification by label likelihood: the answer is the label the model finds likeliest.

No text is generated and no answer is parsed, so every row gets a prediction, the same
one each time, and a margin beside it.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..data import Prompt, Row
from ..errors import DataError
from .metrics import measure
from .prefix import Reports, score_labels


@dataclass(frozen=True, slots=True)
class ClassifierResult:
    """What one evaluation found.

    `metrics` is {name: {value, low, high, n}} in shares 0..1. Each prediction is
    {id, label, prediction, scores, fields}: scores are what the labels were ranked by
    (nats, summed or per token). `tokens_read` counts prompts and label tails once per row.
    """

    metrics: dict[str, dict[str, Any]]
    predictions: list[dict[str, Any]]
    seconds: float
    tokens_read: int


def evaluate_classifier(
    model: Any,
    tokenizer: Any,
    rows: Sequence[Row],
    prompt: Prompt,
    labels: Sequence[str],
    *,
    scoring: str = "sum",
    metrics: Sequence[str] = ("accuracy", "macro_f1"),
    confidence: float = 0.95,
    seed: int = 0,
    batch_size: int = 16,
    progress: Reports | None = None,
) -> ClassifierResult:
    """Score every label of every row and measure the predictions.

    `scoring` ranks labels by the "sum" of their token log-probabilities or by the mean
    "per-token", which does not favour short labels. Ties go to the label listed first. `seed` is
    that of the bootstrap intervals.

    Raises:
        DataError: a row has no label or one not in `labels`, there are no rows, two
            labels have the same tokens, or a prompt does not fit the model's context.
        ValueError: `scoring` or a metric is unknown.
    """
    if scoring not in ("sum", "per-token"):
        raise ValueError(f"scoring must be sum or per-token, not {scoring!r}")
    gold = _gold_labels(rows, labels)
    started = time.perf_counter()
    endings = _label_tokens(prompt.label_ids(tokenizer), labels)
    prompts = [prompt.encode(tokenizer, row.fields) for row in rows]
    _check_lengths(model, rows, prompts, max(len(ids) for ids in endings))
    scores = score_labels(model, prompts, endings, batch_size=batch_size, progress=progress)
    if scoring == "per-token":
        scores = scores / scores.new_tensor([len(ids) for ids in endings])
    chosen = [labels[index] for index in scores.argmax(dim=1).tolist()]
    predictions = [
        {
            "id": row.id,
            "label": want,
            "prediction": got,
            "scores": dict(zip(labels, values, strict=True)),
            "fields": dict(row.fields),
        }
        for row, want, got, values in zip(rows, gold, chosen, scores.tolist(), strict=True)
    ]
    tails = sum(len(ids) - 1 for ids in endings)
    return ClassifierResult(
        metrics=measure(metrics, gold, chosen, labels, confidence, seed),
        predictions=predictions,
        seconds=time.perf_counter() - started,
        tokens_read=sum(map(len, prompts)) + tails * len(rows),
    )


def _gold_labels(rows: Sequence[Row], labels: Sequence[str]) -> list[str]:
    if not rows:
        raise DataError("there are no test rows to evaluate; check data.test")
    gold = [row.label for row in rows if row.label in labels]
    if len(gold) != len(rows):
        odd = next(row for row in rows if row.label not in labels)
        raise DataError(
            f"{len(rows) - len(gold)} of {len(rows)} test rows have no label of the task; "
            f"the first is row {odd.id!r} with label {odd.label!r}. "
            "Add it to task.labels or leave these rows out."
        )
    return [label for label in gold if label is not None]


def _label_tokens(found: Mapping[str, list[int]], labels: Sequence[str]) -> list[list[int]]:
    """Return token ids per label; labels must differ for the model to tell them apart."""
    owners: dict[tuple[int, ...], str] = {}
    for label in labels:
        ids = tuple(found[label])
        if not ids:
            raise DataError(f"label {label!r} has no tokens; choose a label with visible text")
        if ids in owners:
            raise DataError(
                f"labels {owners[ids]!r} and {label!r} are the same tokens to this model; "
                "rename one of them"
            )
        owners[ids] = label
    return [list(found[label]) for label in labels]


def _check_lengths(
    model: Any, rows: Sequence[Row], prompts: Sequence[list[int]], longest_label: int
) -> None:
    """Refuse prompts that are empty or that the model's positions cannot hold."""
    for row, ids in zip(rows, prompts, strict=True):
        if not ids:
            raise DataError(f"the prompt of test row {row.id!r} is empty; check task.input")
    limit = getattr(model.config, "max_position_embeddings", None)
    needed = [len(ids) + longest_label - 1 for ids in prompts]
    if limit is not None and max(needed) > limit:
        raise DataError(
            f"{sum(length > limit for length in needed)} of {len(rows)} test prompts exceed the "
            f"model's {limit} positions; the longest needs {max(needed)} tokens. "
            "Shorten task.input, use fewer examples, or leave the longest rows out."
        )

"""Classification by label likelihood: the answer is the label the model finds likeliest.

No text is generated and no answer is parsed, so every row gets a prediction, the same
one each time, and a margin beside it.

Ways to rank labels, by the natural log-probability of a label's tokens after the prompt:

- `sum`: as it is. Favours short labels, which is right where they are also likelier answers.
- `per-token`: divided by the label's tokens.
- `per-byte`: divided by the label's UTF-8 bytes, which no tokenizer changes.
- `pmi`: less the log-probability of the label after a text that asks nothing (`null_input`), so
  that labels which are likely anyway do not win for that (Holtzman et al., "Surface form
  competition", EMNLP 2021). That text stands where the question would, without examples.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..data import Prompt, Row
from ..errors import DataError
from .calibration import CALIBRATION, measure_calibration
from .metrics import METRICS, measure
from .prefix import Reports, score_labels

SCORINGS = ("sum", "per-token", "per-byte", "pmi")
_NULL = Row("null input", {}, None)


@dataclass(frozen=True, slots=True)
class ClassifierResult:
    """What one evaluation found.

    `metrics` is {name: {value, low, high, n}} in shares 0..1. Each prediction is
    {id, label, prediction, confidence, scores, fields, examples}: scores are what ranked the labels
    (nats, summed, per token, per byte or above the null input), confidence is the prediction's
    share in their softmax. `tokens_read` counts prompts and label tails once per row.
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
    null_input: str | None = None,
    metrics: Sequence[str] = ("accuracy", "macro_f1"),
    confidence: float = 0.95,
    seed: int = 0,
    batch_size: int = 16,
    progress: Reports | None = None,
) -> ClassifierResult:
    """Score every label of every row and measure the predictions.

    `scoring` is one of those above; `null_input` is for "pmi" and only for it. Ties go to the
    label listed first. `metrics` are of `METRICS` and `CALIBRATION`. `seed` is that of the
    bootstrap intervals.

    Raises:
        DataError: a row has no label or one not in `labels`, there are no rows, two
            labels have the same tokens, or a prompt does not fit the model's context.
        ValueError: `scoring` or a metric is unknown.
    """
    _check_choices(scoring, null_input, metrics)
    gold = _gold_labels(rows, labels)
    started = time.perf_counter()
    endings = distinct_tokens(prompt.label_ids(tokenizer), labels)
    prompts = [prompt.encode(tokenizer, row.fields) for row in rows]
    _check_lengths(model, rows, prompts, max(len(ids) for ids in endings))
    asked, tails = prompts, sum(len(ids) - 1 for ids in endings)
    scores = score_labels(model, prompts, endings, batch_size=batch_size, progress=progress)
    if null_input is not None:
        null = prompt.encode_null(tokenizer, null_input)
        _check_lengths(model, [_NULL], [null], max(len(ids) for ids in endings))
        asked = [*prompts, null]
        scores = scores - score_labels(model, [null], endings)
    scores = scores / scores.new_tensor(label_lengths(scoring, labels, endings))
    shares = scores.double().softmax(dim=1)
    predictions = _predictions(rows, gold, labels, scores, shares)
    for row, prediction in zip(rows, predictions, strict=True):
        prediction["examples"] = list(prompt.shown(row.fields))
    chosen = [str(row["prediction"]) for row in predictions]
    found = measure([m for m in metrics if m in METRICS], gold, chosen, labels, confidence, seed)
    sure = [name for name in metrics if name in CALIBRATION]
    places = [labels.index(label) for label in gold]
    found |= measure_calibration(sure, shares.numpy(), places, confidence, seed)
    return ClassifierResult(
        metrics={name: found[name] for name in metrics},
        predictions=predictions,
        seconds=time.perf_counter() - started,
        tokens_read=sum(map(len, asked)) + tails * len(asked),
    )


def check_asked(model: Any, tokenizer: Any, prompt: Prompt, rows: Sequence[Row]) -> None:
    """Refuse rows that could not be asked, before anything is spent on the model.

    Raises:
        DataError: as `evaluate_classifier`.
    """
    _gold_labels(rows, prompt.labels)
    endings = distinct_tokens(prompt.label_ids(tokenizer), prompt.labels)
    prompts = [prompt.encode(tokenizer, row.fields) for row in rows]
    _check_lengths(model, rows, prompts, max(len(ids) for ids in endings))


def _predictions(
    rows: Sequence[Row], gold: Sequence[str], labels: Sequence[str], scores: Tensor, shares: Tensor
) -> list[dict[str, Any]]:
    chosen = [labels[index] for index in scores.argmax(dim=1).tolist()]
    confidences = shares.max(dim=1).values.tolist()
    return [
        {
            "id": row.id,
            "label": want,
            "prediction": got,
            "confidence": sure,
            "scores": dict(zip(labels, values, strict=True)),
            "fields": dict(row.fields),
        }
        for row, want, got, sure, values in zip(
            rows, gold, chosen, confidences, scores.tolist(), strict=True
        )
    ]


def _check_choices(scoring: str, null_input: str | None, metrics: Sequence[str]) -> None:
    if scoring not in SCORINGS:
        raise ValueError(f"scoring must be one of {', '.join(SCORINGS)}, not {scoring!r}")
    if (scoring == "pmi") != (null_input is not None):
        raise DataError(
            "a null input and the scoring pmi go together", "give both or neither of them"
        )
    unknown = [name for name in metrics if name not in METRICS | CALIBRATION]
    if unknown:
        known = ", ".join((*METRICS, *CALIBRATION))
        raise ValueError(f"unknown metric {unknown[0]!r}; known: {known}")


def label_lengths(scoring: str, labels: Sequence[str], endings: Sequence[list[int]]) -> list[int]:
    """Return what each label's score is divided by."""
    if scoring == "per-token":
        return [len(ids) for ids in endings]
    if scoring == "per-byte":
        return [len(label.encode()) for label in labels]
    return [1] * len(labels)


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


def distinct_tokens(found: Mapping[str, list[int]], labels: Sequence[str]) -> list[list[int]]:
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

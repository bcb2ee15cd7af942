"""Scores of a whole matrix: models x ways of asking, each over rows and repeats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..data import Row
from ..data.json_schema import why_invalid
from ..errors import DataError
from ..prompting.types import Answer, Cell
from .attempts import attempts
from .confusion import count_pairs
from .documents import json_equal, json_fields
from .labels import macro_f1, match_label
from .statistics import Difference, interval_of_mean
from .texts import MEASURES, Measure, numeric, regex

__all__ = ["CellScores", "Extra", "Metric", "Scored", "score_matrix"]

Extra = Mapping[str, Mapping[str, float | None]]
"""Scores that were found elsewhere: measure -> id of a cell -> score; None is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A measure by name, with what it is told.

    `tolerance` is for `numeric`, `pattern` for `regex`; `model`, `revision` and `device` are those
    of the encoder of `embedding`.
    """

    type: str
    tolerance: float | None = None
    pattern: str | None = None
    model: str | None = None
    revision: str | None = None
    device: str = "cpu"


@dataclass(frozen=True, slots=True)
class Scored:
    """One answer with its score by every metric, from 0 to 1; None is not known."""

    cell: Cell
    answer: Answer
    label: str | None
    prediction: str | None
    scores: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class CellScores:
    """One column of the matrix: a model asked in one way.

    `metrics` is {name: {value, low, high, n, answers}}; `confusion` is that of a classification;
    `difference` is from the baseline, None for the baseline itself.
    """

    model: str
    variant: str
    metrics: dict[str, dict[str, Any]]
    cut: int
    invalid: int
    scored: tuple[Scored, ...]
    confusion: dict[str, Any] | None = None
    difference: Difference | None = None

    @property
    def name(self) -> str:
        """The column's name in tables."""
        return f"{self.model}/{self.variant}"


def score_matrix(
    cells: Sequence[Cell],
    answers: Mapping[str, Answer],
    rows: Sequence[Row],
    metrics: Sequence[Metric],
    *,
    labels: Sequence[str] = (),
    schema: Mapping[str, Any] | None = None,
    extra: Extra | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> list[CellScores]:
    """Score every answer and sum up by column, in the order of the cells.

    Args:
        answers: cell id to its answer; every cell has one without an error.
        labels: of a classification whose answers are written; () otherwise.
        schema: JSON Schema without which no answer counts as valid; None asks only for JSON.
        extra: scores of measures that are not computed here, by cell.

    Raises:
        DataError: a measure needs a label that a row lacks, or the label is of the wrong kind.
    """
    extra = extra or {}
    gold = {row.id: row.label for row in rows}
    check_labels(rows, [metric.type for metric in metrics if metric.type in NEEDS_LABEL])
    columns: dict[tuple[str, str], list[Scored]] = {}
    for cell in cells:
        one = _score(cell, answers[cell.id], gold[cell.row], metrics, labels, schema, extra)
        columns.setdefault((cell.model, cell.variant), []).append(one)
    return [
        _sum_up(model, variant, found, metrics, labels, confidence, seed)
        for (model, variant), found in columns.items()
    ]


NEEDS_LABEL = frozenset((
    *MEASURES, "accuracy", "macro_f1", "numeric", "regex", "json_equal", "json_fields", "embedding",
))  # fmt: skip
"""Measures that compare with a right answer."""


def check_labels(rows: Sequence[Row], needing: Sequence[str]) -> None:
    """Refuse rows without a right answer where a measure needs one.

    Raises:
        DataError: a row has no label.
    """
    without = [row.id for row in rows if row.label is None]
    if needing and without:
        raise DataError(
            f"{needing[0]} compares with the right answer, but {len(without)} of {len(rows)} "
            f"test rows have no label; the first is {without[0]!r}",
            "name the column in data.columns.label, or choose a metric without one",
        )


def _score(
    cell: Cell,
    answer: Answer,
    label: str | None,
    metrics: Sequence[Metric],
    labels: Sequence[str],
    schema: Mapping[str, Any] | None,
    extra: Extra,
) -> Scored:
    text = answer.text or ""
    prediction = match_label(text, labels) if labels else text
    scores: dict[str, float | None] = {}
    for metric in metrics:
        if metric.type in extra:
            scores[metric.type] = extra[metric.type][cell.id]
        elif metric.type != "macro_f1":
            scores[metric.type] = _one_score(metric, text, label or "", prediction, schema)
    return Scored(cell, answer, label, prediction, scores)


def _one_score(
    metric: Metric,
    text: str,
    label: str,
    prediction: str | None,
    schema: Mapping[str, Any] | None,
) -> float:
    if metric.type == "accuracy":
        return float(prediction == label)
    if metric.type == "valid_json":
        return float(_is_valid(text, schema))
    if metric.type in ("json_equal", "json_fields"):
        # an answer that the schema refuses is wrong, whatever it holds
        measure = json_equal if metric.type == "json_equal" else json_fields
        return measure(text, label) if _is_valid(text, schema) else 0.0
    return _text_measure(metric)(text, label)


def _text_measure(metric: Metric) -> Measure:
    if metric.type == "numeric":
        return numeric(metric.tolerance)
    return regex(metric.pattern) if metric.type == "regex" else MEASURES[metric.type]


def _is_valid(text: str, schema: Mapping[str, Any] | None) -> bool:
    return why_invalid(text, schema or {}) is None


def _sum_up(
    model: str,
    variant: str,
    found: list[Scored],
    metrics: Sequence[Metric],
    labels: Sequence[str],
    confidence: float,
    seed: int,
) -> CellScores:
    measured = {}
    for metric in metrics:
        if metric.type == "macro_f1":
            pairs = _by_row(found, lambda one: (one.label, one.prediction))
            measured[metric.type] = macro_f1(pairs, labels, confidence, seed)
        else:
            scores = _by_row(found, lambda one, name=metric.type: one.scores[name])
            measured[metric.type] = measure_rows(scores, confidence, seed)
    cut = sum(one.answer.finish == "length" for one in found)
    given = [(one.label, one.prediction) for one in found]
    confusion = count_pairs(given, labels) if labels else None
    unmatched = _unmatched(found, labels)
    return CellScores(model, variant, measured, cut, unmatched, tuple(found), confusion)


def measure_rows(
    rows: Sequence[Sequence[float | None]], confidence: float, seed: int
) -> dict[str, Any]:
    """Return {value, low, high, n, answers} of the mean over rows of their mean scores.

    Where scores are not known, the value is that of the others, `unknown` counts them, and the
    interval reaches from where all of these were 0 to where all were 1 (Manski's bounds): what
    nobody knows is not guessed. Several right-or-wrong answers to a row add `attempts`.
    """
    known = [kept for row in rows if (kept := [score for score in row if score is not None])]
    measured = interval_of_mean(known, confidence, seed)
    unknown = sum(map(len, rows)) - sum(map(len, known))
    if unknown:
        ends = [interval_of_mean(fill(rows, value), confidence, seed) for value in (0.0, 1.0)]
        return {**measured, "low": ends[0]["low"], "high": ends[1]["high"], "unknown": unknown}
    found = attempts(known, confidence, seed)
    return {**measured, "attempts": found} if found else measured


def fill(rows: Sequence[Sequence[float | None]], value: float) -> list[list[float]]:
    """Return the scores with `value` in place of those that are not known."""
    return [[value if score is None else score for score in row] for row in rows]


def _unmatched(found: Sequence[Scored], labels: Sequence[str]) -> int:
    return sum(one.prediction is None for one in found) if labels else 0


def _by_row(found: Sequence[Scored], read: Any) -> list[list[Any]]:
    rows: dict[str, list[Any]] = {}
    for one in found:
        rows.setdefault(one.cell.row, []).append(read(one))
    return list(rows.values())

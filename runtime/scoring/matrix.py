"""Scores of a whole matrix: models x ways of asking, each over rows and repeats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..data import Row
from ..data.json_schema import why_invalid
from ..errors import DataError
from ..prompting.types import Answer, Cell
from .documents import json_equal, json_fields
from .labels import macro_f1, match_label
from .statistics import Difference, holm, interval_of_mean, paired_difference
from .texts import MEASURES, Measure, numeric, regex

__all__ = ["CellScores", "Metric", "Scored", "score_matrix"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A measure by name, with `tolerance` for `numeric` and `pattern` for `regex`."""

    type: str
    tolerance: float | None = None
    pattern: str | None = None

    @property
    def needs_label(self) -> bool:
        """Whether the measure compares with a right answer."""
        return self.type != "valid_json"


@dataclass(frozen=True, slots=True)
class Scored:
    """One answer with its score by every metric, from 0 to 1."""

    cell: Cell
    answer: Answer
    label: str | None
    prediction: str | None
    scores: dict[str, float]


@dataclass(frozen=True, slots=True)
class CellScores:
    """One column of the matrix: a model asked in one way.

    `metrics` is {name: {value, low, high, n, answers}}; `difference` compares the first
    metric with that of the first column, None for that column itself.
    """

    model: str
    variant: str
    metrics: dict[str, dict[str, Any]]
    cut: int
    invalid: int
    scored: tuple[Scored, ...]
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
    confidence: float = 0.95,
    seed: int = 0,
) -> list[CellScores]:
    """Score every answer and sum up by column, in the order of the cells.

    Args:
        answers: cell id to its answer; every cell has one without an error.
        labels: of a classification whose answers are written; () otherwise.
        schema: JSON Schema without which no answer counts as valid; None asks only for JSON.

    Raises:
        DataError: a measure needs a label that a row lacks, or the label is of the wrong kind.
    """
    gold = {row.id: row.label for row in rows}
    _check_labels(rows, metrics)
    columns: dict[tuple[str, str], list[Scored]] = {}
    for cell in cells:
        one = _score(cell, answers[cell.id], gold[cell.row], metrics, labels, schema)
        columns.setdefault((cell.model, cell.variant), []).append(one)
    scored = [
        _sum_up(model, variant, found, metrics, labels, confidence, seed)
        for (model, variant), found in columns.items()
    ]
    return _with_differences(scored, metrics, confidence, seed)


def _check_labels(rows: Sequence[Row], metrics: Sequence[Metric]) -> None:
    needing = [metric.type for metric in metrics if metric.needs_label]
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
) -> Scored:
    text = answer.text or ""
    prediction = match_label(text, labels) if labels else text
    scores = {
        metric.type: _one_score(metric, text, label or "", prediction, schema)
        for metric in metrics
        if metric.type != "macro_f1"
    }
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
            values = _by_row(found, lambda one, name=metric.type: one.scores[name])
            measured[metric.type] = interval_of_mean(values, confidence, seed)
    cut = sum(one.answer.finish == "length" for one in found)
    return CellScores(model, variant, measured, cut, _unmatched(found, labels), tuple(found))


def _unmatched(found: Sequence[Scored], labels: Sequence[str]) -> int:
    return sum(one.prediction is None for one in found) if labels else 0


def _by_row(found: Sequence[Scored], read: Any) -> list[list[Any]]:
    rows: dict[str, list[Any]] = {}
    for one in found:
        rows.setdefault(one.cell.row, []).append(read(one))
    return list(rows.values())


def _with_differences(
    scored: list[CellScores], metrics: Sequence[Metric], confidence: float, seed: int
) -> list[CellScores]:
    """Compare every column with the first by the first metric that has a score per answer."""
    named = [metric.type for metric in metrics if metric.type != "macro_f1"]
    if len(scored) < 2 or not named:
        return scored
    means = [[sum(r) / len(r) for r in _by_row(column.scored, lambda one: one.scores[named[0]])]
             for column in scored]  # fmt: skip
    found = [paired_difference(means[0], mean, confidence, seed) for mean in means[1:]]
    corrected = holm([one.p_value for one in found])
    rest = [
        replace(column, difference=replace(one, p_holm=p))
        for column, one, p in zip(scored[1:], found, corrected, strict=True)
    ]
    return [scored[0], *rest]

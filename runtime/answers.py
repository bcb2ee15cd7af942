"""How an experiment whose model writes answers ends: scores, differences, cost, gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

from .data import Row
from .ending import end
from .judging import Verdicts, require_all
from .prompting import Answers
from .prompting.types import Cell
from .records import Run
from .scoring import CellScores, Earlier, Gate, Metric, judge, score_matrix, with_differences
from .scoring.hooks import load_hooks, score_answers
from .scoring.matrix import check_labels
from .scoring.summary import summarize

__all__ = ["conclude_answers"]


def conclude_answers(
    run: Run,
    answers: Answers,
    cells: Sequence[Cell],
    test: Sequence[Row],
    *,
    task: str,
    metrics: Sequence[Metric],
    labels: Sequence[str] = (),
    schema: Mapping[str, Any] | None = None,
    verdicts: Verdicts | None = None,
    compare: str | None = None,
    baseline: tuple[str, str] | Earlier | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    gates: Sequence[Gate] = (),
    more: Mapping[str, Any] | None = None,
) -> None:
    """Score the answers, write predictions, result and reports of gates, and end the run.

    Scores are withheld where answers are missing, because the budget ended or calls failed: the
    rows that were answered are no fair sample of those asked.

    Args:
        task: the type of the task, for the record.
        labels: of a classification whose answers are written.
        schema: JSON Schema that answers have to satisfy.
        verdicts: what a judge said, for the metric `judged`.
        compare: the metric by which columns are compared; None compares nothing.
        baseline: what they are compared with: (model, variant) of a column, or an earlier run.
        confidence: level of the intervals, between 0 and 1.
        seed: of the resampling.
        more: of the result, such as what training the model took.

    Raises:
        RunError: answers are missing, `Truncated` where the budget ended the run, or a Python
            metric fails. What was answered stays in the ledger.
        SystemExit: with code 4, where a gate does not hold.
    """
    require_all(run, answers, cells)
    extra = _other_scores(answers, cells, test, metrics, verdicts)
    if isinstance(baseline, Earlier):
        baseline.check_scorer(extra.identities)
    scored = score_matrix(
        cells,
        answers,
        test,
        [*metrics, *extra.hooks],
        labels=labels,
        schema=schema,
        extra=extra.scores,
        confidence=confidence,
        seed=seed,
    )
    scored = with_differences(scored, compare, baseline, confidence, seed)
    fields = {row.id: row.fields for row in test}
    run.write_predictions(
        line for column in scored for line in _predictions(column, fields, verdicts)
    )
    measured = {column.name: _measured(column, verdicts) for column in scored}
    result = _result(scored, measured, answers, task, labels, len(test))
    result |= dict(more or {})
    result |= {"scorers": extra.identities} if extra.identities else {}
    result |= {"judge": verdicts.record()} if verdicts else {}
    lines = summarize(scored, measured, verdicts.line() if verdicts else None)
    end(run, result, lines, judge(gates, measured))


@dataclass(frozen=True, slots=True)
class _Others:
    """Scores by what is itself a model or a function, and what that was."""

    scores: dict[str, dict[str, float | None]]
    identities: dict[str, Any]
    hooks: list[Metric]


def _other_scores(
    answers: Answers,
    cells: Sequence[Cell],
    test: Sequence[Row],
    metrics: Sequence[Metric],
    verdicts: Verdicts | None,
) -> _Others:
    found = _Others({}, {}, [])
    rows = {row.id: row for row in test}
    asked = [(answers[cell.id].text or "", rows[cell.row]) for cell in cells]
    for hook in load_hooks([metric.type for metric in metrics]):
        _take(found, hook.name, cells, score_answers(hook, asked), hook.identity())
        found.hooks.append(Metric(type=hook.name))
    if verdicts is not None:
        scores = [verdicts.scores[cell.id] for cell in cells]
        _take(found, "judged", cells, scores, verdicts.judge.identity())
    for metric in metrics:
        if metric.type == "embedding":
            check_labels(test, [metric.type])
            near, identity = _similarities(metric, asked)
            _take(found, metric.type, cells, near, identity)
    return found


def _take(
    found: _Others,
    name: str,
    cells: Sequence[Cell],
    scores: Sequence[float | None],
    identity: Mapping[str, Any],
) -> None:
    found.scores[name] = {cell.id: score for cell, score in zip(cells, scores, strict=True)}
    found.identities[name] = dict(identity)


def _similarities(
    metric: Metric, asked: Sequence[tuple[str, Row]]
) -> tuple[list[float], dict[str, Any]]:
    from .scoring.embedding import SentenceEncoder  # loads torch, which most experiments here spare

    encoder = SentenceEncoder(metric.model or "", metric.revision, metric.device)
    texts, labels = [text for text, _ in asked], [row.label or "" for _, row in asked]
    return encoder.similarities(texts, labels), encoder.identity()


def _predictions(
    column: CellScores, fields: Mapping[str, Mapping[str, str]], verdicts: Verdicts | None
) -> list[dict[str, Any]]:
    return [
        {
            "id": one.cell.row,
            "label": one.label,
            "prediction": one.prediction,
            "model": column.model,
            "variant": column.variant,
            "repeat": one.cell.repeat,
            "answer": one.answer.text,
            "finish": one.answer.finish,
            "scores": one.scores,
            "fields": dict(fields[one.cell.row]),
            "examples": list(one.cell.examples),
            "cell": one.cell.id,
            **(_verdict(verdicts, one.cell.id) if verdicts else {}),
        }
        for one in column.scored
    ]


def _verdict(verdicts: Verdicts, cell: str) -> dict[str, Any]:
    choice, text, _ = verdicts.said[cell]
    return {"verdict": choice, "judge": text}


def _measured(column: CellScores, verdicts: Verdicts | None) -> dict[str, Any]:
    """Everything a gate can look at; what is not known is None."""
    answers = [one.answer for one in column.scored]
    known = [answer.seconds for answer in answers if answer.seconds is not None]
    seconds = known if len(known) == len(answers) else []
    found = {
        **column.metrics,
        "calls": len(answers),
        "usd": _total([answer.usd for answer in answers]),
        "seconds": sum(seconds) / len(seconds) if seconds else None,
        "seconds_median": median(seconds) if seconds else None,
        "seconds_p95": _p95(seconds) if seconds else None,
        "input_tokens": _total([answer.input_tokens for answer in answers]),
        "output_tokens": _total([answer.output_tokens for answer in answers]),
    }
    if verdicts is not None:
        found["judge_usd"] = _total([verdicts.said[one.cell.id][2] for one in column.scored])
    if (difference := column.difference) is not None:
        found["difference"] = {str(difference.metric): difference.to_json()}
    return found


def _p95(seconds: Sequence[float]) -> float:
    return quantiles(seconds, n=20)[-1] if len(seconds) > 1 else seconds[0]


def _total(counts: Sequence[Any]) -> Any:
    return None if None in counts else sum(counts)


def _result(
    scored: Sequence[CellScores],
    measured: Mapping[str, Mapping[str, Any]],
    answers: Answers,
    task: str,
    labels: Sequence[str],
    rows: int,
) -> dict[str, Any]:
    first = scored[0]
    timed = len(scored) == 1 and all(one.answer.seconds is not None for one in first.scored)
    spent = answers.seconds if timed else None  # of several columns nobody knows whose time it was
    return {
        **({} if spent is None else {"seconds": {"evaluate": round(spent, 3)}}),
        "model": first.model if len({c.model for c in scored}) == 1 else "several",
        "task": {"type": task, "labels": list(labels), "rows": rows},
        "metrics": first.metrics if len(scored) == 1 else {},
        "cells": [
            {
                "model": column.model,
                "variant": column.variant,
                **measured[column.name],
                "cut": column.cut,
                "no_label": column.invalid,
                **({"confusion": column.confusion} if column.confusion else {}),
                "difference": column.difference.to_json() if column.difference else None,
            }
            for column in scored
        ],
        "accounts": answers.accounts.record(),
    }

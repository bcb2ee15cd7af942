"""How an experiment whose model writes answers ends: scores, differences, cost, gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import quantiles
from typing import Any

from .data import Row
from .errors import RunError, Truncated
from .prompting import Answers
from .prompting.types import Cell
from .records import Run
from .scoring import CellScores, Gate, Metric, judge, score_matrix
from .scoring.gates import enforce, record_verdicts

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
    confidence: float = 0.95,
    seed: int = 0,
    gates: Sequence[Gate] = (),
) -> None:
    """Score the answers, write predictions, result and reports of gates, and end the run.

    Scores are withheld where answers are missing, because the budget ended or calls failed: the
    rows that were answered are no fair sample of those asked.

    Args:
        task: the type of the task, for the record.
        labels: of a classification whose answers are written.
        schema: JSON Schema that answers have to satisfy.
        confidence: level of the intervals, between 0 and 1.
        seed: of the resampling.

    Raises:
        RunError: answers are missing, `Truncated` where the budget ended the run. What was
            answered stays in the ledger.
        SystemExit: with code 4, where a gate does not hold.
    """
    _require_all(run, answers, cells)
    scored = score_matrix(
        cells,
        answers,
        test,
        metrics,
        labels=labels,
        schema=schema,
        confidence=confidence,
        seed=seed,
    )
    run.write_predictions(line for column in scored for line in _predictions(column))
    measured = {column.name: _measured(column) for column in scored}
    verdicts = judge(gates, measured)
    result = _result(scored, measured, answers, task, labels, len(test))
    run.finish(**result, **record_verdicts(run, verdicts))
    print("\n".join(_summary(scored, measured)), flush=True)
    enforce(verdicts)


def _require_all(run: Run, answers: Answers, cells: Sequence[Cell]) -> None:
    if answers.truncated:
        got = sum(cell.id in answers and not answers[cell.id].error for cell in cells)
        raise Truncated(
            f"the budget ended the run ({answers.truncated}) after {got} of {len(cells)} answers, "
            "so there are no scores",
            f"raise it and go on with --resume {run.id}: what is answered is not asked again",
        )
    failed = [answers[cell.id] for cell in cells if cell.id in answers and answers[cell.id].error]
    missing = sum(cell.id not in answers for cell in cells)
    if failed or missing:
        first = f"; the first: {failed[0].error}" if failed else ""
        raise RunError(
            f"{len(failed) + missing} of {len(cells)} calls gave no answer{first}",
            f"go on with --resume {run.id} --retry-errors",
        )


def _predictions(column: CellScores) -> list[dict[str, Any]]:
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
            "examples": list(one.cell.examples),
            "cell": one.cell.id,
        }
        for one in column.scored
    ]


def _measured(column: CellScores) -> dict[str, Any]:
    """Everything a gate can look at; what is not known is None."""
    answers = [one.answer for one in column.scored]
    known = [answer.seconds for answer in answers if answer.seconds is not None]
    seconds = known if len(known) == len(answers) else []
    paid = [answer.usd for answer in answers]
    return {
        **column.metrics,
        "calls": len(answers),
        "usd": None if None in paid else sum(usd or 0.0 for usd in paid),
        "seconds": sum(seconds) / len(seconds) if seconds else None,
        "seconds_p95": _p95(seconds) if seconds else None,
        "input_tokens": _total([answer.input_tokens for answer in answers]),
        "output_tokens": _total([answer.output_tokens for answer in answers]),
    }


def _p95(seconds: Sequence[float]) -> float:
    return quantiles(seconds, n=20)[-1] if len(seconds) > 1 else seconds[0]


def _total(counts: Sequence[int | None]) -> int | None:
    return None if None in counts else sum(count or 0 for count in counts)


def _result(
    scored: Sequence[CellScores],
    measured: Mapping[str, Mapping[str, Any]],
    answers: Answers,
    task: str,
    labels: Sequence[str],
    rows: int,
) -> dict[str, Any]:
    first = scored[0]
    return {
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
                "difference": column.difference.to_json() if column.difference else None,
            }
            for column in scored
        ],
        "accounts": answers.accounts.record(),
    }


def _summary(scored: Sequence[CellScores], measured: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = []
    for column in scored:
        found = measured[column.name]
        lines.append(f"{column.name}:")
        for name, one in column.metrics.items():
            ends = f"[{one['low']:.3f}, {one['high']:.3f}]"
            lines.append(f"  {name} {one['value']:.3f} {ends} on {one['n']} rows")
        cost = "cost unknown" if found["usd"] is None else f"${found['usd']:.4f}"
        each = "" if found["seconds"] is None else f", {found['seconds']:.2f} s each"
        lines.append(f"  {found['calls']} answers{each}, {cost}")
        if column.cut:
            lines.append(f"  {column.cut} answers were cut at max_tokens")
        if column.invalid:
            lines.append(f"  {column.invalid} answers were no label")
        if column.difference:
            lines.append("  " + _difference(column, scored[0]))
    return lines


def _difference(column: CellScores, first: CellScores) -> str:
    found = column.difference
    assert found is not None
    metric = next(name for name in column.metrics if name != "macro_f1")
    return (
        f"{metric} {found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}] against {first.name}, "
        f"p {found.p_holm:.3g} ({found.test}, Holm); {found.rows} rows show {found.smallest:.3f}"
    )

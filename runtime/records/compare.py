"""Runs side by side: what they found, what they cost, and whether they truly differ."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import RunError
from .costs import Costs, costs_of
from .curves import read_curve
from .files import read_json, read_json_lines
from .listing import RunInfo, find_any, find_completed
from .measures import metrics_of
from .numbers import part
from .paired import Paired, PairedScores, compare_measured, compare_predictions

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """One run, or one column of a matrix, with everything the comparison shows of it."""

    info: RunInfo
    result: dict[str, Any]
    predictions: Rows
    curve: Rows
    next_word: dict[str, Any] | None
    paired: Paired | PairedScores | None  # against the first; None for it and for other test rows
    column: str = ""  # model and variant, where the run asked in several ways
    costs: Costs | None = None

    @property
    def title(self) -> str:
        """The name a reader knows the run by."""
        return f"{self.info.name} {self.column}".rstrip()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Completed runs in the order they were given."""

    runs: tuple[ComparedRun, ...]

    def render_text(self, width: int = 100) -> str:
        """Return a table of at most `width` columns, with notes beneath it."""
        from .table import render_table

        return render_table(self.runs, width)

    def to_json(self) -> dict[str, Any]:
        """Return everything that the table says as plain data."""
        from .compared_json import comparison_json

        return comparison_json(self.runs)

    def write_html(self, path: str | Path, *, details: bool = False) -> Path:
        """Write one self-contained HTML file and return its path; `details` are of each run."""
        from .report import render_report

        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render_report(self.runs, details=details), encoding="utf-8")
        return path


def compare_runs(
    paths: Sequence[str | Path], *, usd_per_hour: float | None = None, unfinished: bool = False
) -> Comparison:
    """Read runs from their folders; a folder of runs stands for its newest completed one.

    Args:
        usd_per_hour: dollars of a device for an hour, where the run's records have no price.
        unfinished: take runs without a result too, as far as they came.

    Raises:
        RunError: no path is given, or one of them holds no completed run.
    """
    if not paths:
        raise RunError("nothing to compare; name at least one run folder, such as runs/<name>")
    find = find_any if unfinished else find_completed
    runs = [one for path in paths for one in _columns(_read(find(path)))]
    runs = [replace(run, costs=costs_of(run, usd_per_hour)) for run in runs]
    return Comparison(tuple([runs[0], *(_against(runs[0], run) for run in runs[1:])]))


def _read(info: RunInfo) -> ComparedRun:
    found = sorted(info.folder.rglob("next_word.json"))
    next_word = read_json(found[0]) if found else None
    return ComparedRun(
        info=info,
        result=_result(info),
        predictions=_predictions(info),
        curve=read_curve(info.folder),
        next_word=next_word if isinstance(next_word, dict) else None,
        paired=None,
    )


def _result(info: RunInfo) -> dict[str, Any]:
    """Return the result of a run, and what tasks of lm-eval measured beside it."""
    tasks = read_json(info.folder / "lm_eval.json")
    more = {"lm_eval": tasks} if isinstance(tasks, dict) else {}
    return {**(info.result or {}), **more}


def _columns(run: ComparedRun) -> list[ComparedRun]:
    """Return a run for each way of asking, where there are several; they share what it cost."""
    cells = part(run.result, "cells")
    if not isinstance(cells, list) or len(cells) < 2:
        return [run]
    return [_column(run, cell) for cell in cells]


def _column(run: ComparedRun, cell: dict[str, Any]) -> ComparedRun:
    model, variant = str(cell.get("model")), str(cell.get("variant"))
    metrics = {name: one for name, one in cell.items() if part(one, "value") is not None}
    metrics.pop("difference", None)
    own = {"model": model, "metrics": metrics, "confusion": cell.get("confusion"), "cells": [cell]}
    asked = [r for r in run.predictions if (r.get("model"), r.get("variant")) == (model, variant)]
    return replace(
        run, result=run.result | own, predictions=asked, column=f"{model.split('/')[-1]}/{variant}"
    )


def _against(first: ComparedRun, run: ComparedRun) -> ComparedRun:
    """Compare right and wrong labels, or the scores of what both measured of written answers."""
    known = [name for name in metrics_of(first.result) if name in metrics_of(run.result)]
    labels = "accuracy" in known or not known
    paired: Paired | PairedScores | None = None
    if labels:
        paired = compare_predictions(first.predictions, run.predictions)
    if paired is None:
        confidence = _confidence(run.info)
        paired = compare_measured(first.predictions, run.predictions, known, confidence)
    return replace(run, paired=paired)


def _confidence(info: RunInfo) -> float:
    said = part(read_json(info.folder / "plan.json") or {}, "common", "evaluate", "confidence")
    return said if isinstance(said, float) and 0 < said < 1 else 0.95


def _predictions(info: RunInfo) -> Rows:
    """Return predictions that have what comparing needs."""
    rows = read_json_lines(info.folder / "predictions.jsonl")
    return [row for row in rows if {"id", "label", "prediction"} <= row.keys()]

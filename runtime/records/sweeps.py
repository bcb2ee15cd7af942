"""The trials of a sweep side by side: what was varied, what came of it, the best first."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import RunError
from .files import read_json, write_json
from .listing import RunInfo, read_info
from .numbers import part

SWEEP = "sweep.json"
_LOSSES = ("loss", "bits_per_byte", "perplexity", "error", "mae", "mse", "cost", "seconds")
"""Words in a metric's name that say that less is better."""

_OTHERS = ("validation.best_loss", "validation.loss", "pretraining.bits_per_byte")
"""What ranks trials that have no metric on test rows."""


@dataclass(frozen=True, slots=True)
class TrialRun:
    """A trial and its newest run; ``score`` is None where that has none yet."""

    name: str
    values: Mapping[str, Any]
    info: RunInfo | None
    score: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class SweepTable:
    """All trials, the best first, those without a score last."""

    metric: str
    minimize: bool
    trials: tuple[TrialRun, ...]

    def render_text(self) -> str:
        """Return the table: a column for each varied field, the metric, and what became of it."""
        fields = list(dict.fromkeys(field for one in self.trials for field in one.values))
        better = "less" if self.minimize else "more"
        rows = [[*fields, self.metric, "interval", "seconds", "run"]]
        rows += [[*(_cell(one.values.get(field)) for field in fields), *_found(one)]
                 for one in self.trials]  # fmt: skip
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
        return "\n".join([*(line.rstrip() for line in lines), f"{better} is better"]) + "\n"


def write_sweep(
    folder: Path,
    *,
    metric: str | None,
    direction: str | None,
    trials: Sequence[Mapping[str, Any]],
    search: Mapping[str, Any] | None = None,
) -> None:
    """Write which trials a sweep has into the folder of its name.

    ``search`` is what a search was begun with; its trials are those that were drawn so far.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = {"metric": metric, "direction": direction, "trials": list(trials)}
    write_json(folder / SWEEP, state | ({} if search is None else {"search": search}))


def read_search(folder: Path) -> tuple[Any, list[Any]] | None:
    """Return what a search was begun with, and its trials so far; None where there is none."""
    said = read_json(folder / SWEEP)
    if not isinstance(said, dict) or not isinstance(said.get("trials"), list):
        return None
    return said.get("search"), said["trials"]


def is_sweep(folder: Path) -> bool:
    """Say whether a folder of runs is that of a sweep."""
    return (folder / SWEEP).is_file()


def compare_sweep(folder: Path) -> SweepTable:
    """Read the trials of a sweep and rank them.

    Raises:
        RunError: the record is damaged, or no trial has a result yet.
    """
    said = read_json(folder / SWEEP)
    named = said.get("trials") if isinstance(said, dict) else None
    if not isinstance(named, list):
        raise RunError(f"{folder / SWEEP} cannot be read; run the sweep again with --resume latest")
    runs = [(one, newest_run(folder.parent / str(one.get("name")))) for one in named]
    metric = said.get("metric") or _first_metric([run for _, run in runs])
    if metric is None:
        raise RunError(f"no trial of {folder.name} has a result yet; run it first")
    minimize = minimizes(metric, said.get("direction"))
    trials = [_trial(one, run, metric) for one, run in runs]
    sign = 1.0 if minimize else -1.0
    trials.sort(key=lambda one: (one.score is None, sign * (one.score or 0.0)))
    return SweepTable(metric, minimize, tuple(trials))


def minimizes(metric: str, direction: str | None) -> bool:
    """Say whether less of a metric is better: as said, or as its name says."""
    if direction is not None:
        return direction == "minimize"
    return any(word in metric.lower() for word in _LOSSES)


def newest_run(folder: Path) -> RunInfo | None:
    """Return the newest completed run of a name; of those without a result, the newest."""
    found = [info for path in sorted(folder.glob("*/run.json")) if (info := read_info(path.parent))]
    return max(found, key=lambda one: (one.result is not None, one.started, one.id), default=None)


def _trial(said: Mapping[str, Any], info: RunInfo | None, metric: str) -> TrialRun:
    measured = _measured(info, metric)
    low, high = part(measured, "low"), part(measured, "high")
    interval = (float(low), float(high)) if low is not None and high is not None else None
    score = score_of(info, metric)
    return TrialRun(str(said.get("name")), said.get("values") or {}, info, score, interval)


def score_of(info: RunInfo | None, metric: str) -> float | None:
    """Return the number that a run is ranked by; None where it has none."""
    measured = _measured(info, metric)
    score = measured.get("value") if isinstance(measured, Mapping) else measured
    known = isinstance(score, (int, float)) and not isinstance(score, bool)
    return float(score) if known and score is not None else None


def _measured(info: RunInfo | None, metric: str) -> Any:
    """Return what a run measured: of its metrics, of its first column, or at a path."""
    result = info.result if info is not None and info.result is not None else {}
    cells = part(result, "cells")
    places = [part(result, "metrics", metric), part(result, *metric.split("."))]
    places += [part(cells[0], metric)] if isinstance(cells, list) and cells else []
    return next((found for found in places if found is not None), None)


def _first_metric(runs: Sequence[RunInfo | None]) -> str | None:
    for info in runs:
        result = info.result if info is not None and info.result is not None else {}
        cells = part(result, "cells")
        first = cells[0] if isinstance(cells, list) and cells else {}
        named = [
            *(part(result, "metrics") or {}),
            *(k for k, v in first.items() if part(v, "value")),
        ]
        named += [path for path in _OTHERS if part(result, *path.split(".")) is not None]
        if named:
            return str(named[0])
    return None


def _found(one: TrialRun) -> list[str]:
    score = "–" if one.score is None else f"{one.score:.4g}"
    between = "–" if one.interval is None else f"[{one.interval[0]:.3f}, {one.interval[1]:.3f}]"
    if one.info is None:
        return [score, between, "–", "not run"]
    seconds = part(one.info.result or {}, "seconds", "total")
    took = "–" if seconds is None else f"{seconds:.1f}"
    done = one.info.status == "completed"
    return [score, between, took, f"{one.name}/{one.info.id}" if done else one.info.status]


def _cell(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    flat = "".join(char if char.isprintable() else " " for char in text)
    return flat if len(flat) <= 32 else flat[:29] + "..."

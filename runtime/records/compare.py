"""Runs side by side: what they found, what they cost, and whether they truly differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import RunError
from .files import read_json, read_json_lines
from .listing import RunInfo, find_completed
from .paired import Paired, compare_predictions


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """One run with everything the comparison shows of it."""

    info: RunInfo
    result: dict[str, Any]
    predictions: list[dict[str, Any]]
    curve: list[dict[str, Any]]
    next_word: dict[str, Any] | None
    picture: Path | None
    paired: Paired | None  # against the first run; None for it and for other test rows

    @property
    def title(self) -> str:
        """The name a reader knows the run by."""
        return self.info.name


@dataclass(frozen=True, slots=True)
class Comparison:
    """Completed runs in the order they were given."""

    runs: tuple[ComparedRun, ...]

    def render_text(self, width: int = 100) -> str:
        """Return a table of at most `width` columns, with notes beneath it."""
        from .table import render_table

        return render_table(self.runs, width)

    def write_html(self, path: str | Path) -> Path:
        """Write one self-contained HTML file and return its path."""
        from .report import render_report

        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render_report(self.runs), encoding="utf-8")
        return path


def compare_runs(paths: Sequence[str | Path]) -> Comparison:
    """Read runs from their folders; a folder of runs stands for its newest completed one.

    Raises:
        RunError: no path is given, or one of them holds no completed run.
    """
    if not paths:
        raise RunError("nothing to compare; name at least one run folder, such as runs/<name>")
    infos = [find_completed(path) for path in paths]
    first = _predictions(infos[0])
    return Comparison(tuple(_read(info, first if number else None) for number, info in
                            enumerate(infos)))  # fmt: skip


def _read(info: RunInfo, first: list[dict[str, Any]] | None) -> ComparedRun:
    predictions = _predictions(info)
    found = sorted(info.folder.rglob("next_word.json"))
    next_word = read_json(found[0]) if found else None
    picture = found[0].with_suffix(".png") if found else None
    return ComparedRun(
        info=info,
        result=info.result or {},
        predictions=predictions,
        curve=read_json_lines(info.folder / "metrics.jsonl"),
        next_word=next_word if isinstance(next_word, dict) else None,
        picture=picture if picture is not None and picture.is_file() else None,
        paired=None if first is None else compare_predictions(first, predictions),
    )


def _predictions(info: RunInfo) -> list[dict[str, Any]]:
    """Return predictions that have what comparing needs."""
    rows = read_json_lines(info.folder / "predictions.jsonl")
    return [row for row in rows if {"id", "label", "prediction"} <= row.keys()]

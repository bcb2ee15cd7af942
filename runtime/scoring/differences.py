"""What columns are compared with: another column of the matrix, or an earlier run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..data import Row
from ..errors import DataError, RunError
from ..paths import inside_project
from ..records.files import read_json_lines
from ..records.listing import find_completed
from .matrix import CellScores, fill
from .statistics import Difference, holm, paired_difference

__all__ = ["Earlier", "compare_scores", "read_baseline", "with_differences"]

RowScores = Mapping[str, Sequence[float | None]]
"""Id of a row -> the scores of the answers to it; None is not known."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier run on the same rows, measured by `metric`.

    `scorers` is what that run recorded of measures that are models or functions themselves.
    """

    name: str
    id: str
    metric: str
    columns: Mapping[tuple[str, str], RowScores]
    scorers: Mapping[str, Any]

    @property
    def title(self) -> str:
        """The run's name in sentences."""
        return f"run:{self.name} ({self.id})"

    def column(self, model: str, variant: str) -> RowScores:
        """Return the scores of the same column, or of the only one.

        Raises:
            DataError: the run has several columns, and none of that name.
        """
        if len(self.columns) == 1:
            return next(iter(self.columns.values()))
        if (model, variant) not in self.columns:
            known = ", ".join(f"{m}/{v}" for m, v in self.columns)
            raise DataError(
                f"{self.title} has no column {model}/{variant} to compare with; it has {known}",
                "name models and variants as there, or compare with a run of one column",
            )
        return self.columns[model, variant]

    def check_scorer(self, here: Mapping[str, Any]) -> None:
        """Refuse to compare what two judges, encoders or functions said.

        Raises:
            DataError: the measure was another one then.
        """
        if self.scorers.get(self.metric) != here.get(self.metric):
            raise DataError(
                f"{self.metric} of {self.title} was found in another way than here",
                "score its answers anew with --reuse, or compare by another metric",
            )


def read_baseline(name: str, rows: Sequence[Row], *, metric: str) -> Earlier:
    """Read the newest completed run of the experiment `name`, which has to have the same rows.

    Raises:
        RunError: there is no such run.
        DataError: its rows differ, or it has no scores by `metric`.
    """
    info = find_completed(inside_project(f"runs/{name}", RunError))
    lines = read_json_lines(info.folder / "predictions.jsonl")
    columns: dict[tuple[str, str], dict[str, list[float | None]]] = {}
    for line in lines:
        column = columns.setdefault((str(line.get("model")), str(line.get("variant"))), {})
        column.setdefault(str(line.get("id")), []).append(_score_of(line, metric, info.folder.name))
    scorers = (info.result or {}).get("scorers") or {}
    earlier = Earlier(name, info.id, metric, columns, scorers)
    _check_rows(earlier, lines, rows)
    return earlier


def _score_of(line: Mapping[str, Any], metric: str, run: str) -> float | None:
    """Read a prediction's score; those of likelihoods are ranks of labels, and none of ours."""
    if "cell" in line and metric in line.get("scores", {}):
        found = line["scores"][metric]
        return None if found is None else float(found)
    if metric == "accuracy" and "cell" not in line and {"label", "prediction"} <= line.keys():
        return float(line["label"] == line["prediction"])
    raise DataError(
        f"run {run}, the baseline, has no {metric} of each answer",
        "run it anew with that metric, by --reuse at no cost, or set evaluate.compare",
    )


def _check_rows(earlier: Earlier, lines: Sequence[Mapping[str, Any]], rows: Sequence[Row]) -> None:
    wanted = {row.id: row for row in rows}
    cure = "compare with a run on the same rows: the same file, limit and seed"
    for found in earlier.columns.values() or ({},):
        if odd := found.keys() ^ wanted.keys():
            raise DataError(
                f"{earlier.title} was tested on other rows: {len(odd)} are in one of the two "
                f"alone, such as {min(odd)}", cure,
            )  # fmt: skip
    for line in lines:
        row = wanted[line["id"]]
        if line.get("label") != row.label or line.get("fields", row.fields) != row.fields:
            raise DataError(f"row {row.id} has changed since {earlier.title}", cure)


def with_differences(
    scored: Sequence[CellScores],
    metric: str | None,
    baseline: tuple[str, str] | Earlier | None,
    confidence: float,
    seed: int,
) -> list[CellScores]:
    """Compare every column with the baseline by one metric; p-values are corrected together.

    Args:
        metric: what is compared; None compares nothing.
        baseline: None is the first column.
    """
    if metric is None:
        return list(scored)
    if baseline is None:
        baseline = (scored[0].model, scored[0].variant)
    found: dict[int, Difference] = {}
    for index, column in enumerate(scored):
        if baseline == (column.model, column.variant):
            continue
        before = _before(scored, baseline, column, metric)
        difference = compare_scores(before, scores_of(column, metric), confidence, seed)
        if difference is not None:
            against = baseline.title if isinstance(baseline, Earlier) else "/".join(baseline)
            found[index] = replace(difference, metric=metric, against=against)
    corrected = holm([one.p_value for one in found.values()])
    for (index, one), p_value in zip(found.items(), corrected, strict=True):
        found[index] = replace(one, p_holm=p_value)
    return [replace(one, difference=found.get(index)) for index, one in enumerate(scored)]


def _before(
    scored: Sequence[CellScores],
    baseline: tuple[str, str] | Earlier,
    column: CellScores,
    metric: str,
) -> RowScores:
    if isinstance(baseline, Earlier):
        return baseline.column(column.model, column.variant)
    for one in scored:
        if (one.model, one.variant) == baseline:
            return scores_of(one, metric)
    raise DataError(f"there is no column {'/'.join(baseline)} to compare with")


def scores_of(column: CellScores, metric: str) -> dict[str, list[float | None]]:
    """Return a column's scores by row."""
    rows: dict[str, list[float | None]] = {}
    for one in column.scored:
        rows.setdefault(one.cell.row, []).append(one.scores[metric])
    return rows


def compare_scores(
    before: RowScores, after: RowScores, confidence: float, seed: int
) -> Difference | None:
    """Compare row means; None where no row has a score on both sides.

    The test is of the rows whose scores are all known. Where some are not, the interval reaches
    from the worst that they can be for `after` to the best.
    """
    rows = list(after)
    whole = [row for row in rows if None not in before[row] and None not in after[row]]
    if not whole:
        return None
    first, second = _means(before, whole, 0.0), _means(after, whole, 0.0)
    found = paired_difference(first, second, confidence, seed)
    if len(whole) == len(rows):
        return found
    worst = paired_difference(
        _means(before, rows, 1.0), _means(after, rows, 0.0), confidence, seed
    )  # fmt: skip
    best = paired_difference(_means(before, rows, 0.0), _means(after, rows, 1.0), confidence, seed)
    return replace(found, low=worst.low, high=best.high)


def _means(scores: RowScores, rows: Sequence[str], unknown: float) -> list[float]:
    filled = fill([scores[row] for row in rows], unknown)
    return [sum(row) / len(row) for row in filled]

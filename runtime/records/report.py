"""Runs as one HTML file that needs nothing else to be read: no script, nothing from elsewhere."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from .confusions import confusions
from .cost_text import HEADER, cost_cells, cost_notes, dollars, seconds
from .curated import curation_notes
from .measures import metric_title, shown_metrics
from .numbers import byte_count, count, duration, part, percent, short_model
from .page import PAGE
from .report_answers import MOST_LABELS, answer_tables, visible
from .report_curves import COLOURS, curve_charts
from .report_details import run_details
from .style import style
from .table import (
    COSTS,
    costs,
    lm_eval_note,
    majority,
    most_memory,
    paired_note,
    pretraining_note,
)

if TYPE_CHECKING:
    from .compare import ComparedRun

Runs = Sequence["ComparedRun"]

SECTIONS = {
    "intervals": ("uncertainty", "Uncertainty"),
    "prices": ("cost", "Cost"),
    "curves": ("curves", "Training"),
    "confusions": ("confusion", "Confusion"),
    "pictures": ("next-word", "Next word"),
    "details": ("runs", "Details"),
    "samples": ("answers", "Answers"),
}
"""Part of the page that may be missing -> its place and its name in the list at the top."""

LONGEST_TOKEN = 60
FEW = 2
"""Runs whose names fit into a title."""


def render_report(runs: Runs, *, details: bool = False) -> str:
    """Return the page. Everything read from records is escaped by the template.

    With `details` it has what was planned, the spec with its origins, and the machine of each run.
    """
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    names = _names(runs)
    metrics = shown_metrics(runs)
    baseline = majority(runs)
    parts: dict[str, Any] = {
        "intervals": _intervals(runs, names, metrics[0], baseline),
        "prices": _prices(runs, names),
        "curves": curve_charts(runs, names),
        "confusions": confusions(runs, names),
        "samples": [_captioned(table) for table in answer_tables(runs, names)],
        "pictures": _pictures(runs, names),
        "details": [run_details(*one) for one in _each(runs, names)] if details else [],
    }
    found = [place for key, place in SECTIONS.items() if parts[key]]
    return environment.from_string(PAGE).render(
        title=_title(runs),
        subtitle=_subtitle(runs),
        style=Markup(style(COLOURS, MOST_LABELS)),
        sections=[("results", "Results"), *found],
        tiles=_tiles(runs[0], metrics[0]) if len(runs) == 1 else [],
        metrics=[metric_title(name) for name in metrics],
        costs=COSTS,
        rows=[_row(run, name, metrics) for run, name in zip(runs, names, strict=True)],
        majority=_majority(baseline, metrics),
        notes=_notes(runs),
        **parts,
    )


def _names(runs: Runs) -> list[str]:
    """Return run names, with ids where one name stands for several runs."""
    titles = [run.title for run in runs]
    return [
        f"{run.title} {run.info.id}" if titles.count(run.title) > 1 else run.title for run in runs
    ]


def _title(runs: Runs) -> str:
    titles = list(dict.fromkeys(run.title for run in runs))
    return " · ".join(titles) if len(titles) <= FEW else f"{len(runs)} runs side by side"


def _each(runs: Runs, names: Sequence[str]) -> list[tuple["ComparedRun", str]]:
    """Return each run once, though it may have several columns."""
    found: dict[Any, tuple[ComparedRun, str]] = {}
    for run, name in zip(runs, names, strict=True):
        found.setdefault(run.info.folder, (run, run.info.name if run.column else name))
    return list(found.values())


def _subtitle(runs: Runs) -> str:
    task = next((found for run in runs if (found := part(run.result, "task"))), None)
    if task is None:
        states = dict.fromkeys(f"{run.info.level}, {run.info.status}" for run in runs)
        return "; ".join(states) + ". No test rows were measured."
    labels = ", ".join(str(label) for label in part(task, "labels") or ())
    rows = f"{part(task, 'rows') or 0:,} test rows"
    return f"{rows}, each one of: {labels}." if labels else f"{rows}."


def _tiles(run: "ComparedRun", metric: str) -> list[dict[str, str]]:
    """Return the figures that a reader wants first of a run alone."""
    result, found = run.result, part(run.result, "metrics", metric)
    trained = part(result, "parameters", "trained")
    tiles = [
        (metric_title(metric), percent(part(found or {}, "value")), _measure(found)[1]),
        ("time in all", duration(part(result, "seconds", "total")), _training_time(run)),
        ("peak memory", byte_count(most_memory(result)), "of one process"),
        ("parameters", count(part(result, "parameters", "total")),
         f"{count(trained)} trained" if trained else "none trained"),
        ("a row's wait", seconds(run.costs.row_median) if run.costs else "–",
         f"median; 95% within {seconds(run.costs.row_p95)}" if run.costs else ""),
        ("1,000 rows", _priced(run.costs.usd_per_thousand if run.costs else None), "US dollars"),
    ]  # fmt: skip
    return [
        {"label": label, "value": value, "note": note}
        for label, value, note in tiles
        if value not in ("–", "?")
    ]


def _priced(usd: float | None) -> str:
    return "?" if usd is None else f"${dollars(usd)}"


def _training_time(run: "ComparedRun") -> str:
    trains = run.costs is not None and run.costs.trains
    return f"{duration(part(run.result, 'seconds', 'train'))} in training" if trains else ""


def _row(run: "ComparedRun", name: str, metrics: Sequence[str]) -> dict[str, Any]:
    return {
        "name": name,
        "level": run.info.level,
        "model": short_model(part(run.result, "model")),
        "measures": [_measure(part(run.result, "metrics", key)) for key in metrics],
        "costs": costs(run),
    }


def _measure(metric: Any) -> tuple[str, str]:
    """Return the value and its interval, apart, so that values line up."""
    low, high = part(metric or {}, "low"), part(metric or {}, "high")
    ends = f"{100 * low:.1f} to {100 * high:.1f}" if low is not None and high is not None else ""
    return percent(part(metric or {}, "value")), ends


def _majority(baseline: dict[str, Any] | None, metrics: Sequence[str]) -> dict[str, Any] | None:
    if not baseline:
        return None
    share = percent(baseline.get("accuracy"))
    return {
        "label": baseline.get("label"),
        "measures": [share if name == "accuracy" else "" for name in metrics],
    }


def _notes(runs: Runs) -> list[str]:
    pairs = [paired_note(run, runs[0]) for run in runs[1:]]
    bits = [note for run in runs if (note := pretraining_note(run))]
    tasks = [note for run in runs if (note := lm_eval_note(run))]
    text = [f"{run.title}: {note}" for run in runs for note in curation_notes(run.info.folder)]
    return [f"{note}." for note in [*pairs, *bits, *tasks, *text]]


def _prices(runs: Runs, names: Sequence[str]) -> dict[str, Any]:
    rows = zip(runs, names, strict=True)
    return {
        "names": HEADER,
        "rows": [{"name": name, "cells": cost_cells(run)} for run, name in rows],
        "notes": cost_notes(runs),
    }


def _intervals(
    runs: Runs, names: Sequence[str], metric: str, baseline: dict[str, Any] | None
) -> dict[str, Any] | None:
    """Return each run's share with its interval, in percent of the width."""
    rows = []
    for index, (run, name) in enumerate(zip(runs, names, strict=True)):
        found = part(run.result, "metrics", metric) or {}
        value, low, high = (part(found, key) for key in ("value", "low", "high"))
        if None not in (value, low, high):
            low, high = max(0.0, low), min(1.0, high)
            places = {"value": value, "low": low, "width": high - low}
            rows.append({
                "name": name, "colour": index % COLOURS,
                "percent": percent(value), "said": f"{low:.1%} to {high:.1%}",
                **{key: round(100 * share, 2) for key, share in places.items()},
            })  # fmt: skip
    if not rows:
        return None
    share = baseline.get("accuracy") if baseline and metric == "accuracy" else None
    return {
        "title": f"{metric_title(metric).capitalize()} and its uncertainty",
        "rows": rows,
        "reference": None if share is None else round(100 * share, 2),
        "caption": _interval_caption(metric, baseline),
    }


def _interval_caption(metric: str, baseline: dict[str, Any] | None) -> str:
    if metric != "accuracy":
        return f"Dot: mean {metric_title(metric)} of the test rows. Bar: confidence interval."
    dashes = "" if baseline is None else " Dashed: always answering the commonest label."
    return f"Dot: share of test rows answered right. Bar: confidence interval.{dashes}"


def _pictures(runs: Runs, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the likeliest next tokens of each run, as shares of the likeliest of all."""
    found = [
        (index, name, run.next_word or {}, part(run.next_word or {}, "top")
         or part(run.result, "next_word") or ())
        for index, (run, name) in enumerate(zip(runs, names, strict=True))
    ]  # fmt: skip
    tops = [part(row, "probability") or 0.0 for _, _, _, rows in found for row in rows]
    most = max(tops, default=0.0) or 1.0
    return [
        {
            "title": name,
            "text": visible(str(said.get("text") or ""), LONGEST_TOKEN * 4),
            "colour": index % COLOURS,
            "rows": [_bar(row, most) for row in rows],
        }
        for index, name, said, rows in found
        if rows
    ]


def _bar(row: dict[str, Any], most: float) -> tuple[str, str, float]:
    share = part(row, "probability") or 0.0
    token = visible(str(row.get("token")), LONGEST_TOKEN).replace(" ", "␣").replace("\n", "↵")
    return token, percent(share), round(100 * share / most, 1)


def _captioned(table: dict[str, Any]) -> dict[str, Any]:
    by = f" (a failure: {table['score']} below one half)" if table["score"] else ""
    caption = (
        f"{table['failed']:,} of {table['all']:,} rows were answered wrong by at least one run{by};"
        f" {table['shown']:,} rows are shown."
    )
    return {**table, "caption": caption}

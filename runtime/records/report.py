"""The comparison as one HTML file that needs nothing else to be read."""

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from .charts import Share, interval_chart, line_chart
from .confusions import confusions
from .curated import curation_notes
from .measures import metric_title, shown_metrics
from .numbers import part, percent, short_model
from .page import PAGE
from .paired import is_right
from .table import COSTS, costs, lm_eval_note, majority, paired_note, pretraining_note

if TYPE_CHECKING:
    from .compare import ComparedRun

MOST_ROWS = 60
LONGEST_TEXT = 400

Runs = Sequence["ComparedRun"]


def render_report(runs: Runs) -> str:
    """Return the page. Everything read from records is escaped by the template."""
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    baseline = majority(runs)
    names = _names(runs)
    metrics = shown_metrics(runs)
    return environment.from_string(PAGE).render(
        title=" · ".join(dict.fromkeys(run.title for run in runs)),
        subtitle=_subtitle(runs),
        metrics=[metric_title(name) for name in metrics],
        costs=COSTS,
        rows=[_row(run, name, metrics) for run, name in zip(runs, names, strict=True)],
        majority=baseline
        and {
            "label": baseline.get("label"),
            "measures": [
                percent(baseline.get("accuracy")) if name == "accuracy" else "" for name in metrics
            ],
        },
        notes=_notes(runs),
        interval_title=f"{metric_title(metrics[0]).capitalize()} and its uncertainty",
        intervals=_intervals(runs, names, metrics[0], baseline),
        interval_caption=_interval_caption(metrics[0], baseline),
        confusions=confusions(runs, names),
        curves=_curves(runs, names),
        pictures=_pictures(runs, names),
        samples=_samples(runs, names),
    )


def _names(runs: Runs) -> list[str]:
    """Return run names, with ids where one name stands for several runs."""
    titles = [run.title for run in runs]
    return [
        f"{run.title} {run.info.id}" if titles.count(run.title) > 1 else run.title for run in runs
    ]


def _subtitle(runs: Runs) -> str:
    task = next((found for run in runs if (found := part(run.result, "task"))), None)
    if task is None:
        return "Runs without a task in common."
    labels = ", ".join(str(label) for label in part(task, "labels") or ())
    rows = f"{part(task, 'rows') or 0:,} test rows"
    return f"{rows}, each one of: {labels}." if labels else f"{rows}."


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


def _notes(runs: Runs) -> list[str]:
    pairs = [paired_note(run, runs[0]) for run in runs[1:]]
    bits = [note for run in runs if (note := pretraining_note(run))]
    tasks = [note for run in runs if (note := lm_eval_note(run))]
    text = [f"{run.title}: {note}" for run in runs for note in curation_notes(run.info.folder)]
    return [f"{note}." for note in [*pairs, *bits, *tasks, *text]]


def _intervals(
    runs: Runs, names: Sequence[str], metric: str, baseline: dict[str, Any] | None
) -> Markup | None:
    shares = []
    for run, name in zip(runs, names, strict=True):
        found = part(run.result, "metrics", metric) or {}
        values = [part(found, key) for key in ("value", "low", "high")]
        if None not in values:
            shares.append(Share(name, *values))
    reference = None if baseline is None or metric != "accuracy" else baseline.get("accuracy")
    title = f"{metric_title(metric)} of each run"
    return interval_chart(shares, reference, title) if shares else None


def _interval_caption(metric: str, baseline: dict[str, Any] | None) -> str:
    if metric != "accuracy":
        return f"Dot: mean {metric_title(metric)} of the test rows. Bar: confidence interval."
    dashes = "" if baseline is None else " Dashed: always answering the commonest label."
    return f"Dot: share of test rows answered right. Bar: confidence interval.{dashes}"


def _curves(runs: Runs, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return a chart for every loss that was logged at two steps or more."""
    found = []
    for index, (run, name) in enumerate(zip(runs, names, strict=True)):
        keys = dict.fromkeys(key for line in run.curve for key in line if "loss" in key)
        for key in keys:
            points = [
                (float(line["step"]), float(line[key]))
                for line in run.curve
                if isinstance(line.get("step"), int) and isinstance(line.get(key), (int, float))
            ]
            if len(points) > 1:
                title = f"{name}: {key}"
                caption = (
                    f"{key} by optimizer step; {points[-1][1]:.3f} at step {points[-1][0]:,.0f}"
                )
                chart = line_chart(points, title, index)
                found.append({"title": title, "chart": chart, "caption": caption})
    return found


def _pictures(runs: Runs, names: Sequence[str]) -> list[dict[str, Any]]:
    found = [_picture(run, name) for run, name in zip(runs, names, strict=True)]
    return [picture for picture in found if picture is not None]


def _picture(run: "ComparedRun", name: str) -> dict[str, Any] | None:
    rows = part(run.next_word or {}, "top") or part(run.result, "next_word")
    if run.picture is None and not rows:
        return None
    shares = [(str(row.get("token")), percent(row.get("probability"))) for row in rows or ()]
    data = base64.b64encode(run.picture.read_bytes()).decode() if run.picture else None
    listed = ", ".join(f"{token!r} {share}" for token, share in shares)
    return {"title": name, "data": data, "rows": shares, "alt": f"likeliest next words: {listed}"}


def _samples(runs: Runs, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return one table of answers per set of runs that were tested on the same rows."""
    groups: dict[frozenset[tuple[str, str]], list[int]] = {}
    for index, run in enumerate(runs):
        rows = frozenset((str(row["id"]), str(row["label"])) for row in run.predictions)
        if rows:
            groups.setdefault(rows, []).append(index)
    return [
        _sample([runs[index] for index in group], [names[index] for index in group])
        for group in groups.values()
    ]


def _sample(runs: Runs, names: Sequence[str]) -> dict[str, Any]:
    """Return the rows most runs got wrong, then the rest, up to `MOST_ROWS`."""
    answers = [{str(row["id"]): row for row in run.predictions} for run in runs]
    wrong = {key: sum(not is_right(found[key]) for found in answers) for key in answers[0]}
    order = sorted(wrong, key=lambda key: -wrong[key])
    failed = sum(number > 0 for number in wrong.values())
    shown = min(len(order), MOST_ROWS)
    return {
        "names": names,
        "caption": f"{failed:,} of {len(order):,} rows were answered wrong by at least one run; "
        f"{shown:,} rows are shown.",
        "rows": [
            {
                "id": key,
                "text": _text(answers[0][key]),
                "label": _short(str(answers[0][key]["label"])),
                "answers": [_short(str(found[key]["prediction"])) for found in answers],
                "right": [is_right(found[key]) for found in answers],
            }
            for key in order[:MOST_ROWS]
        ],
    }


def _text(prediction: dict[str, Any]) -> str:
    """Return what the row says, without the column that is its gold label."""
    fields = prediction.get("fields")
    if not isinstance(fields, dict):
        return ""
    label = prediction["label"]
    text = " · ".join(str(value) for name, value in fields.items() if value != label)
    return _short(text)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"

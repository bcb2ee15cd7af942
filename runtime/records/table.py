"""The comparison as text."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .cost_text import HEADER, cost_cells, cost_notes
from .measures import errors_of, metric_title, metrics_of, shown_metrics
from .numbers import (
    NONE,
    byte_count,
    count,
    duration,
    interval,
    part,
    percent,
    probability,
    short_model,
    with_error,
)
from .paired import PairedScores

if TYPE_CHECKING:
    from .compare import ComparedRun

COSTS = ("trained", "tokens", "memory", "time")
RIGHT = frozenset(COSTS)
GAP = "  "


def render_table(runs: Sequence["ComparedRun"], width: int) -> str:
    """Return the whole text: table, majority class, notes, bits per byte."""
    metrics = _fitting(runs, width)
    table = [_cut(line, width).rstrip() for line in _table(runs, metrics, width)]
    notes = [_wrapped(line, width) for line in _notes(runs, metrics)]
    prices = [_cut(line, width).rstrip() for line in _cost_table(runs)]
    said = [_wrapped(f"- {line}", width) for line in cost_notes(runs)]
    return "\n".join([*table, "", *notes, "", *prices, "", *said]).rstrip() + "\n"


def _cost_table(runs: Sequence["ComparedRun"]) -> list[str]:
    """Return the lines that say what training took and what an answer takes."""
    rows = [("run", *HEADER), *((run.title, *cost_cells(run)) for run in runs)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        GAP.join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]
    return [lines[0], GAP.join("─" * size for size in widths), *lines[1:]]


def majority(runs: Sequence["ComparedRun"]) -> dict[str, Any] | None:
    """Return the majority baseline of the first run that has one."""
    return next((found for run in runs if (found := part(run.result, "majority"))), None)


def costs(run: "ComparedRun") -> tuple[str, ...]:
    """Return what a run took, in the order of `COSTS`."""
    result = run.result
    return (
        count(part(result, "parameters", "trained")),
        count(part(result, "tokens", "seen")),
        byte_count(most_memory(result)).replace(" ", "").removesuffix("iB"),
        duration(part(result, "seconds", "total")),
    )


def most_memory(result: dict[str, Any]) -> Any:
    """Return the most bytes held at once: of the GPU where there was one, else of the machine."""
    return part(result, "peak_memory", "cuda") or part(result, "peak_memory", "rss")


def _cells(run: "ComparedRun", metrics: Sequence[str]) -> tuple[str, ...]:
    """Return what the table says of a run, in the order of its header."""
    measured = (interval(part(run.result, "metrics", name)) for name in metrics)
    return (run.title, run.info.level, *measured, *costs(run))


def paired_note(run: "ComparedRun", first: "ComparedRun") -> str:
    """Say how a run differs from the first one on the same rows."""
    if run.paired is None:
        return f"{run.title} and {first.title} were not tested on the same rows"
    found = run.paired
    if isinstance(found, PairedScores):
        return (
            f"{run.title} against {first.title}: {metric_title(found.metric)} "
            f"{100 * found.value:+.1f} points [{100 * found.low:+.1f}, {100 * found.high:+.1f}] "
            f"on {found.rows} rows, {probability(found.p_value)} ({found.test})"
        )
    return (
        f"{run.title} against {first.title}: {found.only_second} rows won, "
        f"{found.only_first} lost of {found.rows}, {probability(found.p_value)} (exact McNemar)"
    )


def pretraining_note(run: "ComparedRun") -> str | None:
    """Say how well a pretrained model predicts held-out text, or None where unmeasured."""
    bits = part(run.result, "pretraining", "bits_per_byte")
    if bits is None:
        return None
    known = {
        "token unigram": part(run.result, "pretraining", "unigram_bits_per_byte"),
        "byte unigram": part(run.result, "pretraining", "byte_unigram_bits_per_byte"),
        "five-gram": part(run.result, "pretraining", "five_gram_bits_per_byte"),
        "gzip": part(run.result, "pretraining", "gzip_bits_per_byte"),
        "xz": part(run.result, "pretraining", "xz_bits_per_byte"),
    }
    known |= part(run.result, "pretraining", "sources") or {}
    rest = ", ".join(f"{name} {value:.3f}" for name, value in known.items() if value is not None)
    return f"{run.title}: {bits:.3f} bits per byte on held-out text" + (
        f" ({rest})" if rest else ""
    )


def _table(runs: Sequence["ComparedRun"], metrics: Sequence[str], width: int) -> list[str]:
    rows, widths = _layout(runs, metrics)
    models = [short_model(part(run.result, "model")) for run in runs]
    # The model has a column where the names fit, and a line of its own where they do not.
    longest = max(map(len, [*models, "model"]))
    wide = longest + len(GAP) <= width - _width(metrics, widths)
    if wide:
        widths.insert(2, longest)
        named = zip(rows, ["model", *models, NONE], strict=False)
        rows = [(*row[:2], model, *row[2:]) for row, model in named]
    lines = [_line(row, widths, rows[0]) for row in rows]
    if not wide:
        below = [f"  {model}" if model != NONE else "" for model in (NONE, *models, NONE)]
        pairs = zip(lines, below, strict=False)
        lines = [line for pair in pairs for line in pair if line]
    rule = GAP.join("─" * size for size in widths)
    return [lines[0], rule, *lines[1:]]


def _fitting(runs: Sequence["ComparedRun"], width: int) -> tuple[str, ...]:
    """Return the measures that have a column; the notes tell of the others."""
    metrics = shown_metrics(runs)
    while len(metrics) > LEAST and _width(metrics, _layout(runs, metrics)[1]) > width:
        metrics = metrics[:-1]
    return metrics


def _width(metrics: Sequence[str], widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(metrics) + len(COSTS) + 1)


LEAST = 2
"""Measures that are shown however narrow the table is."""


def _layout(
    runs: Sequence["ComparedRun"], metrics: Sequence[str]
) -> tuple[list[tuple[str, ...]], list[int]]:
    """Return the rows of the table, its header first, and the widths of its columns."""
    rows = [("run", "level", *map(metric_title, metrics), *COSTS)]
    rows += [_cells(run, metrics) for run in runs]
    if baseline := majority(runs):
        accuracy = percent(baseline.get("accuracy"))
        measured = (accuracy if name == "accuracy" else NONE for name in metrics)
        rows.append(("majority class", NONE, *measured, *[NONE] * len(COSTS)))
    return rows, [max(map(len, column)) for column in zip(*rows, strict=True)]


def _notes(runs: Sequence["ComparedRun"], metrics: Sequence[str]) -> list[str]:
    lines = []
    baseline = majority(runs)
    if baseline:
        lines.append(f"The majority class is always answering {baseline.get('label')!r}.")
    rows = {part(run.result, "task", "rows") for run in runs} - {None}
    if rows:
        sizes = " or ".join(f"{size:,}" for size in sorted(rows))
        lines.append(f"In brackets: the confidence interval on {sizes} test rows.")
    if len(runs) > 1:
        lines += ["", *(f"- {paired_note(run, runs[0])}" for run in runs[1:])]
    rest = [f"- {note}" for run in runs if (note := _others_note(run, metrics))]
    rest += [f"- {note}" for run in runs if (note := pretraining_note(run))]
    rest += [f"- {note}" for run in runs if (note := lm_eval_note(run))]
    return [*lines, *(["", *rest] if rest else [])]


def lm_eval_note(run: "ComparedRun") -> str | None:
    """Say what tasks of lm-eval measured, each with its standard error."""
    said = [
        f"{name} {metric} {with_error(one)}"
        for name, task in sorted((part(run.result, "lm_eval") or {}).items())
        for metric, one in sorted((part(task, "metrics") or {}).items())
    ]
    return f"{run.title}, by lm-eval: {', '.join(said)}" if said else None


def _others_note(run: "ComparedRun", metrics: Sequence[str]) -> str | None:
    """Say what a run measured that has no column."""
    said = [
        f"{metric_title(name)} {interval(part(run.result, 'metrics', name))}"
        for name in metrics_of(run.result)
        if name not in metrics
    ] + errors_of(run.result)
    return f"{run.title}: {', '.join(said)}" if said else None


def _line(row: Sequence[str], widths: Sequence[int], header: Sequence[str]) -> str:
    return GAP.join(
        text.rjust(size) if name in RIGHT else text.ljust(size)
        for name, text, size in zip(header, row, widths, strict=True)
    )


def _wrapped(note: str, width: int) -> str:
    hang = "  " if note.startswith("- ") else ""
    return textwrap.fill(note, width, subsequent_indent=hang)


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else line[: width - 1] + "…"

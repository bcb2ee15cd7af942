"""The comparison as text."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .numbers import NONE, count, duration, interval, part, percent, probability, short_model

if TYPE_CHECKING:
    from .compare import ComparedRun

HEADER = ("run", "level", "accuracy", "macro F1", "trained", "tokens", "time")
RIGHT = frozenset({"trained", "tokens", "time"})
GAP = "  "


def render_table(runs: Sequence["ComparedRun"], width: int) -> str:
    """Return the whole text: table, majority class, notes, bits per byte."""
    table = [_cut(line, width).rstrip() for line in _table(runs, width)]
    notes = [_wrapped(line, width) for line in _notes(runs)]
    return "\n".join([*table, "", *notes]).rstrip() + "\n"


def majority(runs: Sequence["ComparedRun"]) -> dict[str, Any] | None:
    """Return the majority baseline of the first run that has one."""
    return next((found for run in runs if (found := part(run.result, "majority"))), None)


def cells(run: "ComparedRun") -> tuple[str, ...]:
    """Return what the table says of a run, in the order of `HEADER`."""
    result = run.result
    return (
        run.title,
        run.info.level,
        interval(part(result, "metrics", "accuracy")),
        interval(part(result, "metrics", "macro_f1")),
        count(part(result, "parameters", "trained")),
        count(part(result, "tokens", "seen")),
        duration(part(result, "seconds", "total")),
    )


def paired_note(run: "ComparedRun", first: "ComparedRun") -> str:
    """Say how a run differs from the first one on the same rows."""
    if run.paired is None:
        return f"{run.title} and {first.title} were not tested on the same rows"
    found = run.paired
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
    }
    rest = ", ".join(f"{name} {value:.3f}" for name, value in known.items() if value is not None)
    return f"{run.title}: {bits:.3f} bits per byte on held-out text" + (
        f" ({rest})" if rest else ""
    )


def _table(runs: Sequence["ComparedRun"], width: int) -> list[str]:
    rows = [cells(run) for run in runs]
    models = [short_model(part(run.result, "model")) for run in runs]
    baseline = majority(runs)
    last = _majority_row(baseline) if baseline else None
    widths = _widths([HEADER, *rows, *([last] if last else [])])
    room = width - len(GAP) * len(HEADER) - sum(widths)
    # The model has a column where the names fit, and a line of its own where they do not.
    wide = max(map(len, [*models, "model"])) <= room
    if wide:
        widths.insert(2, max(map(len, [*models, "model"])))
    lines = [_line(HEADER, widths, "model" if wide else None)]
    lines.append(GAP.join("─" * size for size in widths))
    for row, model in zip(rows, models, strict=True):
        lines.append(_line(row, widths, model if wide else None))
        if not wide and model != NONE:
            lines.append(f"  {model}")
    if last:
        lines.append(_line(last, widths, NONE if wide else None))
    return lines


def _majority_row(baseline: dict[str, Any]) -> tuple[str, ...]:
    return ("majority class", NONE, percent(baseline.get("accuracy")), NONE, NONE, NONE, NONE)


def _notes(runs: Sequence["ComparedRun"]) -> list[str]:
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
    bits = [f"- {note}" for run in runs if (note := pretraining_note(run))]
    return [*lines, *(["", *bits] if bits else [])]


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(len(row[column]) for row in rows) for column in range(len(HEADER))]


def _line(row: Sequence[str], widths: Sequence[int], model: str | None) -> str:
    names, texts = list(HEADER), list(row)
    if model is not None:
        names.insert(2, "model")
        texts.insert(2, model)
    return GAP.join(
        text.rjust(size) if name in RIGHT else text.ljust(size)
        for name, text, size in zip(names, texts, widths, strict=True)
    )


def _wrapped(note: str, width: int) -> str:
    hang = "  " if note.startswith("- ") else ""
    return textwrap.fill(note, width, subsequent_indent=hang)


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else line[: width - 1] + "…"

"""Numbers of rows that are asked for, against those that a local file has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ..diagnostics import Diagnostic, Location
from ..words import plural, show
from .base import Context, error, rule, warning
from .files import ROWS, label_column, row_labels
from .rows import peek


def rows_of(context: Context, part: str) -> int | None:
    """Return how many rows ``data.<part>`` gives at most; None where that is not known."""
    limit, rows = context.get("data", part, "limit"), peek(context, part)
    known = [rows.count] if rows is not None and rows.count is not None else []
    counts = [*known, *([int(limit)] if limit is not None else [])]
    return min(counts, default=None)


@rule("NV304", "batch larger than the data")
def check_rows(context: Context) -> Iterator[Diagnostic]:
    """With fewer rows than one batch holds, an epoch is less than one step."""
    batch, rows = context.get("train", "batch"), rows_of(context, "train")
    if context.level != "finetune" or batch is None or not rows or batch <= rows:
        return
    message = f"a batch of {int(batch)} is larger than the {plural(rows, 'row')} of data.train"
    related = context.related((("data", "train", "limit"), "at most so many rows"))
    related = related or context.related((("data", "train", "path"), "this file"))
    where = context.where("train", "batch")
    yield warning("NV304", message, where, f"write `batch: {rows}` or less", related)


@rule("NV348", "fewer rows of a label than balance needs")
def check_balanced_rows(context: Context) -> Iterator[Diagnostic]:
    """A balanced limit needs its share of every label; the run refuses less."""
    labels = context.get("task", "labels")
    for part in ROWS:
        limit = context.get("data", part, "limit")
        counts = _label_counts(context, part)
        if not context.get("data", part, "balance") or limit is None or counts is None:
            continue
        if int(limit) % len(labels):
            continue  # another rule speaks of that
        share = int(limit) // len(labels)
        short = [label for label in labels if counts[label] < share]
        if short:
            has = ", ".join(f"{show(label)} has {counts[label]}" for label in short[:3])
            message = f"a balanced limit of {int(limit)} needs {share} of each label, but {has}"
            most = min(counts[label] for label in labels) * len(labels)
            cure = f"write `limit: {most}` or less" if most else "choose labels that the file has"
            related = context.related((("data", part, "path"), "this file"))
            yield error("NV348", message, context.where("data", part, "limit"), cure, related)


@rule("NV349", "more examples than there are rows")
def check_shots(context: Context) -> Iterator[Diagnostic]:
    """Examples are drawn evenly over the labels, each row once."""
    said, rows = context.get("prompt", "few_shot"), rows_of(context, "train")
    shots, choose = (
        (said.get("count"), said.get("choose")) if isinstance(said, dict) else (said, None)
    )
    if not shots or rows is None or not context.sound("prompt", "few_shot"):
        return
    inner = ("count",) if isinstance(said, dict) else ()
    where = context.where("prompt", "few_shot", *inner)
    if shots > rows:
        message = f"few_shot: {int(shots)} is more than the {plural(rows, 'row')} of data.train"
        related = context.related((("data", "train", "limit"), "at most so many rows"))
        related = related or context.related((("data", "train", "path"), "this file"))
        yield error("NV349", message, where, f"write `few_shot: {rows}` or less", related)
        return
    labels = context.get("task", "labels")
    if labels and context.sound("task", "labels") and choose in (None, "balanced"):
        yield from _check_shares(context, int(shots), labels, where)


def _check_shares(
    context: Context, shots: int, labels: list[str], where: Location | None
) -> Iterator[Diagnostic]:
    counts, share = _label_counts(context, "train"), int(shots) // len(labels)
    short = [label for label in labels if counts is not None and counts[label] < share]
    if counts is not None and short:
        message = f"few_shot: {int(shots)} needs {share} of each label"
        message += f", but {show(short[0])} has {counts[short[0]]}"
        most = min(counts[label] for label in labels) * len(labels)
        related = context.related((("data", "train", "path"), "this file"))
        cure = f"write `few_shot: {most}` or less, or add rows"
        yield error("NV349", message, where, cure, related)


def _label_counts(context: Context, part: str) -> Counter[str | None] | None:
    """Count the rows of each label in a file read to its end; None where it was not."""
    column, rows = label_column(context), peek(context, part)
    labels = row_labels(context)
    if column is None or rows is None or rows.count is None or not labels:
        return None
    if not rows.rows or column not in rows.rows[0][1] or not context.sound("task", "labels"):
        return None
    return rows.column(column).counts

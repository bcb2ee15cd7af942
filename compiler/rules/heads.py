"""Heads on a pretrained model: what they go with, and rows that one can learn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..diagnostics import Diagnostic, Location, Span
from ..document import DataPath
from ..spec_heads import HEADED, SEQUENCE_METHODS, iob
from ..unread import UNREAD_BY_HEADS
from ..words import listed, show
from .base import Context, error, rule
from .files import label_column, local_rows

HEAD: DataPath = ("head",)
METHOD: DataPath = ("method", "type")


def headed(context: Context) -> bool:
    """Whether the answers are outputs of a head, and not words of the model."""
    if context.level != "finetune":
        return False
    return context.has(*HEAD) or context.get("task", "type") in HEADED


@rule("NV601", "head of a model that writes")
def check_task(context: Context) -> Iterator[Diagnostic]:
    """A head takes the place of the layer that writes."""
    kind = context.get("task", "type")
    if context.has(*HEAD) and kind not in (None, "classify", *HEADED):
        how = {"embed": "by a vector", "prefer": "by comparing"}.get(kind, "in words")
        message = f"task `{kind}` is answered {how}, and a head gives none"
        related = context.related((("task", "type"), "the task"))
        cure = "remove `head`, or choose task `classify`, `regress` or `tag`"
        yield error("NV601", message, context.key(*HEAD), cure, related)


@rule("NV602", "method that trains a head where there is none")
def check_method(context: Context) -> Iterator[Diagnostic]:
    """Label words are read from the model's own last layer, which this method leaves alone."""
    if context.get(*METHOD) == "head" and not headed(context):
        message = "method `head` trains a head, and this spec has none"
        cure = "add `head: {type: native}`, or choose another method"
        if (kind := context.get("task", "type")) not in (None, "classify"):
            how = {"embed": "by a vector", "prefer": "by comparing"}.get(kind, "in words")
            cure = f"choose another method; this task is answered {how}"
        yield error("NV602", message, context.where(*METHOD), cure)


@rule("NV603", "method that no head is trained with")
def check_adapter(context: Context) -> Iterator[Diagnostic]:
    """Soft prompts and rank budgets are made for models that write; 4 bits load no head."""
    if not headed(context):
        return
    kind = context.get(*METHOD)
    related = context.related((HEAD, "the head"), (("task", "type"), "the task"))[:1]
    if kind in SEQUENCE_METHODS:
        message = f"method `{kind}` is for models that write, and this one has a head"
        cure = "choose `head`, `lora`, `freeze` or `full`"
        yield error("NV603", message, context.where(*METHOD), cure, related)
    elif context.get("method", "quantize") is not None:
        message = "a model with a head is not loaded in 4 bits"
        where = context.where("method", "quantize")
        yield error("NV603", message, where, "remove `quantize`", related)


@rule("NV604", "setting of a model that writes, beside a head")
def check_unread(context: Context) -> Iterator[Diagnostic]:
    """A head learns and gives labels or numbers; nothing of it is a token."""
    if not headed(context) or context.get("task", "type") not in ("classify", *HEADED):
        return
    for path in UNREAD_BY_HEADS:
        if not context.has(*path) or context.get(*path) is False:
            continue
        message = f"`{'.'.join(map(str, path))}` is not read: the answer is the output of a head"
        related = context.related((HEAD, "the head"), (("task", "type"), "the task"))[:1]
        yield error("NV604", message, context.key(*path), f"remove `{path[-1]}`", related)


@rule("NV605", "entities of labels that name none")
def check_entities(context: Context) -> Iterator[Diagnostic]:
    """Entities are read from labels in the form of IOB2."""
    metrics, labels = context.get("evaluate", "metrics"), context.get("task", "labels")
    if context.get("task", "type") != "tag" or not isinstance(metrics, list) or not labels:
        return
    if "entity_f1" in metrics and context.sound("task", "labels") and not iob(tuple(labels)):
        message = "`entity_f1` reads labels as `O`, `B-KIND` and `I-KIND`, and these are others"
        related = context.related((("task", "labels"), "the labels"))
        where = context.where("evaluate", "metrics", metrics.index("entity_f1"))
        yield error("NV605", message, where, "measure by `token_accuracy`", related)


@rule("NV606", "rows that hold no lists of words and labels")
def check_words(context: Context) -> Iterator[Diagnostic]:
    """Words are told apart by the data, not by a guess at spaces."""
    if context.get("task", "type") != "tag" or context.level != "finetune":
        return
    columns = context.get("data", "columns")
    if isinstance(columns, dict) and "text" not in columns:
        message = "data.columns does not say which column holds the words"
        cure = "add `text: <column name>`"
        yield error("NV606", message, context.key("data", "columns"), cure)
        return
    for part in ("train", "validation", "test"):
        if context.get("data", part, "builtin") is not None:
            message = "builtin rows are texts with one label, and task `tag` needs lists"
            where = context.where("data", part, "builtin")
            yield error("NV606", message, where, "give a `path` to a .jsonl file")
    yield from _rows(context)


def _rows(context: Context) -> Iterator[Diagnostic]:
    columns, column = context.get("data", "columns"), label_column(context)
    labels = context.get("task", "labels")
    if not isinstance(columns, dict) or column is None or not labels:
        return
    for part, rows in local_rows(context):
        faults = (
            (line, fault)
            for line, row in rows.rows
            if (fault := _fault(row.get(columns["text"]), row.get(column), labels))
        )
        if (found := next(faults, None)) is not None:
            path = context.get("data", part, "path")
            message = f"line {found[0]} of {show(path)} {found[1]}"
            related = ((Location(path, Span(found[0], 1, found[0], 1)), "here"),)
            where = context.where("data", part, "path")
            yield error("NV606", message, where, "mend that line", related)


def _fault(words: Any, given: Any, labels: list[str]) -> str | None:
    """Say why a row cannot be learned; None where it can, or another finding speaks of it."""
    if words is None or given is None:
        return None
    for value, what in ((words, "words"), (given, "labels")):
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            return f"has no list of {what}"
    if len(words) != len(given):
        return f"has {len(words)} words and {len(given)} labels"
    strange = [label for label in given if label not in labels]
    return f"has the label {show(strange[0])}, not one of {listed(labels, 8)}" if strange else None

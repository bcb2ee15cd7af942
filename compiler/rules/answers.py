"""Answers that have a shape of their own, and the names of what is measured on answers."""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..document import DataPath
from ..json_schema import faults
from ..words import show
from .base import Context, error, rule, warning

_SCHEMA: DataPath = ("task", "schema")


@rule("NV333", "schema of an answer that is no JSON Schema")
def check_schema(context: Context) -> Iterator[Diagnostic]:
    """Every answer is checked by it, so that a fault would end the run after the first."""
    schema = context.get(*_SCHEMA)
    if not isinstance(schema, dict) or not context.sound(*_SCHEMA):
        return
    for fault in faults(schema):
        at = (*_SCHEMA, *fault.path)
        if fault.error:
            yield error("NV333", fault.message, context.where(*at), fault.cure or None)
        else:
            yield warning("NV333", fault.message, context.key(*at), fault.cure)


@rule("NV399", "measure named twice")
def check_names(context: Context) -> Iterator[Diagnostic]:
    """A result holds one figure for each name, so the second would take the place of the first."""
    metrics, seen = context.get("evaluate", "metrics"), dict[str, DataPath]()
    for index, metric in enumerate(metrics if isinstance(metrics, list) else ()):
        at: DataPath = ("evaluate", "metrics", index)
        name = metric.get("type") if isinstance(metric, dict) else metric
        if not isinstance(name, str) or not context.sound(*at):
            continue
        if name in seen:
            message = f"{show(name)} is measured twice, and a result has room for one figure"
            related = context.related((seen[name], "the other one"))
            yield error("NV399", message, context.where(*at), "keep one of them", related)
        seen.setdefault(name, at)

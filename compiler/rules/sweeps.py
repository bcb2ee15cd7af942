"""Sweeps: ranges, fields that make no trials, and how many trials there are."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from ..diagnostics import Diagnostic
from ..document import DataPath
from ..words import show
from .base import Context, error, rule

OVER: DataPath = ("sweep", "over")
FIXED = ("nivel", "name", "level", "extends", "sweep", "description")
"""Sections whose values name or choose a spec, and are not part of what it does."""


def _over(context: Context) -> dict[str, Any]:
    """What is varied; nothing where the type was refused, since what it holds is unchecked then."""
    found = context.get(*OVER) if context.sound("sweep", "type") else None
    return found if isinstance(found, dict) else {}


@rule("NV670", "range that gives no values")
def check_ranges(context: Context) -> Iterator[Diagnostic]:
    """A range runs upwards, above 0 where its scale is log, with what is drawn in it.

    A grid counts its values.
    """
    for path, said in _over(context).items():
        if not isinstance(said, dict) or not context.sound(*OVER, path):
            continue
        where = context.where(*OVER, path)
        if said["from"] >= said["to"]:
            message = f"the range of `{path}` ends at {said['to']:g}, which is not above its start"
            yield error("NV670", message, where, "write the smaller number as `from`")
        elif said.get("scale") == "log" and said["from"] <= 0:
            message = f"equal ratios need numbers above 0, but `{path}` starts at {said['from']:g}"
            yield error("NV670", message, where, "write a `from` above 0, or `scale: linear`")
        elif said.get("whole") and math.ceil(said["from"]) > math.floor(said["to"]):
            message = f"no whole number lies between the ends of `{path}`"
            yield error("NV670", message, where, "widen the range, or remove `whole`")
        elif context.get("sweep", "type") == "grid" and said.get("count") is None:
            message = f"a grid takes so many values of a range, and `{path}` does not say how many"
            yield error("NV670", message, where, "add `count`, or write the values as a list")


@rule("NV671", "field that cannot be varied")
def check_fields(context: Context) -> Iterator[Diagnostic]:
    """Trials are one experiment with other values, not other experiments."""
    for path in _over(context):
        if path.partition(".")[0].partition("[")[0] in FIXED:
            message = f"`{path}` cannot be varied: trials get names of their own, at one level"
            cure = "remove it; for another level write another spec that extends this one"
            yield error("NV671", message, context.key(*OVER, path), cure)


@rule("NV672", "value that is tried twice, or too many trials")
def check_counts(context: Context) -> Iterator[Diagnostic]:
    """Each trial is a run of its own, so that two of the same are one too many."""
    from ..sweeping import MOST_TRIALS, read_sweep, size

    said = context.get("sweep")
    if not isinstance(said, dict) or not context.sound("sweep") or list(check_ranges(context)):
        return
    for path, values in _over(context).items():
        texts = [json.dumps(value, sort_keys=True) for value in values]
        for index, text in enumerate(texts) if isinstance(values, list) else ():
            if text in texts[:index]:
                message = f"{show(values[index])} stands twice among the values of `{path}`"
                yield error("NV672", message, context.where(*OVER, path, index), "remove one")
    sweep = read_sweep(said)
    if size(sweep) > MOST_TRIALS:
        message = f"the grid has {size(sweep):,} combinations, more than {MOST_TRIALS:,}"
        yield error("NV672", message, context.key(*OVER), "take fewer values, or `type: random`")


@rule("NV658", "search that never begins")
def check_startup(context: Context) -> Iterator[Diagnostic]:
    """The sampler chooses what comes after the random draws, so something has to."""
    trials, startup = context.get("sweep", "trials"), context.get("sweep", "startup")
    if context.get("sweep", "type") != "optuna" or trials is None or startup is None:
        return
    if startup >= trials:
        message = f"all {int(trials)} trials are drawn at random, as `startup` is {int(startup)}"
        related = context.related((("sweep", "startup"), "so many are drawn"))
        cure = "write more `trials`, a smaller `startup`, or `type: random`"
        yield error("NV658", message, context.where("sweep", "trials"), cure, related)

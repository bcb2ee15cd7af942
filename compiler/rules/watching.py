"""Validation during training, early stopping, and what is kept: whether they can do anything."""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..document import DataPath
from ..words import plural
from .base import Context, error, rule, warning
from .train import steps_of

EVERY: DataPath = ("train", "validate_every")
STOPPING: DataPath = ("train", "early_stopping")
USE: DataPath = ("train", "use")


@rule("NV367", "validation without rows")
def check_rows(context: Context) -> Iterator[Diagnostic]:
    """What is decided by validation needs rows that are not trained on."""
    if context.level != "finetune" or context.has("data", "validation"):
        return
    for path in _deciding(context, EVERY, STOPPING, USE):
        message = f"`{path[-1]}` needs rows to measure on, but there is no `data.validation`"
        cure = "add `validation` under `data`, with rows that are neither trained nor tested on"
        yield error("NV367", message, context.key(*path), cure)


@rule("NV368", "a choice by validations that are never made")
def check_interval(context: Context) -> Iterator[Diagnostic]:
    """Pretraining measures held-out text only where it is told how often."""
    if context.level != "pretrain" or context.has(*EVERY):
        return
    for path in _deciding(context, STOPPING, USE):
        message = f"`{path[-1]}` chooses by the validation loss, but there is no `validate_every`"
        cure = "add `validate_every` under `train`, in steps"
        yield error("NV368", message, context.key(*path), cure)


def _deciding(context: Context, *paths: DataPath) -> Iterator[DataPath]:
    """Yield the keys that are given and depend on validation; `use: last` does not."""
    for path in paths:
        if context.has(*path) and (path != USE or context.get(*USE) == "best"):
            yield path


@rule("NV360", "interval longer than the run")
def check_length(context: Context) -> Iterator[Diagnostic]:
    """An interval of more steps than there are is reached at the last step alone."""
    steps = steps_of(context)
    if not steps:
        return
    for path, what in ((EVERY, "validation"), (("train", "checkpoint_every"), "checkpoint")):
        every = context.get(*path)
        if every is not None and every > steps:
            message = f"the run has {plural(steps, 'step')}, fewer than the {int(every)}"
            message += f" between two {what}s"
            cure = f"write `{path[-1]}: {max(1, steps // 10)}` for ten in the run"
            yield warning("NV360", message, context.where(*path), cure)
    every, patience = context.get(*EVERY), context.get(*STOPPING, "patience")
    if every and patience and every <= steps:
        made = -(-steps // int(every))
        if patience >= made:
            message = f"{plural(made, 'validation')} of the run can never use up a patience of "
            message += f"{int(patience)}"
            where = context.where(*STOPPING, "patience")
            yield warning("NV360", message, where, "lower `patience` or `validate_every`")

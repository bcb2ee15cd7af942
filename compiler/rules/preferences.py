"""Objectives that learn which answers are better, and what has to agree with them."""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..preferences import KINDS
from ..spec_heads import SEQUENCE_METHODS
from ..words import listed
from .base import Context, error, rule
from .distilling import check_teacher
from .formats import judges, told

_SMOOTHED = {"sigmoid": False, "robust": True, "exo_pair": True}
"""Losses that read `label_smoothing`, and whether they need it."""


def _prefers(context: Context) -> bool:
    return context.get("objective", "type") in KINDS


@rule("NV397", "objective that does not go with the task, the method or its own options")
def check_objective(context: Context) -> Iterator[Diagnostic]:
    """What an objective needs is there, and what it does not read is not."""
    yield from _check_task(context)
    yield from _check_smoothing(context)
    yield from _check_rows(context)
    yield from check_teacher(context)


def _check_task(context: Context) -> Iterator[Diagnostic]:
    """Judged answers are learned by comparing them; other rows have nothing to compare."""
    kind, task = context.get("objective", "type"), context.get("task", "type")
    if context.level != "finetune" or None in (kind, task):
        return
    related = context.related((("task", "type"), "the task"))
    if _prefers(context) and not judges(context):
        message = f"objective `{kind}` compares answers, and task `{task}` has one right answer"
        cure = "write `task: {type: prefer}`, or `objective: {type: sft}`"
        yield error("NV397", message, context.where("objective", "type"), cure, related)
    elif judges(context) and not _prefers(context):
        message = f"task `prefer` is not learned by `{kind}`, which takes every answer as right"
        cure = f"write `objective: {{type: dpo}}`; the objectives are {listed(KINDS)}"
        if context.has("objective"):
            yield error("NV397", message, context.where("objective", "type"), cure, related)
        else:
            yield error("NV397", message, context.where("task", "type"), cure)
    if _prefers(context) and context.get("method", "type") == "adalora":
        message = f"`adalora` adds a term of its own to the loss, and is not offered with `{kind}`"
        cure = "use another method, such as `lora`"
        related = context.related((("objective", "type"), "the objective"))
        yield error("NV397", message, context.where("method", "type"), cure, related)
    if kind == "reward":
        yield from _check_reward(context)


def _check_reward(context: Context) -> Iterator[Diagnostic]:
    """A reward is the output of a new head, on a model that no longer writes."""
    kind, related = context.get("method", "type"), context.related((("objective", "type"), "here"))
    if kind in set(SEQUENCE_METHODS) - {"adalora"}:
        message = f"method `{kind}` is for models that write, and a reward model has a head"
        cure = "choose `lora`, `freeze` or `full`"
        yield error("NV397", message, context.where("method", "type"), cure, related)
    elif context.get("method", "quantize") is not None:
        message = "a reward model is not loaded in 4 bits"
        where = context.where("method", "quantize")
        yield error("NV397", message, where, "remove `quantize`", related)
    if context.get("hardware", "activation_checkpointing"):
        message = "a reward model is not computed again block by block"
        where = context.where("hardware", "activation_checkpointing")
        cure = "write `activation_checkpointing: false`, or lower `micro_batch`"
        yield error("NV397", message, where, cure, related)


def _check_smoothing(context: Context) -> Iterator[Diagnostic]:
    """What one loss reads, another would ignore."""
    if context.get("objective", "type") != "dpo":
        return
    loss, share = context.get("objective", "loss_type"), context.get("objective", "label_smoothing")
    where = context.where("objective", "label_smoothing")
    if share and loss is not None and loss not in _SMOOTHED:
        message = f"`label_smoothing` is not read by `loss_type: {loss}`"
        cure = f"remove it; it is read by {listed(list(_SMOOTHED))}"
        yield error("NV397", message, where, cure)
    elif not share and share is not None and _SMOOTHED.get(loss):
        message = f"`loss_type: {loss}` needs a `label_smoothing` above 0"
        where = context.where("objective", "loss_type")
        yield error("NV397", message, where, "add `label_smoothing: 0.1`")


def _check_rows(context: Context) -> Iterator[Diagnostic]:
    """Two answers to one prompt are compared by all objectives but `kto`, which takes one."""
    kind, said = context.get("objective", "type"), context.get("data", "format")
    if not judges(context) or not _prefers(context) or kind == "kto":
        return
    single = [part for part, format in told(context).items() if format == "verdict"]
    where = context.where("data", "format") if said == "verdict" else None
    if where is None and said in (None, "auto") and single:
        where = context.where("data", single[0], "path")
    if where is not None:
        message = f"objective `{kind}` compares two answers, and these rows have one with a verdict"
        related = context.related((("objective", "type"), "the objective"))
        yield error("NV397", message, where, "write `objective: {type: kto}`", related)

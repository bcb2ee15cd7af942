"""Ways to train faster or smaller that need something which a spec does not have."""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..methods import SOFT
from ..words import show
from .base import Context, error, rule
from .hardware import machine_of
from .heads import headed


@rule("NV406", "activation checkpointing before learned positions")
def check_checkpointing(context: Context) -> Iterator[Diagnostic]:
    """A block that is computed again has no past, and learned positions are given as one."""
    path = ("hardware", "activation_checkpointing")
    if context.level == "prompt" or not context.get(*path):
        return
    method = context.get("method", "type")
    if method in SOFT:
        message = f"method {show(method)} gives a model learned positions as its past, and blocks "
        message += "that are computed again have none"
        cure = "write `activation_checkpointing: false`, or lower `micro_batch`"
        yield error("NV406", message, context.where(*path), cure)
    elif context.level == "finetune" and headed(context):
        message = "models with a head are not computed again block by block"
        cure = "write `activation_checkpointing: false`, or lower `micro_batch`"
        yield error("NV406", message, context.where(*path), cure)


@rule("NV300", "packing where rows cannot be joined")
def check_packing(context: Context) -> Iterator[Diagnostic]:
    """Rows are joined where each is a sequence of its own that only has to be kept apart."""
    if context.level != "finetune" or not context.get("train", "packing"):
        return
    method, objective = context.get("method", "type"), context.get("objective", "type")
    if method in SOFT:
        message = f"method {show(method)} puts learned positions before each row, which a joined "
        message += "sequence has no place for"
    elif headed(context):
        message = "a head reads each row by itself"
    elif objective not in (None, "sft"):
        message = f"objective {show(objective)} does not join rows"
    else:
        return
    yield error("NV300", message, context.where("train", "packing"), "write `packing: false`")


@rule("NV639", "kernels that would not run")
def check_kernels(context: Context) -> Iterator[Diagnostic]:
    """Liger's kernels are written in Triton, for the steps of a training on a GPU."""
    machine = machine_of(context)
    if context.level == "prompt" or machine is None or machine.kernels == "torch":
        return
    if machine.accelerator != "cuda":
        message = (
            f"the kernels of {machine.kernels} run on a GPU, and this is {machine.accelerator}"
        )
    elif context.get("method", "type") == "head":
        message = "method `head` computes the blocks once for each row, with no kernels but torch's"
    else:
        return
    yield error("NV639", message, context.where("hardware", "kernels"), "write `kernels: torch`")


@rule("NV637", "compiling what is computed once, or was not seen compiled")
def check_compile(context: Context) -> Iterator[Diagnostic]:
    """Blocks are compiled for the steps of a training that computes them as they are."""
    path = ("hardware", "compile")
    if context.level != "finetune" or not context.get(*path):
        return
    method = context.get("method", "type")
    if method == "head":
        message = "method `head` computes the blocks once for each row, so compiling gains nothing"
    elif method in SOFT:
        message = f"method {show(method)} gives blocks learned positions as their past, which was "
        message += "not seen compiled"
    elif context.get("method", "quantize") is not None:
        message = "weights in 4 bits were not seen compiled"
    else:
        return
    yield error("NV637", message, context.where(*path), "write `compile: false`")

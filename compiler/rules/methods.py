"""Options of a method of tuning that have to agree with each other, or with the machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..diagnostics import Diagnostic
from ..words import show
from .adapters import targets_key
from .base import Context, error, rule
from .hardware import machine_of

_DENSE = ("pissa", "olora", "mica")
"""Beginnings that take the weights apart, which 4 bits do not allow."""

_ONE_OF = {"oft": ("r", "oft_block_size"), "boft": ("boft_block_num", "boft_block_size")}
"""Two ways to say how features are grouped: one is a number, the other is 0."""


@rule("NV305", "4-bit weights without a GPU")
def check_four_bits(context: Context) -> Iterator[Diagnostic]:
    """bitsandbytes trains on 4-bit weights on a GPU only."""
    machine = machine_of(context)
    if context.get("method", "quantize") is None or machine is None:
        return
    if machine.accelerator != "cuda":
        message = f"weights in 4 bits need a GPU, and the hardware is {show(machine.accelerator)}"
        cure = "write `hardware: cuda`, or leave out `quantize`"
        yield error("NV305", message, context.where("method", "quantize"), cure)


@rule("NV306", "numbered blocks without named modules")
def check_blocks(context: Context) -> Iterator[Diagnostic]:
    """peft picks blocks among named modules, not among all linear ones."""
    key, targets = targets_key(context), context.get("method", targets_key(context))
    for blocks in ("layers", "layers_to_transform"):
        if context.get("method", blocks) is not None and targets == "all-linear":
            message = f"`{blocks}` picks among modules that are named one by one"
            cure = f"add `{key}: [q_proj, v_proj]`, with the names of the model"
            yield error("NV306", message, context.where("method", blocks), cure)


@rule("NV307", "feedforward modules that are no targets")
def check_feedforward(context: Context) -> Iterator[Diagnostic]:
    """Of the targets, those listed as feedforward have their inputs scaled."""
    targets = context.get("method", "target_modules")
    inner = context.get("method", "feedforward_modules")
    if context.get("method", "type") != "ia3" or (targets is None and inner is None):
        return
    if targets is None or inner is None:
        given, other = ("feedforward_modules", "target_modules")
        given, other = (other, given) if inner is None else (given, other)
        cure = f"add `{other}`; of `feedforward_modules` an empty list will do"
        message = f"`{given}` is given without `{other}`"
        yield error("NV307", message, context.where("method", given), cure)
        return
    for index, name in enumerate(inner if isinstance(targets, list) else ()):
        if name not in targets:
            message = f"{show(name)} is no target, so its inputs cannot be scaled"
            cure = "add it to `target_modules`, or remove it here"
            where = context.where("method", "feedforward_modules", index)
            yield error("NV307", message, where, cure)


@rule("NV308", "options of a method that do not go together")
def check_together(context: Context) -> Iterator[Diagnostic]:
    """What peft would refuse after the model has been loaded is refused here."""
    for key, message, cure in _disagreements(context):
        yield error("NV308", message, context.where("method", key), cure)


def _disagreements(context: Context) -> Iterator[tuple[str, str, str]]:
    """Yield (option to point at, message, cure)."""

    def get(key: str) -> Any:
        return context.get("method", key)

    if (kind := get("type")) in _ONE_OF:
        count, size = _ONE_OF[kind]
        if None not in (get(count), get(size)) and bool(get(count)) == bool(get(size)):
            message = f"exactly one of `{count}` and `{size}` says how features are grouped"
            yield count, message, f"write 0 for the other: `{size}: 0`"
    if get("prefix_projection") and get("encoder_hidden_size") is None:
        message = "`prefix_projection` needs the width of its network"
        yield "prefix_projection", message, "add `encoder_hidden_size: 512`"
    if get("quantize") is not None and get("init") in _DENSE:
        message = f"`init: {get('init')}` takes weights apart, and those in 4 bits cannot be"
        yield "init", message, "leave out `init` or `quantize`"

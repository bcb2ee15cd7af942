"""How devices share the work: what goes with what."""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd
from typing import Any

from ..diagnostics import Diagnostic
from ..document import DataPath
from ..plan import IN_PARTS
from ..sharding import FSDP, refused, refused_cut
from ..words import plural, show
from .adapters import local_config
from .base import Context, error, rule
from .hardware import machine_of

STRATEGY: DataPath = ("hardware", "strategy")
SHARDING: DataPath = ("hardware", "sharding")
OFFLOAD: DataPath = ("hardware", "offload")
TENSOR: DataPath = ("hardware", "tensor_parallel")


@rule("NV640", "strategy for another number of devices")
def check_devices(context: Context) -> Iterator[Diagnostic]:
    """One device shares with nobody; several cannot do as one."""
    said, machine = context.get(*STRATEGY), machine_of(context)
    if context.level == "prompt" or said is None or machine is None:
        return
    if (said == "single") == (machine.processes == 1):
        return
    have = plural(machine.processes, "device")
    message = f"strategy {show(said)} is for {'one device' if said == 'single' else 'several'}, "
    message += f"and the hardware has {have}"
    related = context.related(
        (("hardware", "devices"), "devices of a machine"), (("hardware", "nodes"), "machines")
    )
    cure = "leave out `strategy`, or name hardware with as many devices"
    yield error("NV640", message, context.where(*STRATEGY), cure, related)


@rule("NV641", "what a model in parts cannot do")
def check_parts(context: Context) -> Iterator[Diagnostic]:
    """What was not seen to train in parts, or cannot, is refused."""
    if context.level == "prompt" or context.get(*STRATEGY) not in IN_PARTS:
        return
    for path, message, cure in refused(context.level, context.get):
        related = context.related((STRATEGY, "the strategy"))
        yield error("NV641", message, context.where(*path), cure, related)


@rule("NV642", "sharding without parts, or without machines to copy to")
def check_sharding(context: Context) -> Iterator[Diagnostic]:
    """How a model is taken apart says nothing where it is not."""
    if context.level == "prompt":
        return
    said, machine = context.get(*SHARDING), machine_of(context)
    parts = context.get(*STRATEGY) in IN_PARTS
    for path in (SHARDING, OFFLOAD):
        if not parts and context.get(*path) not in (None, False, "full"):
            message = f"`{path[-1]}` is of strategy `fsdp`, and this spec does not name it"
            yield error("NV642", message, context.key(*path), "write `strategy: fsdp`")
            return
    if said == "hybrid" and machine is not None and 1 in (machine.nodes, machine.devices):
        what = "one machine" if machine.nodes == 1 else "one device in each machine"
        message = (
            f"`hybrid` holds a copy on each machine, in parts among its devices; here is {what}"
        )
        yield error("NV642", message, context.where(*SHARDING), "write `sharding: full`")


@rule("NV643", "offload from the CPU to the CPU")
def check_offload(context: Context) -> Iterator[Diagnostic]:
    """There is nothing to gain where the device's memory is the CPU's."""
    machine = machine_of(context)
    if context.level == "prompt" or machine is None or not machine.offload:
        return
    if machine.accelerator == "cpu" and context.get(*STRATEGY) == "fsdp":
        message = "`offload` moves parts to the CPU's memory, where they are already"
        yield error("NV643", message, context.where(*OFFLOAD), "write `offload: false`")


_SHARED = (
    ("num_attention_heads", "heads"),
    ("num_key_value_heads", "heads of keys and values"),
    ("intermediate_size", "numbers inside its MLP"),
)
"""Sizes of a model that devices share, and what they count."""


@rule("NV614", "heads that devices cannot share")
def check_heads(context: Context) -> Iterator[Diagnostic]:
    """Each device has whole heads, and as many as the others."""
    machine, config = machine_of(context), _model(context)
    if machine is None or machine.together == 1 or machine.devices % machine.together:
        return
    sizes = {key: int(config[key]) for key, _ in _SHARED if _whole(config.get(key))}
    for key, words in _SHARED:
        size = sizes.get(key, 0)
        if size % machine.together == 0:
            continue
        message = f"the model has {size} {words}, which {machine.together} devices cannot share "
        message += "evenly"
        common = gcd(*sizes.values(), machine.devices)
        cure = f"write `tensor_parallel: {common}`" if common > 1 else FSDP
        related = context.related((("model", key), "the model's"))
        yield error("NV614", message, _where(context), cure, related)
        return


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _model(context: Context) -> dict[str, Any]:
    """Return what is known of the model here: its sizes, or its config.json in the project."""
    if context.level == "pretrain":
        model = context.get("model")
        known = dict(model) if isinstance(model, dict) else {}
        return {**known, "model_type": known.get("architecture")}
    return local_config(context) if context.level == "finetune" else {}


def _where(context: Context) -> Any:
    return context.where(*(TENSOR if context.get(*TENSOR) is not None else STRATEGY))


@rule("NV615", "devices that compute together without saying so, or that do not divide")
def check_together(context: Context) -> Iterator[Diagnostic]:
    """Groups are of one machine, and of as many devices each."""
    said, machine = context.get(*TENSOR), machine_of(context)
    if context.level == "prompt" or machine is None:
        return
    if context.get(*STRATEGY) != "tensor":
        if said is not None:
            message = "`tensor_parallel` is of strategy `tensor`, and this spec does not name it"
            yield error("NV615", message, context.key(*TENSOR), "write `strategy: tensor`")
        return
    devices = machine.devices
    if said is None and devices > 1 or said is not None and devices % said == 0:
        return
    related = context.related((("hardware", "devices"), "devices of a machine"))
    message = f"groups of {said} devices do not fill a machine of {devices}"
    if devices == 1:
        message = "matrices are cut among the devices of a machine, and each has one"
    near = [each for each in range(2, devices + 1) if devices % each == 0]
    close = min(near, key=lambda each: abs(each - (said or 1)), default=None)
    cure = f"write `tensor_parallel: {close}`" if close else "write `strategy: fsdp` or `ddp`"
    yield error("NV615", message, _where(context), cure, related)


@rule("NV616", "what devices cannot do that cut matrices among them")
def check_cut(context: Context) -> Iterator[Diagnostic]:
    """What was not seen to give the losses of one process is refused."""
    if context.level == "prompt" or context.get(*STRATEGY) != "tensor":
        return
    for path, message, cure in refused_cut(_model(context).get("model_type"), context.get):
        related = context.related((STRATEGY, "the strategy"))
        yield error("NV616", message, context.where(*path), cure, related)

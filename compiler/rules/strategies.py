"""How devices share the work: what goes with what."""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..document import DataPath
from ..sharding import refused
from ..words import plural, show
from .base import Context, error, rule
from .hardware import machine_of

STRATEGY: DataPath = ("hardware", "strategy")
SHARDING: DataPath = ("hardware", "sharding")
OFFLOAD: DataPath = ("hardware", "offload")


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
    if context.level == "prompt" or context.get(*STRATEGY) != "fsdp":
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
    parts = context.get(*STRATEGY) == "fsdp"
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

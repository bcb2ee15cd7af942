"""Combinations of machine and settings that cannot run."""

from __future__ import annotations

from collections.abc import Iterator

from ..devices import (
    BUILT_IN,
    OWN,
    find_device,
    names,
    own_fault,
    own_figures_fault,
    split_name,
)
from ..diagnostics import Diagnostic
from ..hardware import resolve_hardware
from ..machine import HardwareSpec
from ..words import listed, show
from .base import Context, error, rule

_TRAINING = (
    "micro_batch", "activation_checkpointing", "compile", "kernels", "nodes", "strategy",
    "sharding", "offload", "tensor_parallel",
)  # fmt: skip


def machine_of(context: Context) -> HardwareSpec | None:
    """Return the spec's machine; None where a part of it was refused."""
    said = context.get("hardware")
    return resolve_hardware(said) if said is not None and context.sound("hardware") else None


@rule("NV404", "hardware of no known name")
def check_device(context: Context) -> Iterator[Diagnostic]:
    """A profile is built in, in the catalog of devices, or in the project's hardware.yaml."""
    said = context.get("hardware")
    at = ("hardware", "profile") if isinstance(said, dict) else ("hardware",)
    name = context.get(*at)
    if isinstance(name, str) and name in BUILT_IN:
        wrong = own_figures_fault(name, context.project)
        if wrong is not None:
            yield error("NV404", f"{OWN}: {wrong}", context.where(*at), f"mend {OWN}")
        return
    if not isinstance(name, str) or find_device(name, context.project):
        return
    from ..suggest import nearest_value

    device, count = split_name(name)
    wrong = own_fault(context.project)
    if wrong is not None:
        yield error("NV404", f"{OWN}: {wrong}", context.where(*at), f"mend {OWN}")
        return
    known = [*BUILT_IN, *names(context.project)]
    close = nearest_value(device, known)
    times = f"x{count}" if count > 1 and close not in BUILT_IN else ""
    cure = f"write `{close}{times}`" if close else f"there are {listed(known, len(known))}"
    cure += f"; a project adds its own in {OWN}"
    yield error("NV404", f"no hardware is called {show(name)}", context.where(*at), cure)


@rule("NV402", "CPU threads shared out beyond the machine")
def check_threads(context: Context) -> Iterator[Diagnostic]:
    """More threads than a large machine has are a slip of the keyboard."""
    threads = context.get("hardware", "threads")
    if threads is not None and threads > 1024:
        message = f"{int(threads)} threads per process are more than any machine has"
        yield error("NV402", message, context.where("hardware", "threads"), "write the CPU cores")


@rule("NV211", "key that does nothing at this level")
def check_training_alone(context: Context) -> Iterator[Diagnostic]:
    """Nothing is trained at level prompt: there is no batch to divide, and no way back."""
    if context.level != "prompt":
        return
    for key in _TRAINING:
        said = context.get("hardware", key)
        if said not in (None, False, "torch", "full") and (key, said) != ("nodes", 1):
            message = f"`hardware.{key}` does nothing at level `prompt`: nothing is trained"
            yield error("NV211", message, context.key("hardware", key), "remove it")

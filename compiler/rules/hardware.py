"""Combinations of machine and settings that cannot run."""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..hardware import resolve_hardware
from ..spec import HardwareSpec
from .base import Context, error, rule


def machine_of(context: Context) -> HardwareSpec | None:
    """Return the spec's machine; None where a part of it was refused."""
    said = context.get("hardware")
    return resolve_hardware(said) if said is not None and context.sound("hardware") else None


@rule("NV403", "profile and accelerator that disagree")
def check_profile(context: Context) -> Iterator[Diagnostic]:
    """A profile says what computes; the other keys may refine it, not turn it round."""
    profile = context.get("hardware", "profile")
    accelerator = context.get("hardware", "accelerator")
    machine = machine_of(context)
    if machine is None or not context.has("hardware", "profile") or accelerator is None:
        return
    if profile == "local" or accelerator == profile:
        return
    message = f"profile `{profile}` does not compute on `{accelerator}`"
    related = context.related((("hardware", "profile"), "the profile"))
    where = context.where("hardware", "accelerator")
    yield error("NV403", message, where, f"write `profile: {accelerator}`", related)


@rule("NV401", "several devices to prompt")
def check_prompt_devices(context: Context) -> Iterator[Diagnostic]:
    """Prompting runs in one process."""
    devices = context.get("hardware", "devices")
    if context.level == "prompt" and devices is not None and devices > 1:
        message = f"level `prompt` runs in one process, but hardware has {int(devices)} devices"
        where = context.where("hardware", "devices")
        yield error("NV401", message, where, "write `devices: 1`")


@rule("NV402", "CPU threads shared out beyond the machine")
def check_threads(context: Context) -> Iterator[Diagnostic]:
    """More threads than a large machine has are a slip of the keyboard."""
    threads = context.get("hardware", "threads")
    if threads is not None and threads > 1024:
        message = f"{int(threads)} threads per process are more than any machine has"
        yield error("NV402", message, context.where("hardware", "threads"), "write the CPU cores")

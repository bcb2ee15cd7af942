"""Combinations of machine and settings that cannot run."""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..hardware import resolve_hardware
from .base import Context, error, rule


def devices_of(context: Context) -> int | None:
    """Return how many processes the spec's machine has; None where it is not valid."""
    said = context.get("hardware")
    if isinstance(said, str):
        return resolve_hardware(said).devices
    devices = context.get("hardware", "devices")
    return None if devices is None else int(devices)


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

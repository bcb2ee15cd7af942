"""Combinations of machine and settings that cannot run."""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..hardware import resolve_hardware
from ..machine import HardwareSpec
from .base import Context, error, rule


def machine_of(context: Context) -> HardwareSpec | None:
    """Return the spec's machine; None where a part of it was refused."""
    said = context.get("hardware")
    return resolve_hardware(said) if said is not None and context.sound("hardware") else None


@rule("NV402", "CPU threads shared out beyond the machine")
def check_threads(context: Context) -> Iterator[Diagnostic]:
    """More threads than a large machine has are a slip of the keyboard."""
    threads = context.get("hardware", "threads")
    if threads is not None and threads > 1024:
        message = f"{int(threads)} threads per process are more than any machine has"
        yield error("NV402", message, context.where("hardware", "threads"), "write the CPU cores")


@rule("NV211", "key that does nothing at this level")
def check_prompt_micro_batch(context: Context) -> Iterator[Diagnostic]:
    """Nothing is trained at level prompt, so there is no batch to divide."""
    if context.level == "prompt" and context.get("hardware", "micro_batch") is not None:
        message = "`hardware.micro_batch` does nothing at level `prompt`: nothing is trained"
        where = context.key("hardware", "micro_batch")
        yield error("NV211", message, where, "remove it")

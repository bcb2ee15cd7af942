"""What a plan foretold, beside what a few steps of its program took on this machine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..plan import FinetunePlan, PretrainPlan
from .compute import compute
from .fit import gib
from .memory import memory, setting_of
from .parameters import Known
from .slices import slice_of
from .text import Line, short, span


@dataclass(frozen=True, slots=True)
class Verdict:
    """Predicted and measured, of one device, for micro-batches of the size that was met.

    Bytes, seconds an optimizer step and operations a second; ``error`` is (predicted - measured) /
    measured, by the low figure. What is not known is None. ``kind`` of memory is `rss`, of the
    process, or `cuda`, of torch's allocator, which holds no driver. ``allocator`` gave the process
    its memory: `tcmalloc`, or `system`, the C library's own.
    """

    rows: int
    length: int
    kind: str
    predicted_low: int | None
    predicted_high: int | None
    measured: int | None
    error: float | None
    seconds_per_step: float
    steps: int | None
    flops_per_second: float | None
    allocator: str | None = None


def verdict(plan: FinetunePlan | PretrainPlan, known: Known, found: dict[str, Any]) -> Verdict:
    """Hold a plan to what `runtime.training.footprint` recorded of its steps.

    The formulas are asked again for the rows that were met, since rows of level finetune may be
    shorter than ``train.max_length``.
    """
    kind = "cuda" if plan.common.hardware.accelerator == "cuda" else "rss"
    measured = found["memory"][kind]
    rows, length = int(found["rows"]), int(found["length"])
    low = high = flops = None
    if (setting := setting_of(plan)) is not None and known.shape and known.tuned and rows:
        predicted = min(setting.predicted, length)
        if isinstance(plan, PretrainPlan):  # documents of rows, and not rows; all are whole
            rows, length, predicted = setting.rows, setting.length, setting.predicted
        rows = min(rows, setting.rows)  # where rows are compared, a step's texts come together
        met = replace(setting, rows=rows, length=length, predicted=predicted)
        needed = memory(
            known.shape, known.tuned, met, saves=False, slice=slice_of(plan, known.shape)
        )
        off = needed.libraries if kind == "cuda" else 0
        low, high = needed.low - off, needed.high - off
        flops = compute(plan, known.shape, known.tuned, length, predicted).flops_per_step
    seconds = float(found["seconds_per_step"])
    return Verdict(
        rows, length, kind, low, high, measured,
        (low - measured) / measured if low is not None and measured else None,
        seconds, plan.steps, flops / seconds if flops else None, found.get("allocator"),
    )  # fmt: skip


def verdict_lines(found: Verdict) -> list[Line]:
    """Return the lines that `nivel plan --verify` adds."""
    size = f"{found.rows} rows of {found.length:,} tokens" if found.rows else "features of rows"
    return [("verified", f"on this machine, with {size}"), _memory(found), *_times(found)]


def _memory(found: Verdict) -> Line:
    measured = "not told by this system" if found.measured is None else gib(found.measured)
    if found.predicted_low is None or found.predicted_high is None or found.error is None:
        return ("", f"memory: measured {measured}; predicted: unknown")
    said = f"{gib(found.predicted_low)} to {gib(found.predicted_high)}"
    off = f"the low figure is {abs(found.error):.0%} {'above' if found.error > 0 else 'below'} it"
    return ("", f"memory: measured {measured}{_given(found)}; predicted {said}: {off}")


def _given(found: Verdict) -> str:
    """Say what gave the memory of a process, where that is known."""
    if found.kind != "rss" or found.allocator is None:
        return ""
    system = "the C library's allocator; with tcmalloc installed it may hold less"
    return f" ({system if found.allocator == 'system' else found.allocator})"


def _times(found: Verdict) -> list[Line]:
    text = f"time: {found.seconds_per_step:.3g} seconds a step"
    if found.steps is not None:
        text += f", so {span(found.seconds_per_step * found.steps)} for {found.steps:,} steps"
    if found.flops_per_second is not None:
        text += f"; {short(found.flops_per_second)} operations a second"
    return [("", text)]

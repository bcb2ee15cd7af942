"""Schedules, optimizers, averages and ramps that do not go together, or not with the method."""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..training import RampSpec, plan_ramp, ramp_steps
from ..words import listed, plural, show
from .base import Context, error, rule, warning
from .hardware import machine_of
from .train import steps_of

OPTIMIZER = ("train", "optimizer", "type")
SCHEDULE = ("train", "schedule", "type")
AVERAGE = ("train", "average", "type")
ROLL_BACK = ("train", "on_divergence", "type")

MUON_METHODS = ("full", "freeze", "lora")
"""Methods that train matrices of linear layers; the others train vectors, tables or rotations."""


@rule("NV630", "warmup and decay longer than the run")
def check_stable(context: Context) -> Iterator[Diagnostic]:
    """The rate cannot rise and fall at one time."""
    warmup, decay = (context.get("train", "schedule", key) for key in ("warmup", "decay"))
    if decay is None or warmup is None or warmup + decay <= 1:
        return
    message = f"a warmup of {warmup} and a decay of {decay} are more than all of the steps"
    cure = f"write `decay: {round(1 - warmup, 6):g}` or less" if warmup < 1 else "shorten both"
    related = context.related((("train", "schedule", "warmup"), "the other part"))
    yield error("NV630", message, context.where("train", "schedule", "decay"), cure, related)


@rule("NV631", "schedule of an optimizer that has none")
def check_free(context: Context) -> Iterator[Diagnostic]:
    """The average that it makes takes the place of a falling rate."""
    shape = context.get(*SCHEDULE)
    if context.get(*OPTIMIZER) != "schedule-free" or shape in (None, "constant"):
        return
    message = (
        f"optimizer `schedule-free` has a constant rate after the warmup, and not {show(shape)}"
    )
    related = context.related((OPTIMIZER, "the optimizer"))
    given = context.has(*SCHEDULE)
    where = context.where(*(SCHEDULE if given else OPTIMIZER))
    cure = "write `schedule: {type: constant, warmup: 0.05}`"
    yield error("NV631", message, where, cure, related if given else ())


@rule("NV632", "Muon where it has nothing to train")
def check_muon(context: Context) -> Iterator[Diagnostic]:
    """Muon is for matrices of linear layers, all with one rate."""
    if context.get(*OPTIMIZER) != "muon" or context.level != "finetune":
        return
    method = context.get("method", "type")
    if method is not None and method not in MUON_METHODS:
        message = f"method {show(method)} trains no matrices of linear layers, which Muon is for"
        cure = f"write `type: adamw`, or one of the methods {listed(MUON_METHODS)}"
        related = context.related((("method", "type"), "the method"))
        yield error("NV632", message, context.where(*OPTIMIZER), cure, related)
    elif context.get("method", "learning_rate_ratio") is not None:
        message = "`learning_rate_ratio` is for AdamW's steps, whose size is that of the rate"
        cure = "leave it out, or write `optimizer: {type: adamw}`"
        related = context.related((OPTIMIZER, "the optimizer"))
        where = context.where("method", "learning_rate_ratio")
        yield error("NV632", message, where, cure, related)


@rule("NV636", "AdaLoRA beside an optimizer that uses gradients up")
def check_adalora(context: Context) -> Iterator[Diagnostic]:
    """Ranks are moved after the step, by its gradients, which are then no more."""
    if context.get(*OPTIMIZER) == "schedule-free" and context.get("method", "type") == "adalora":
        message = "optimizer `schedule-free` overwrites the gradients that `adalora` moves rank by"
        related = context.related((("method", "type"), "the method"))
        where = context.where(*OPTIMIZER)
        yield error("NV636", message, where, "write `optimizer: {type: adamw}`", related)


@rule("NV633", "mean of weights beside another choice of weights")
def check_average(context: Context) -> Iterator[Diagnostic]:
    """Which weights a run ends with is decided once."""
    kind = context.get(*AVERAGE)
    if kind is None:
        return
    related = context.related((AVERAGE, "the mean"))
    if context.get(*OPTIMIZER) == "schedule-free":
        message = "optimizer `schedule-free` makes an average by itself"
        where = context.where(*OPTIMIZER)
        yield error("NV633", message, where, "leave out `average`", related)
    for key in ("use", "early_stopping"):
        said = context.get("train", key)
        if kind == "checkpoints" and (said == "best" or isinstance(said, dict)):
            message = (
                f"a mean of checkpoints is that of the last ones, and `{key}` asks for the best"
            )
            cure = f"leave out `{key}`, or write `average: {{type: ema}}`"
            yield error("NV633", message, context.where("train", key), cure, related)
            return


@rule("NV634", "mean of weights longer than the run")
def check_memory(context: Context) -> Iterator[Diagnostic]:
    """A mean over more steps than there are is mostly the weights of the beginning."""
    decay, steps = context.get("train", "average", "decay"), steps_of(context)
    if decay is None or not steps or context.get(*AVERAGE) != "ema":
        return
    span = round(1 / (1 - decay))
    if span > steps / 2:
        message = f"a decay of {decay} averages some {span:,} steps, and the run has "
        message += plural(steps, "step")
        fitting = 1 - 1 / max(2, steps // 10)
        cure = f"write `decay: {fitting:.4g}` for a tenth of the run"
        yield warning("NV634", message, context.where("train", "average", "decay"), cure)


@rule("NV635", "roll-back of several processes")
def check_roll_back(context: Context) -> Iterator[Diagnostic]:
    """Going back starts the training again inside the program, which is one process."""
    machine = machine_of(context)
    if context.get(*ROLL_BACK) != "roll-back" or machine is None or machine.processes == 1:
        return
    message = f"`roll-back` works in one process, and the hardware has {machine.processes}"
    cure = "write `on_divergence: {type: stop}` or `devices: 1`"
    yield error("NV635", message, context.where(*ROLL_BACK), cure)


@rule("NV638", "batch ramp that does not divide, or has no room")
def check_ramp(context: Context) -> Iterator[Diagnostic]:
    """Every size is start, twice start, ...; each is spread over all devices and micro-batches."""
    path = ("train", "batch_ramp", "start")
    start, batch, machine = context.get(*path), context.get("train", "batch"), machine_of(context)
    where = context.where(*path)
    if start is None or not batch or machine is None or batch % machine.groups:
        return
    related = context.related((("train", "batch"), "the batch"))
    parts = machine.groups
    if machine.micro_batch:
        parts = max(1, int(batch // machine.micro_batch))
    if batch % start or start >= batch:
        message = f"a batch of {int(batch)} is no multiple of {int(start)}, which it grows by"
        message = f"{int(start)} sequences are all of the batch" if start == batch else message
        cure = "write `start: " + nearest_divisor(int(batch), int(start), parts) + "`"
        yield error("NV638", message, where, cure, related)
    elif start % parts:
        message = f"{int(start)} sequences do not divide among the {parts} micro-batches of a step"
        cure = "write `start: " + nearest_divisor(int(batch), int(start), parts) + "`"
        yield error("NV638", message, where, cure, related)
    elif (full := full_steps_of(context)) is not None:
        over = context.get("train", "batch_ramp", "over")
        ramp = plan_ramp(RampSpec(int(start), over or 0.1), int(batch), full)
        if over is not None and ramp_steps(ramp, int(batch)) >= full:
            message = (
                f"a ramp from {int(start)} to {int(batch)} has no room in {plural(full, 'step')}"
            )
            cure = (
                f"raise `start`, or give the run more than {ramp_steps(ramp, int(batch))} batches"
            )
            yield error("NV638", message, where, cure, related)


def full_steps_of(context: Context) -> int | None:
    """Return the steps that a batch which does not grow would take."""
    tokens, batch, length = (
        context.get("train", key) for key in ("tokens", "batch", "sequence_length")
    )
    return int(tokens // (batch * length)) if tokens and batch and length else None


def nearest_divisor(batch: int, start: int, parts: int) -> str:
    """Return the divisor of the batch, below it and a multiple of ``parts``, nearest to start."""
    fitting = [d for d in range(1, batch) if batch % d == 0 and d % parts == 0] or [batch]
    return str(min(fitting, key=lambda d: abs(d - start)))

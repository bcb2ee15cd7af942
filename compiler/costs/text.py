"""Lines of `nivel plan` on what an experiment needs, with units and with what is unknown."""

from __future__ import annotations

from ..devices import Device
from ..scaling import ALPHA, BATCH, BETA, FITTED, RATE, A, B, Choice, E
from .compute import Compute
from .disk import Disk
from .fit import gib, parts
from .memory import Memory
from .parameters import Counted
from .price import UTILISATION, Price

Line = tuple[str, str]

_STEPS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))


def short(number: float) -> str:
    """Write a large number in three digits: 134.5M, 8.03B."""
    for size, letter in _STEPS:
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:.3g}"


def parameter_lines(counted: Counted, several: bool) -> list[Line]:
    """Say the parameters of a model by part, and how many are trained."""
    whose = f"{counted.name}: " if several else ""
    if counted.parts is None:
        return [("parameters", f"{whose}unknown: {counted.unknown}")]
    total = sum(counted.parts.values())
    lines = [("parameters", f"{whose}{total:,}: {by_part(counted)}")]
    if counted.unknown:
        lines.append(("trained", f"unknown: {counted.unknown}"))
    elif counted.trained is not None and counted.total is not None:
        lines.append(("trained", _trained(counted.trained, counted.total)))
    return lines


def by_part(counted: Counted) -> str:
    """Name the parts of a model with their sizes."""
    names = {"mlp": "MLP"}
    parts = (counted.parts or {}).items()
    said = [f"{names.get(name, name)} {short(size)}" for name, size in parts if size]
    return ", ".join(said + (["head tied"] if counted.tied else []))


def _trained(trained: int, total: int) -> str:
    if trained == total:
        return f"{trained:,}, all of them"
    return f"{trained:,}, {trained / total:.2%} of {total:,} with what is added"


def compute_lines(found: Compute) -> list[Line]:
    """Say what a step and the run compute; rows that may be shorter give the most."""
    most = "" if found.exact else "at most "
    step = f"{most}{found.flops_per_step:.3g} FLOPs and {found.tokens_per_step:,} tokens"
    lines = [("each step", step)]
    if found.total_flops is not None and found.total_tokens is not None:
        text = f"{most}{found.total_flops:.3g} FLOPs and {found.total_tokens:,} tokens"
        lines.append(("in all", f"{text} in {found.steps:,} steps"))
    return lines


def memory_lines(found: Memory, device: Device | None) -> list[Line]:
    """Say what one device holds at its fullest, by part, and for which rows."""
    room = "" if device is None or not device.memory_gib else f" of {device.memory_gib:.3g} GiB"
    text = f"{gib(found.low)} to {gib(found.high)} on each device{room}, when {found.moment}"
    rows = f"{found.rows} rows of {found.length:,} tokens"
    return [("memory", text), ("", f"for {rows}: {parts(found)}, ...")]


def disk_lines(found: Disk) -> list[Line]:
    """Say what a training leaves on the disk."""
    parts = f" in {found.parts} parts of {gib(found.checkpoint / found.parts)}"
    text = f"{gib(found.checkpoint)} a checkpoint{parts if found.parts > 1 else ''}, "
    return [("disk", text + f"at most {gib(found.most)} of them; the model {gib(found.model)}")]


def price_lines(found: Price) -> list[Line]:
    """Say how long the run takes and what it costs, or why that is not known."""
    if found.seconds_low is None or found.seconds_high is None:
        return [("time", f"unknown: {found.why}")]
    share = f"at {UTILISATION[1]:.0%} to {UTILISATION[0]:.0%} of the device's rate"
    lines = [("time", f"computes {span(found.seconds_low)} to {span(found.seconds_high)}, {share}")]
    if found.usd_low is None or found.usd_high is None:
        return [*lines, ("money", f"unknown: {found.why}")]
    digits = 2 if found.usd_low < 100 else 0
    text = f"{found.usd_low:,.{digits}f} to {found.usd_high:,.{digits}f} US dollars"
    each = f"at {found.usd_per_hour:g} an hour for each device"
    source = [("", f"({found.price_source})")] if found.price_source else []
    return [*lines, ("money", f"{text}, {each}"), *source]


def scaling_lines(found: Choice) -> list[Line]:
    """Say how a budget became sizes, tokens, batch and learning rate."""
    beside = "; ".join(
        f"{short(parameters)} on {short(tokens)}: {loss:.3f}"
        for parameters, tokens, loss in found.beside
    )
    law = f"{E} + {A} / N^{ALPHA} + {B} / D^{BETA}"
    best = f"{short(found.parameters)} parameters N on {short(found.tokens)} tokens D"
    fitted = (
        "" if FITTED[0] <= found.flops <= FITTED[1] else ", outside of what they were fitted on"
    )
    return [
        (
            "budget",
            f"{found.flops:.3g} FLOPs C, of which a token takes {found.flops_per_token:.3g}",
        ),
        ("", f"{best} have the lowest {law}: {found.loss:.3f} ({beside})"),
        ("", f"batch {BATCH[0]} C^{BATCH[1]} tokens, learning rate {RATE[0]} C^{RATE[1]}{fitted}"),
    ]


def span(seconds: float) -> str:
    """Write a time in the largest unit that leaves a number above one."""
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.2g} seconds"

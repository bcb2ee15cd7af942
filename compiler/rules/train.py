"""Settings of training that are allowed one by one, and nearly always a slip."""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..training import RampSpec, plan_ramp, ramp_steps
from .base import Context, rule, warning
from .counts import rows_of

HIGHEST_RATE = 0.05
"""AdamW moves a weight by about the rate in each step, and weights begin near 0.02."""

LOWEST_RATE = 1e-8
"""Below this, fp32 weights of ordinary size do not change at all (2^-24 is 6e-8)."""


@rule("NV351", "warmup that is no step, or the whole run")
def check_warmup(context: Context) -> Iterator[Diagnostic]:
    """A warmup is rounded to whole steps; of the rest of the run something has to be left."""
    warmup, steps = context.get("train", "schedule", "warmup"), steps_of(context)
    where = context.where("train", "schedule", "warmup")
    if warmup is None or warmup == 0:
        return
    if warmup == 1:
        message = "the warmup takes the whole run, so the learning rate only rises"
        yield warning("NV351", message, where, "write a fraction, such as `warmup: 0.03`")
    elif steps is not None and round(warmup * steps) == 0:
        message = f"a warmup of {warmup} of {steps} steps is less than one step, so there is none"
        cure = f"write `warmup: {_tidy(1 / steps)}` for one step, or `warmup: 0`"
        yield warning("NV351", message, where, cure)


@rule("NV362", "learning rate far from what works")
def check_rate(context: Context) -> Iterator[Diagnostic]:
    """A digit too few or too many in an exponent costs a whole run."""
    rate = context.get("train", "learning_rate")
    kind = context.get("train", "optimizer", "type")
    if rate is None or kind not in (None, "adamw") or LOWEST_RATE <= rate <= HIGHEST_RATE:
        return
    usual = "3e-4 to 3e-3" if context.level == "pretrain" else "1e-5 to 1e-3"
    far = "high" if rate > HIGHEST_RATE else "low"
    message = f"a learning rate of {rate} is very {far} for AdamW; usual are {usual}"
    where = context.where("train", "learning_rate")
    yield warning("NV362", message, where, "check the exponent")


def steps_of(context: Context) -> int | None:
    """Return the optimizer steps of the run, or None where they depend on what is not known."""
    batch = context.get("train", "batch")
    if not batch:
        return None
    if context.level == "pretrain":
        tokens, length = (context.get("train", key) for key in ("tokens", "sequence_length"))
        if not tokens or not length:
            return None
        full, said = int(tokens // (batch * length)), context.get("train", "batch_ramp")
        start = context.get("train", "batch_ramp", "start")
        if not isinstance(said, dict) or not start or batch % start or start >= batch:
            return full
        over = context.get("train", "batch_ramp", "over") or 0.1
        ramp = plan_ramp(RampSpec(int(start), over), int(batch), full)
        return full + ramp_steps(ramp, int(batch))
    rows, epochs = rows_of(context, "train"), context.get("train", "epochs")
    return -(-rows * int(epochs) // int(batch)) if rows and epochs else None


def _tidy(fraction: float) -> str:
    """Round up to two significant digits, so that the product is a whole step."""
    from math import ceil, floor, log10

    scale = 10.0 ** (1 - floor(log10(fraction)))
    return f"{min(1.0, ceil(fraction * scale) / scale):g}"

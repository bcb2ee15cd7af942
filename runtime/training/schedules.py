"""Learning-rate schedules: a linear warmup, then constant, or a decay to a part of the rate."""

from __future__ import annotations

import math
from collections.abc import Callable

from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler


def by_step(optimizer: Optimizer, schedule: LRScheduler) -> OptimizerLRSchedulerConfig:
    """Both in the form that Lightning takes; the rate changes after every optimizer step."""
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _after_warmup(
    optimizer: Optimizer, steps: int, warmup: float, decay: Callable[[float], float]
) -> LambdaLR:
    """``decay`` maps the part of the remaining run that is done, in [0, 1], to a factor."""
    warmup_steps = round(warmup * steps)

    def factor(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / warmup_steps  # the first step already learns
        return decay((step - warmup_steps) / max(1, steps - warmup_steps))

    return LambdaLR(optimizer, factor)


def _above(minimum: float, factor: float) -> float:
    """``factor`` in [0, 1], squeezed to [``minimum``, 1]."""
    return minimum + (1.0 - minimum) * factor if minimum else factor


def constant_schedule(optimizer: Optimizer, *, steps: int, warmup: float) -> LambdaLR:
    """The peak rate from the end of the warmup on. ``warmup`` is a fraction of ``steps``."""
    return _after_warmup(optimizer, steps, warmup, lambda done: 1.0)


def linear_schedule(
    optimizer: Optimizer, *, steps: int, warmup: float, minimum: float = 0.0
) -> LambdaLR:
    """Falls in a straight line to the fraction ``minimum`` at ``steps``. ``warmup`` is a fraction
    of ``steps``."""
    return _after_warmup(
        optimizer, steps, warmup, lambda done: _above(minimum, max(0.0, 1.0 - done))
    )


def cosine_schedule(
    optimizer: Optimizer, *, steps: int, warmup: float, minimum: float = 0.0
) -> LambdaLR:
    """Half a cosine from the peak to its fraction ``minimum`` at ``steps`` (Loshchilov and Hutter,
    arXiv:1608.03983, without restarts). ``warmup`` is a fraction of ``steps``."""

    def factor(done: float) -> float:
        return _above(minimum, 0.5 * (1 + math.cos(math.pi * min(1.0, done))))

    return _after_warmup(optimizer, steps, warmup, factor)


def warmup_stable_decay_schedule(
    optimizer: Optimizer, *, steps: int, warmup: float, decay: float, minimum: float = 0.0
) -> LambdaLR:
    """The peak rate, and at the end a straight line to its fraction ``minimum`` (Hu et al.,
    arXiv:2404.06395, section 4). ``warmup`` and ``decay`` are fractions of ``steps``.

    The line begins at a step that depends on ``decay`` alone, so that a run which is as far can be
    ended from there.
    """
    warmup_steps, decay_steps = round(warmup * steps), max(1, round(decay * steps))
    left = max(1, steps - warmup_steps)

    def factor(done: float) -> float:
        step = warmup_steps + done * left
        return _above(minimum, max(0.0, min(1.0, (steps - step) / decay_steps)))

    return _after_warmup(optimizer, steps, warmup, factor)

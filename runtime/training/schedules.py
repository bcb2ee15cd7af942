"""Learning-rate schedules: a linear warmup, then constant, linear or cosine decay to zero."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


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


def constant_schedule(optimizer: Optimizer, *, steps: int, warmup: float) -> LambdaLR:
    """The peak rate from the end of the warmup on. ``warmup`` is a fraction of ``steps``."""
    return _after_warmup(optimizer, steps, warmup, lambda done: 1.0)


def linear_schedule(optimizer: Optimizer, *, steps: int, warmup: float) -> LambdaLR:
    """Falls in a straight line to zero at ``steps``. ``warmup`` is a fraction of ``steps``."""
    return _after_warmup(optimizer, steps, warmup, lambda done: max(0.0, 1.0 - done))


def cosine_schedule(optimizer: Optimizer, *, steps: int, warmup: float) -> LambdaLR:
    """Half a cosine from the peak to zero at ``steps`` (Loshchilov and Hutter, arXiv:1608.03983,
    without restarts). ``warmup`` is a fraction of ``steps``."""
    return _after_warmup(
        optimizer, steps, warmup, lambda done: 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    )

"""Training that diverges: what is taken as that, and going back to where it had not yet."""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections import deque
from collections.abc import Iterable
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from ..errors import RunError
from ..records import Run
from .places import all_paths, path_of, step_of
from .sharding import whole_norm

WINDOW = 50
"""Steps whose mean loss a spike is measured by."""

LEAST = 10
"""Fewer steps than these say nothing about what is usual."""

CURE = "lower train.learning_rate or lengthen train.schedule.warmup"


class Diverged(RunError):
    """The loss or its gradient is no number, or rose far; `step` counts from 1."""

    def __init__(self, step: int, what: str) -> None:
        super().__init__(f"training diverged at step {step}: {what}", CURE)
        self.step, self.what = step, what

    def __reduce__(self) -> Any:
        return type(self), (self.step, self.what)


class Gradients(Callback):
    """Scales gradients down to a norm, keeps what it was, and refuses a step by no number.

    The weights are then still those before the step. Lightning's own clipping refuses fused
    optimizers in bf16, where no loss is scaled, and tells nobody the norm.

    Args:
        max_norm: over all parameters, above 0.
    """

    def __init__(self, max_norm: float) -> None:
        self.max_norm = max_norm
        self.norm: float | None = None
        self.rate: float | None = None  # of the first group, in this step

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self.rate = float(optimizer.param_groups[0]["lr"])
        norm = whole_norm(get_total_norm([p.grad for p in parameters if p.grad is not None]))
        clip_grads_with_norm_(parameters, self.max_norm, norm)
        self.norm = float(norm)
        if not math.isfinite(self.norm):
            raise Diverged(trainer.global_step + 1, f"the norm of the gradient is {self.norm}")


def last_step(trainer: Trainer) -> tuple[float | None, float | None]:
    """Return the norm of the last step's gradient before it was scaled down, and its rate."""
    found = ((each.norm, each.rate) for each in _callbacks(trainer) if isinstance(each, Gradients))
    return next(found, (None, None))


class LossWatch:
    """Tells a loss that rose far above those before it.

    Args:
        spike: so many times the mean of the last `WINDOW` losses, of `LEAST` at least; above 1.
            None: only what is no number is refused.
    """

    def __init__(self, spike: float | None = None) -> None:
        self.spike = spike
        self.losses: deque[float] = deque(maxlen=WINDOW)

    def judge(self, step: int, loss: float) -> None:
        """Take in the loss of a step.

        Raises:
            Diverged: it is no number, or a spike.
        """
        if not math.isfinite(loss):
            raise Diverged(step, f"the loss is {loss}")
        if self.spike is None:
            return
        mean = math.fsum(self.losses) / max(1, len(self.losses))
        if len(self.losses) >= LEAST and mean > 0 and loss > self.spike * mean:
            before = f"the mean {mean:.4g} of the {len(self.losses)} steps before"
            raise Diverged(step, f"the loss is {loss:.4g}, more than {self.spike:g} times {before}")
        self.losses.append(loss)


class RollBacks(Callback):
    """Goes back to a checkpoint when training diverges, and past the batches that led there.

    The checkpoint is the newest that is older than the step before: the weights of that step may
    be what went wrong. The steps after it get the batches that follow those of the divergence
    (as Chowdhery et al. did by hand, arXiv:2204.02311, section 5.1). What was skipped is a file of
    the run, so that a run that was cut off goes on in the same way.

    Args:
        at_most: so many times in a run; the next divergence ends it.
    """

    def __init__(self, run: Run, *, at_most: int) -> None:
        self.run, self.at_most = run, at_most
        self._path = run.folder / "rollbacks.json"
        self.made: list[dict[str, Any]] = []
        if self._path.exists():
            self.made = json.loads(self._path.read_text(encoding="utf-8"))
            run.remember(roll_backs=self.made)

    def skipped(self, step: int) -> int:
        """Return how many steps' batches are passed over before those of step `step` (from 0)."""
        return sum(one["skipped"] for one in self.made if one["after"] <= step)

    def fit(self, trainer: Trainer, module: LightningModule, checkpoints: Any) -> None:
        """Train, and begin again from a checkpoint as often as it takes and is allowed.

        Raises:
            Diverged: once more than allowed.
        """
        while True:
            try:
                trainer.fit(module, ckpt_path=checkpoints.newest())
            except Diverged as error:
                self._go_back(error)
            else:
                return

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.global_step == 0 and not all_paths(self.run.folder):
            trainer.save_checkpoint(
                path_of(self.run.folder, 0)
            )  # there is always one to go back to

    def _go_back(self, error: Diverged) -> None:
        if len(self.made) >= self.at_most:
            raise Diverged(error.step, f"{error.what}, after {len(self.made)} roll-backs")
        paths = all_paths(self.run.folder)
        older = [path for path in paths if step_of(path) < error.step - 1] or paths[:1]
        for path in paths:
            if step_of(path) > step_of(older[-1]):
                shutil.rmtree(path)
        after = step_of(older[-1])
        one = {"step": error.step, "what": error.what, "after": after}
        self.made.append({**one, "skipped": error.step - after})
        temporary = self._path.with_suffix(".writing")
        temporary.write_text(json.dumps(self.made, indent=1) + "\n", encoding="utf-8")
        temporary.replace(self._path)
        self.run.remember(roll_backs=self.made)
        text = f"{error.message}; rolled back to step {after}, {error.step - after} batches skipped"
        print(text, file=sys.stderr, flush=True)


def roll_backs(trainer: Trainer) -> RollBacks | None:
    """Return the trainer's roll-backs; None where there are none."""
    found = (each for each in _callbacks(trainer) if isinstance(each, RollBacks))
    return next(found, None)


def _callbacks(trainer: Trainer) -> Iterable[Any]:
    return getattr(trainer, "callbacks", ())

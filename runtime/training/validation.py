"""The loss on rows that are not trained on, in the midst of training, and when to stop."""

from __future__ import annotations

import math
import sys
from contextlib import nullcontext
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer

from ..errors import RunError
from ..records import Run
from ..records.ranks import is_rank_zero
from .averages import Average
from .batches import PADDING_ROW, Rows, divisor_of, unit_of
from .sharding import settle, sum_over_rows, turn_of

KEY = "validation_loss"  # its name in metrics.jsonl


class Validation(Callback):
    """Measures the loss on `rows` every so many optimizer steps, and after the last.

    It is the module's own loss, `training_step`, without dropout, with the trained tokens of all
    the rows as its `step_tokens`: nats per token, or a mean over the rows' own unit, whatever the
    micro-batch and the processes.

    Args:
        run: each loss becomes a line of its metrics.
        rows: what is measured on, all of them each time.
        every: optimizer steps between two measurements.
        micro_batch: rows that one process holds at once.
        patience: training ends after so many measurements in a row that were not better than
            all before; None: never.
        average: what is measured in place of the weights of the step.
    """

    def __init__(
        self,
        run: Run,
        rows: Rows,
        *,
        every: int,
        micro_batch: int,
        patience: int | None = None,
        average: Average | None = None,
    ) -> None:
        self.run, self.rows, self.every = run, rows, every
        self.micro_batch, self.patience = micro_batch, patience
        self.average = average
        self.tokens = sum(rows.trained_tokens(index) for index in range(len(rows)))
        self.best: float | None = None
        self.best_step: int | None = None
        self.last: float | None = None
        self._waited = 0
        if not self.tokens:
            raise RunError("no row of the validation data has a token to learn")

    @property
    def stops(self) -> bool:
        """Whether patience is at its end."""
        return self.patience is not None and self._waited >= self.patience

    def result(self, *, use: str) -> dict[str, Any]:
        """Return what is to be recorded; `use` says which weights were kept: best or last."""
        return {
            "loss": self.last,
            "best_loss": self.best,
            "best_step": self.best_step,
            "rows": len(self.rows),
            unit_of(self.rows): self.tokens,
            "stopped_early": self.stops,
            "used": use,
        }

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if (batch_idx + 1) % trainer.accumulate_grad_batches:
            return  # in the midst of an optimizer step
        step = trainer.global_step
        if step % self.every == 0 or step == trainer.max_steps:
            used = self.average.applied(pl_module) if self.average else nullcontext()
            with used:
                loss = self.measure(trainer, pl_module)
            self._judge(loss, step)
            trainer.should_stop = trainer.should_stop or self.stops

    def _judge(self, loss: float, step: int) -> None:
        """Record a loss, and count how long there has been no better one."""
        if not math.isfinite(loss):
            raise RunError(f"the validation loss became {loss} at step {step}")
        self.last = loss
        if self.best is None or loss < self.best:
            self.best, self.best_step, self._waited = loss, step, 0
        else:
            self._waited += 1
        self.run.log_metrics(step, **{KEY: loss})
        if is_rank_zero():
            best = "the best so far" if self.best_step == step else f"best at step {self.best_step}"
            text = f"validation after step {step}: loss {loss:.4f} ({best})"
            print(text, file=sys.stderr, flush=True)

    @torch.no_grad()
    def measure(self, trainer: Trainer, module: LightningModule) -> float:
        """Return the loss in nats per token; every process takes its part of the rows."""
        micro, (rank, world) = self.micro_batch, turn_of(trainer)
        turns = -(-len(self.rows) // (micro * world))  # the same for all: collectives pair up
        total = torch.zeros((), dtype=torch.float64)
        modes = {part: part.training for part in module.modules()}
        module.eval()
        for turn in range(turns):
            first = (turn * world + rank) * micro
            total += self._share(trainer, module, range(first, first + micro))
        for part, mode in modes.items():
            part.training = mode
        settle(module)
        total = total.to(trainer.strategy.root_device)
        return sum_over_rows(trainer, total)

    def _share(self, trainer: Trainer, module: LightningModule, indices: range) -> torch.Tensor:
        wanted = [index if index < len(self.rows) else PADDING_ROW for index in indices]
        batch = {**self.rows.collate(wanted), divisor_of(self.rows): torch.tensor(self.tokens)}
        batch = trainer.strategy.batch_to_device(batch)
        with trainer.precision_plugin.val_step_context():
            output: Any = module.training_step(batch, 0)
        share: torch.Tensor = output["nll"].double().cpu()
        return share

    def state_dict(self) -> dict[str, Any]:
        return {
            "best": self.best,
            "best_step": self.best_step,
            "last": self.last,
            "waited": self._waited,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best, self.best_step = state_dict["best"], state_dict["best_step"]
        self.last, self._waited = state_dict["last"], state_dict["waited"]

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # a run that was stopped early and killed after it is not trained on
        trainer.should_stop = trainer.should_stop or self.stops

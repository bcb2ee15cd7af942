"""Lightning callbacks: exact randomness, and the record of a run."""

from __future__ import annotations

import math
import random
import time
from typing import Any

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer

from ..errors import RunError
from ..records import Progress, Run


class StepSeed(Callback):
    """Seeds every micro-batch from (seed, rank, its number).

    Lightning saves no random state, so without this a resumed run would draw other dropout masks
    than the run that was not interrupted.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        number = trainer.fit_loop.epoch_loop.batch_progress.total.ready
        sequence = np.random.SeedSequence([self.seed, trainer.global_rank, number])
        first, second = (int(word) for word in sequence.generate_state(2, np.uint64))
        torch.manual_seed(first >> 1)
        random.seed(second)
        np.random.seed(second & 0xFFFFFFFF)


class Recorder(Callback):
    """Writes the loss of every optimizer step and shows progress.

    ``training_step`` must return ``{"loss": ..., "nll": ...}`` where ``nll`` is the micro-batch's
    share of the step's mean loss in nats per token.
    """

    def __init__(self, run: Run, *, steps: int) -> None:
        self.run, self.steps = run, steps
        self.tokens_seen = 0
        self.train_seconds = 0.0
        self._share: torch.Tensor | float = 0.0
        self._progress: Progress | None = None
        self._started = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._started = time.monotonic() - self.train_seconds
        self.run.go_on(trainer.global_step)
        if trainer.is_global_zero:
            self._progress = Progress("train", self.steps, "steps")

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        mask = batch.get("attention_mask")  # joined rows have no padding
        ids = batch.get("input_ids")  # features of a frozen model have no tokens
        whole = 0 if ids is None else ids.numel()
        count = whole if mask is None else int(mask.sum())
        self.tokens_seen += count * trainer.world_size
        self._share = self._share + outputs["nll"]
        if (batch_idx + 1) % trainer.accumulate_grad_batches == 0:
            self._end_step(trainer)

    def _end_step(self, trainer: Trainer) -> None:
        share = torch.as_tensor(self._share)
        loss = float(trainer.strategy.reduce(share, reduce_op="sum"))
        self._share = 0.0
        if not math.isfinite(loss):
            raise RunError(
                f"the loss became {loss} at step {trainer.global_step}; "
                "lower train.learning_rate or lengthen train.schedule.warmup"
            )
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        if trainer.is_global_zero:
            self.run.log_metrics(trainer.global_step, loss=loss, learning_rate=rate)
            if self._progress:
                self._progress.update(trainer.global_step, loss=loss)

    def state_dict(self) -> dict[str, Any]:
        seconds = time.monotonic() - self._started
        return {"tokens_seen": self.tokens_seen, "train_seconds": seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.tokens_seen = state_dict["tokens_seen"]
        self.train_seconds = state_dict["train_seconds"]

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.train_seconds = time.monotonic() - self._started
        if self._progress:
            self._progress.close()

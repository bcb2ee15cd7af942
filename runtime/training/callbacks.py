"""Lightning callbacks: exact randomness, and the record of a run."""

from __future__ import annotations

import random
import time
from typing import Any

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer

from ..records import Progress, Run
from .divergence import LossWatch, last_step
from .experts import ExpertLoad
from .footprint import Footprint
from .sharding import sum_over_rows, turn_of
from .utilisation import flops_per_token, peak_flops


class StepSeed(Callback):
    """Seeds every micro-batch from (seed, rank, its number); those that share rows, alike.

    Lightning saves no random state, so without this a resumed run would draw other dropout masks
    than the run that was not interrupted.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        number = trainer.fit_loop.epoch_loop.batch_progress.total.ready
        sequence = np.random.SeedSequence([self.seed, turn_of(trainer)[0], number])
        first, second = (int(word) for word in sequence.generate_state(2, np.uint64))
        torch.manual_seed(first >> 1)
        random.seed(second)
        np.random.seed(second & 0xFFFFFFFF)


class Recorder(Callback):
    """Writes the loss of every optimizer step and shows progress.

    Beside the loss in nats per token there are the norm of the gradient before it is scaled down,
    the learning rate of the first group, and tokens per second since the step before, whatever
    came between; on a GPU of the catalog in bf16 also its share of the device's rate, `mfu`.

    ``training_step`` must return ``{"loss": ..., "nll": ...}`` where ``nll`` is the micro-batch's
    share of the step's mean loss in nats per token.

    Args:
        watch: what ends a training that diverges; as it stands, a loss that is no number.
        experts: of a mixture of experts, what is recorded of them.
    """

    def __init__(
        self,
        run: Run,
        *,
        steps: int,
        watch: LossWatch | None = None,
        experts: ExpertLoad | None = None,
    ) -> None:
        self.run, self.steps = run, steps
        self.watch, self.experts = watch or LossWatch(), experts
        self.tokens_seen = 0
        self.train_seconds = 0.0
        self._share: torch.Tensor | float = 0.0
        self._footprint = Footprint(run)
        self._progress: Progress | None = None
        self._started = self._step_ended = 0.0
        self._step_tokens = self._length = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._share, self._step_tokens = 0.0, 0  # of a step that came to no end
        if self.experts:
            self.experts.begin()
        self._step_ended = time.monotonic()
        self._started = self._step_ended - self.train_seconds
        self.run.go_on(trainer.global_step)
        self._footprint.begin()
        if trainer.is_global_zero:
            self._progress = Progress("train", self.steps, "steps", done=trainer.global_step)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._footprint.batch_begins()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._footprint.batch(batch)
        mask = batch.get("attention_mask")  # joined rows have no padding
        ids = batch.get("input_ids")  # features of a frozen model have no tokens
        whole = 0 if ids is None else ids.numel()
        count = whole if mask is None else int(mask.sum())
        count *= turn_of(trainer)[1]
        self.tokens_seen += count
        self._step_tokens += count
        self._share = self._share + outputs["nll"]
        if self.experts:
            self.experts.add(outputs)
        if (batch_idx + 1) % trainer.accumulate_grad_batches == 0:
            self._length = 0 if ids is None else int(ids.shape[-1])
            self._end_step(trainer, getattr(pl_module, "model", pl_module))

    def _end_step(self, trainer: Trainer, module: torch.nn.Module) -> None:
        share = torch.as_tensor(self._share)
        loss = sum_over_rows(trainer, share)
        self._share = 0.0
        self.watch.judge(trainer.global_step, loss)
        now = time.monotonic()
        norm, rate = last_step(trainer)
        speed = self._step_tokens / max(now - self._step_ended, 1e-9)
        values: dict[str, float | None] = {
            "loss": loss,
            "learning_rate": rate,
            "gradient_norm": norm,
            "tokens_per_second": speed,
        }
        if self.experts:
            values |= self.experts.values(trainer)
        peak = peak_flops(trainer.strategy.root_device, str(trainer.precision))
        each = None if peak is None else flops_per_token(module, self._length)
        if peak is not None and each is not None:
            values["mfu"] = speed * each / (peak * trainer.world_size)
        self._step_ended, self._step_tokens = now, 0
        self._footprint.step_ends(trainer)
        if trainer.is_global_zero:
            self.run.log_metrics(trainer.global_step, **values)
            if self._progress:
                shown = {"learning rate": rate}
                self._progress.update(trainer.global_step, loss=loss, **shown)

    def state_dict(self) -> dict[str, Any]:
        seconds = time.monotonic() - self._started
        known = {"tokens_seen": self.tokens_seen, "train_seconds": seconds}
        return {**known, "losses": list(self.watch.losses)} if self.watch.spike else known

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.tokens_seen = state_dict["tokens_seen"]
        self.train_seconds = state_dict["train_seconds"]
        self.watch.losses.clear()
        self.watch.losses.extend(state_dict.get("losses", ()))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.train_seconds = time.monotonic() - self._started
        self.run.remember(footprint=self._footprint.record(trainer))
        if self._progress:
            self._progress.close()

"""The module of an emitted program that trains, but for the watch."""

from __future__ import annotations

from typing import Any

import lightning
import torch
from common import Watch

from nivel.runtime.training import (
    Batch,
    StepSeed,
    by_step,
    make_trainer,
    parameter_groups,
    step_loader,
    token_nll,
)


class Steps(lightning.LightningModule):
    """`schedule` makes the schedule of an optimizer; `options` are AdamW's, beside the rate."""

    def __init__(
        self, model: Any, rows: Any, given: dict[str, Any], schedule: Any, **options: Any
    ) -> None:
        super().__init__()
        self.model, self.rows, self.given = model, rows, given
        self.schedule, self.options = schedule, options
        self.turns = given["batch"] // given["micro_batch"]
        self.watch, self.share = Watch(), 0.0

    def train_dataloader(self) -> Any:
        sizes = {name: self.given[name] for name in ("batch", "micro_batch", "steps")}
        return step_loader(self.rows, self.trainer, seed=0, **sizes)

    def training_step(self, batch: Batch, index: int) -> Batch:
        real = batch.get("attention_mask", batch["input_ids"] >= 0)
        self.watch.count(int(real.sum()))
        share = token_nll(self.model, batch) / batch["step_tokens"]
        return {"loss": share * self.turns, "nll": share.detach()}

    def on_train_batch_end(self, outputs: Any, batch: Any, index: int) -> None:
        self.share += float(outputs["nll"])
        if (index + 1) % self.turns == 0:
            self.watch.mark(self.share)
            self.share = 0.0

    def configure_optimizers(self) -> Any:
        options = {"weight_decay": 0.0, **self.options}
        groups = parameter_groups(self.model, options.pop("weight_decay"))
        rate = self.given["learning_rate"]
        optimizer = torch.optim.AdamW(groups, lr=rate, fused=True, **options)
        return by_step(optimizer, self.schedule(optimizer, steps=self.given["steps"]))


def train(experiment: Steps, *callbacks: Any) -> None:
    """Train as an emitted program does, and report."""
    trainer = make_trainer(
        accelerator="cpu",
        devices=1,
        strategy="auto",
        precision="bf16-mixed" if experiment.given["bf16"] else "32-true",
        steps=experiment.given["steps"],
        accumulation=experiment.turns,
        max_grad_norm=1.0,
        callbacks=[StepSeed(0), *callbacks],
    )
    trainer.fit(experiment)
    experiment.watch.report()

"""Train a new Llama as an emitted program of level pretrain does; see `common`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import lightning
import torch
from common import Watch, asked, tokens_of
from transformers import AutoTokenizer

from nivel.runtime.models import new_model
from nivel.runtime.training import (
    Batch,
    StepSeed,
    TokenRows,
    by_step,
    cosine_schedule,
    make_trainer,
    parameter_groups,
    step_loader,
    token_nll,
)
from nivel.runtime.training.batches import MicroBatches


class Cut:
    """Sequences of equal length from a row of tokens, as the token store gives them."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.tokens, self.length = tokens_of(given), given["length"]

    def __len__(self) -> int:
        return len(self.tokens) // self.length

    def __getitem__(self, index: int) -> Any:
        return self.tokens[index * self.length : (index + 1) * self.length].astype("int64")


class Pretrain(lightning.LightningModule):
    """As emitted, but for the watch."""

    def __init__(self, model: Any, rows: TokenRows, given: dict[str, Any]) -> None:
        super().__init__()
        self.model, self.rows, self.given = model, rows, given
        self.turns = given["batch"] // given["micro_batch"]
        self.watch, self.share = Watch(given["batch"] * given["length"]), 0.0

    def train_dataloader(self) -> Any:
        sizes = {name: self.given[name] for name in ("batch", "micro_batch", "steps")}
        return step_loader(self.rows, self.trainer, seed=0, **sizes)

    def training_step(self, batch: Batch, index: int) -> Batch:
        share = token_nll(self.model, batch) / batch["step_tokens"]
        return {"loss": share * self.turns, "nll": share.detach()}

    def on_train_batch_end(self, outputs: Any, batch: Any, index: int) -> None:
        self.share += float(outputs["nll"])
        if (index + 1) % self.turns == 0:
            self.watch.mark(self.share)
            self.share = 0.0

    def configure_optimizers(self) -> Any:
        groups = parameter_groups(self.model, 0.1)
        rate = self.given["learning_rate"]
        optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.95), fused=True)
        schedule = cosine_schedule(optimizer, steps=self.given["steps"], warmup=0.05)
        return by_step(optimizer, schedule)


def timed(watch: Watch) -> None:
    """Count the seconds in which the training waits for its next micro-batch."""
    plain = MicroBatches.__getitem__

    def waiting(self: MicroBatches, k: int) -> Batch:
        start = time.perf_counter()
        found = plain(self, k)
        watch.waited += time.perf_counter() - start
        return found

    MicroBatches.__getitem__ = waiting  # type: ignore[method-assign]


def main() -> None:
    given = asked()
    torch.set_num_threads(given["threads"])
    lightning.seed_everything(0, verbose=False)
    tokenizer = AutoTokenizer.from_pretrained(Path(given["tokenizer"]))
    model = new_model("llama", given["sizes"], tokenizer)
    experiment = Pretrain(model, TokenRows(Cut(given)), given)
    timed(experiment.watch)
    trainer = make_trainer(
        accelerator="cpu",
        devices=1,
        strategy="auto",
        precision="bf16-mixed" if given["bf16"] else "32-true",
        steps=given["steps"],
        accumulation=experiment.turns,
        max_grad_norm=1.0,
        callbacks=[StepSeed(0)],
    )
    trainer.fit(experiment)
    experiment.watch.report()


if __name__ == "__main__":
    main()

"""Train rows of token ids as an emitted program of level finetune does; see `common`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import lightning
import torch
from common import Watch, asked
from peft import LoraConfig, get_peft_model

from nivel.runtime.data.dealing import permutation
from nivel.runtime.models import load_model
from nivel.runtime.training import (
    Batch,
    JoinedRows,
    LabelledRows,
    StepSeed,
    by_step,
    linear_schedule,
    make_trainer,
    parameter_groups,
    step_loader,
    token_nll,
)


class Finetune(lightning.LightningModule):
    """As emitted, but for the watch."""

    def __init__(self, model: Any, rows: LabelledRows, given: dict[str, Any]) -> None:
        super().__init__()
        self.model, self.rows, self.given = model, rows, given
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
        rate = self.given["learning_rate"]
        groups = parameter_groups(self.model, 0.0)
        optimizer = torch.optim.AdamW(groups, lr=rate, fused=True)
        schedule = linear_schedule(optimizer, steps=self.given["steps"], warmup=0.0)
        return by_step(optimizer, schedule)


def main() -> None:
    given = asked()
    torch.set_num_threads(given["threads"])
    lightning.seed_everything(0, verbose=False)
    folder = Path(given["model"]).resolve()
    os.environ["NIVEL_PROJECT"] = str(folder.parent)
    short = given["bf16"] and given["rank"]  # frozen weights may be kept short, as emitted
    model: Any = load_model(f"./{folder.name}", dtype="bf16" if short else "fp32").train()
    if given["rank"]:
        lora = {"r": given["rank"], "lora_alpha": given["alpha"]}
        config = LoraConfig(**lora, target_modules="all-linear", task_type="CAUSAL_LM")
        model = get_peft_model(model, config)
    # the order that is given becomes the order of the seed
    order = permutation(0, 0, len(given["input_ids"])).tolist()
    back = [order.index(place) for place in range(len(order))]
    ids, labels = ([given[key][place] for place in back] for key in ("input_ids", "labels"))
    rows = LabelledRows(ids, labels, 0, packing=given["packing"])
    experiment = Finetune(model, rows, given)
    trainer = make_trainer(
        accelerator="cpu",
        devices=1,
        strategy="auto",
        precision="bf16-mixed" if given["bf16"] else "32-true",
        steps=given["steps"],
        accumulation=experiment.turns,
        max_grad_norm=1.0,
        callbacks=[StepSeed(0), *([JoinedRows()] if given["packing"] else [])],
    )
    trainer.fit(experiment)
    experiment.watch.report()


if __name__ == "__main__":
    main()

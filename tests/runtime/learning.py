"""A tiny training with the parts that programs have, ended or cut off where a test wants it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from nivel.runtime.models import new_model
from nivel.runtime.records import Run
from nivel.runtime.training import (
    BatchRamp,
    Checkpoints,
    LossWatch,
    Recorder,
    RollBacks,
    StepSeed,
    TokenRows,
    Validation,
    constant_schedule,
    make_trainer,
    parameter_groups,
    step_loader,
    token_nll,
)

from .tiny import SIZES

CLOCKS = ("seconds", "tokens_per_second")  # of metrics, which no two runs have alike
STEPS, RATE = 12, 0.02
WORDS = 32


class Words:
    """As much of a tokenizer as a model is built from."""

    bos_token_id = eos_token_id = pad_token_id = 0

    def __len__(self) -> int:
        return WORDS


def rows(count: int = 20, seed: int = 0) -> list[np.ndarray]:
    """Sequences that count on, (8,) each, some from far."""
    draw = np.random.default_rng(seed)
    return [(start + np.arange(8)) % WORDS for start in draw.integers(0, WORDS, count)]


def model() -> Any:
    torch.manual_seed(0)
    return new_model("llama", {**SIZES, "hidden_size": 16, "intermediate_size": 24}, Words())  # type: ignore[arg-type]


class Learner(lightning.LightningModule):
    """Predicts the next token; `make` gives the optimizer of the model."""

    def __init__(self, data: list[np.ndarray], make: Callable[[Any], Any] | None = None) -> None:
        super().__init__()
        self.model = model().train()
        self.rows, self.make = TokenRows(data), make
        self.ramp: BatchRamp | None = None
        self.spoil: dict[int, Callable[[torch.Tensor], torch.Tensor]] = {}

    def train_dataloader(self) -> DataLoader[dict[str, torch.Tensor]]:
        return step_loader(
            self.rows, self.trainer, batch=4, micro_batch=2, steps=STEPS, seed=1, ramp=self.ramp
        )

    def training_step(self, batch: dict[str, torch.Tensor], index: int) -> dict[str, Any]:
        share = token_nll(self.model, batch) / batch["step_tokens"]
        first = int(batch["input_ids"][0, 0])
        if self.training and first in self.spoil:
            share = self.spoil[first](share)
        return {"loss": share * 2, "nll": share.detach()}

    def configure_optimizers(self) -> Any:
        if self.make is None:
            optimizer = torch.optim.AdamW(parameter_groups(self.model, 0.1), lr=RATE)
        else:
            optimizer = self.make(self.model)
        schedule = constant_schedule(optimizer, steps=STEPS, warmup=0.25)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class Killed(BaseException):
    """Ends a training in the midst of a step, as nothing but a kill does."""


class KillAt(lightning.Callback):
    def __init__(self, micro_batch: int | None) -> None:
        self.micro_batch = micro_batch

    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        if batch_idx == self.micro_batch:
            raise Killed


@dataclass
class Trained:
    """What a training left behind; `weights` are those that would be saved."""

    module: Learner
    validation: Validation
    last: dict[str, torch.Tensor]
    weights: dict[str, torch.Tensor]
    recorder: Recorder


def learn(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    make: Callable[[Any], Any] | None = None,
    averaging: Callable[[Run], Any] | None = None,
    kill: int | None = None,
    best: bool = False,
    spike: float | None = None,
    at_most: int | None = None,
    spoil: dict[int, Callable[[torch.Tensor], torch.Tensor]] | None = None,
    validate_every: int = 2,
    data: list[np.ndarray] | None = None,
    more: Sequence[lightning.Callback] = (),
    ramp: BatchRamp | None = None,
) -> Trained:
    """Train in `folder`, going on where it was cut off."""
    monkeypatch.setenv("NIVEL_RUN_DIR", str(folder))
    module = Learner(rows() if data is None else data, make)
    module.spoil, module.ramp = spoil or {}, ramp
    with Run.open("tiny", level="pretrain") as run:
        average = averaging(run) if averaging else None
        recorder = Recorder(run, steps=STEPS, watch=LossWatch(spike))
        validation = Validation(
            run, TokenRows(rows(5, 9)), every=validate_every, micro_batch=2, average=average
        )
        checkpoints = Checkpoints(
            run, module.rows, every=3, keep=2, best=validation if best else None, average=average
        )
        rolled = RollBacks(run, at_most=at_most) if at_most else None
        callbacks = [StepSeed(1), recorder, average, validation, KillAt(kill), checkpoints, rolled]
        trainer = make_trainer(
            accelerator="cpu", devices=1, strategy="auto", precision="32-true", steps=STEPS,
            accumulation=2, max_grad_norm=1.0,
            callbacks=[*more, *(one for one in callbacks if one)],
        )  # fmt: skip
        if rolled:
            rolled.fit(trainer, module, checkpoints)
        else:
            trainer.fit(module, ckpt_path=checkpoints.newest())
        last = state(module)
        if best:
            checkpoints.load_best(module)
        if average is not None:
            average.apply(module)
        return Trained(module, validation, last, state(module), recorder)


def state(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def metrics(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "metrics.jsonl").read_text("utf-8").splitlines()
    return [{k: v for k, v in json.loads(line).items() if k not in CLOCKS} for line in lines]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "checkpoints").iterdir())

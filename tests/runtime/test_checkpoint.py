"""Checkpoints are whole or not there, hold no pickle, and fit the run that they were made in."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from nivel.runtime.errors import RunError
from nivel.runtime.records import Run
from nivel.runtime.training import (
    Checkpoints,
    MicroBatches,
    Recorder,
    StepSeed,
    TokenRows,
    Validation,
    make_trainer,
    step_loader,
)
from nivel.runtime.training.state import is_whole, read_state, write_state

from .learning import KillAt, Killed

CLOCKS = ("seconds", "tokens_per_second")  # of metrics, which no two runs have alike
ROWS = [np.arange(start, start + 8) % 16 for start in range(20)]


def test_a_state_comes_back_as_it_was(tmp_path: Path) -> None:
    tied = torch.randn(4, 3)
    state = {
        "w": {0: tied, 1: tied.T, 2: torch.tensor(1.5, dtype=torch.bfloat16)},
        "betas": (0.9, 0.999),
        "lr": 0.1 + 0.2,
        "list": [None, True, "x", 2**40],
        "empty": {},
    }
    write_state(tmp_path / "s", state)
    found = read_state(tmp_path / "s")
    assert torch.equal(found["w"][0], tied) and torch.equal(found["w"][1], tied.T)
    assert found["w"][2].dtype == torch.bfloat16 and found["w"][2].shape == ()
    assert {k: v for k, v in found.items() if k != "w"} == {
        k: v for k, v in state.items() if k != "w"
    }
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == [
        "state.json",
        "tensors.safetensors",
    ]


def test_what_is_no_plain_data_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="state /f is a function"):
        write_state(tmp_path / "s", {"f": lambda: None})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", ["state.json", "tensors.safetensors"])
@pytest.mark.parametrize("damage", ["cut", "flip", "gone"])
def test_damage_is_seen(file: str, damage: str, tmp_path: Path) -> None:
    write_state(tmp_path / "s", {"w": torch.arange(100.0)})
    path = tmp_path / "s" / file
    raw = bytearray(path.read_bytes())
    if damage == "gone":
        path.unlink()
    else:
        raw[-9 if file.startswith("tensors") else raw.index(b"sha256") + 12] ^= 1
        path.write_bytes(raw if damage == "flip" else raw[: len(raw) // 2])
    assert not is_whole(tmp_path / "s")
    with pytest.raises(RunError):
        read_state(tmp_path / "s")


def begin_writing(folder: Path) -> int:
    """Return the number of a child that writes states until it is killed."""
    child = os.fork()
    if child:
        return child
    try:
        for step in range(10**6):
            state = {"step": step, "w": torch.full((99999,), step)}
            write_state(folder / f"step-{step:09d}", state)
    finally:
        os._exit(1)


def test_a_writer_killed_at_any_moment_leaves_only_whole_states(tmp_path: Path) -> None:
    draw, unfinished = random.Random(0), 0
    for trial in range(4):
        folder = tmp_path / str(trial)
        writer = begin_writing(folder)
        while not any(folder.glob("step-*")):
            time.sleep(0.001)
        time.sleep(draw.random() * 0.05)
        while trial % 2 and not any(folder.glob(".writing-*")):
            pass
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
        states = sorted(folder.glob("step-*"))
        for number, path in enumerate(states):
            found = read_state(path)
            assert found["step"] == number and bool((found["w"] == number).all())
        unfinished += any(folder.glob(".writing-*"))
    assert unfinished, "no kill met a write: this shows nothing"


class Tiny(lightning.LightningModule):
    """Predicts the next token through dropout; the embedding is frozen, as a base model is."""

    def __init__(self, rows: TokenRows, steps: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = torch.nn.Embedding(16, 8).requires_grad_(False)
        self.drop, self.out = torch.nn.Dropout(0.3), torch.nn.Linear(8, 16)
        self.rows, self.steps = rows, steps

    def train_dataloader(self) -> DataLoader[dict[str, torch.Tensor]]:
        return step_loader(
            self.rows, self.trainer, batch=4, micro_batch=2, steps=self.steps, seed=1
        )

    def training_step(self, batch: dict[str, torch.Tensor], index: int) -> dict[str, Any]:
        logits = self.out(self.drop(self.embedding(batch["input_ids"][:, :-1])))
        targets = batch["labels"][:, 1:]
        nll = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=-100, reduction="sum"
        )
        share = nll / batch["step_tokens"]
        return {"loss": share * 2, "nll": share.detach()}

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(self.out.parameters(), lr=0.05)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / 40)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def fit(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    kill: int | None = None,
    rows: list[Any] = ROWS,
    steps: int = 12,
    patience: int | None = None,
    **options: Any,
) -> tuple[Tiny, Validation, Checkpoints]:
    """Train in `folder`, going on where it was cut off."""
    monkeypatch.setenv("NIVEL_RUN_DIR", str(folder))
    settings = {"every": 3, "keep": 2, **options}
    module = Tiny(TokenRows(rows), steps)
    with Run.open("tiny", level="pretrain") as run:
        validation = Validation(run, TokenRows(rows[:5]), every=2, micro_batch=2, patience=patience)
        checkpoints = Checkpoints(run, module.rows, best=validation, **settings)
        callbacks = [StepSeed(1), Recorder(run, steps=steps), validation, KillAt(kill), checkpoints]
        trainer = make_trainer(
            accelerator="cpu", devices=1, strategy="auto", precision="32-true", steps=steps,
            accumulation=2, max_grad_norm=1.0, callbacks=callbacks,
        )  # fmt: skip
        trainer.fit(module, ckpt_path=checkpoints.newest())
    return module, validation, checkpoints


def metrics(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "metrics.jsonl").read_text("utf-8").splitlines()
    return [{k: v for k, v in json.loads(line).items() if k not in CLOCKS} for line in lines]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "checkpoints").iterdir())


def test_a_training_cut_off_twice_is_the_training_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, watched, _ = fit(tmp_path / "whole", monkeypatch)
    for kill in (9, 19):  # in the midst of the steps 5 and 10
        with pytest.raises(Killed):
            fit(tmp_path / "cut", monkeypatch, kill=kill)
    module, validation, _ = fit(tmp_path / "cut", monkeypatch)
    assert torch.equal(module.out.weight, whole.out.weight)
    assert metrics(tmp_path / "cut") == metrics(tmp_path / "whole")
    assert validation.state_dict() == watched.state_dict()
    assert names(tmp_path / "cut") == names(tmp_path / "whole")


def test_the_validation_loss_is_the_mean_over_all_tokens_without_dropout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, validation, _ = fit(tmp_path, monkeypatch)
    data = MicroBatches(
        TokenRows(ROWS[:5]), batch=5, micro_batch=5, steps=1, seed=0, rank=0, world=1
    )
    with torch.no_grad():
        by_hand = module.eval().training_step(data[0], 0)["nll"]
    assert validation.last == pytest.approx(float(by_hand), rel=1e-5)
    lines = metrics(tmp_path)
    measured = [line["step"] for line in lines if "validation_loss" in line]
    assert measured == [2, 4, 6, 8, 10, 12]
    assert lines[-1] == {"step": 12, "validation_loss": validation.last}


def test_the_best_weights_are_those_of_the_lowest_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, validation, checkpoints = fit(tmp_path, monkeypatch, every=100, keep=1)
    last = module.out.weight.clone()
    validation.best_step = 4  # had it been lowest then
    write_state(
        tmp_path / "checkpoints" / "step-000000004",
        {"state_dict": {"out.weight": torch.zeros_like(last)}},
    )
    checkpoints.load_best(module)
    assert not module.out.weight.any() and last.any()


def test_patience_ends_the_training_and_a_resumed_run_stays_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Validation, "measure", lambda self, *_: float(self._waited or 1.0) + 1)
    _, validation, _ = fit(tmp_path, monkeypatch, patience=2)
    assert validation.stops and metrics(tmp_path)[-1]["step"] == 6
    before = metrics(tmp_path)
    _, again, _ = fit(tmp_path, monkeypatch, patience=2)
    assert again.stops and metrics(tmp_path) == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"steps": 13}, "steps was 12, is now 13"),
        ({"rows": [*ROWS[:-1], ROWS[0]]}, "the training rows differ"),
        ({"rows": [*ROWS, ROWS[0]]}, "the training rows differ"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_by_name(
    change: dict[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Killed):
        fit(tmp_path, monkeypatch, kill=19)
    with pytest.raises(RunError, match=said):
        fit(tmp_path, monkeypatch, **change)


def test_another_base_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Killed):
        fit(tmp_path, monkeypatch, kill=19)
    first = torch.manual_seed

    monkeypatch.setattr(torch, "manual_seed", lambda seed: first(seed + 1))
    with pytest.raises(RunError, match="the frozen weights differ"):
        fit(tmp_path, monkeypatch)


def test_a_damaged_checkpoint_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, _, _ = fit(tmp_path / "whole", monkeypatch)
    with pytest.raises(Killed):
        fit(tmp_path / "cut", monkeypatch, kill=19)
    newest = max((tmp_path / "cut" / "checkpoints").iterdir())
    (newest / "tensors.safetensors").write_bytes(b"torn")
    (newest.parent / ".writing-x").mkdir()
    module, _, _ = fit(tmp_path / "cut", monkeypatch)
    assert f"passing over {newest.name}: it is damaged" in capsys.readouterr().err
    assert torch.equal(module.out.weight, whole.out.weight)
    assert not (newest.parent / ".writing-x").exists()


def test_only_what_is_trained_is_in_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit(tmp_path, monkeypatch)
    state = read_state(max((tmp_path / "checkpoints").iterdir()))
    assert sorted(state["state_dict"]) == ["out.bias", "out.weight"]

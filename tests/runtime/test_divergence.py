"""Training that diverges ends, or goes back, before the weights it leaves behind are spoilt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nivel.runtime.training import LossWatch, MicroBatches, TokenRows
from nivel.runtime.training.divergence import Diverged
from nivel.runtime.training.places import path_of
from nivel.runtime.training.state import read_state

from .learning import Killed, learn, metrics, names, rows, same

BAD = 31  # the first token of the one row that is spoilt


def nan(share: torch.Tensor) -> torch.Tensor:
    return share * float("nan")


def first_bad(data: list[np.ndarray]) -> int:
    """The step, from 1, that first draws the spoilt row at the head of a micro-batch."""
    order = MicroBatches(TokenRows(data), batch=4, micro_batch=2, steps=12, seed=1, rank=0, world=1)
    for step in range(12):
        drawn = order.step_indices(step)
        if BAD in (int(data[drawn[0]][0]), int(data[drawn[2]][0])):
            return step + 1
    raise AssertionError("never drawn first")


def data_with_a_late_fault() -> tuple[list[np.ndarray], int]:
    """Rows whose fault comes at the eighth step or later, and that step."""
    for place in range(20):
        data = [row if row[0] != BAD else (row + 1) % 32 for row in rows(20)]
        data[place] = (BAD + np.arange(8)) % 32
        try:
            step = first_bad(data)
        except AssertionError:
            continue
        if step >= 5:
            return data, step
    raise AssertionError("no such row")


def test_a_gradient_that_is_no_number_ends_the_run_before_it_is_a_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, step = data_with_a_late_fault()
    with pytest.raises(Diverged, match=f"diverged at step {step}: the norm of the gradient is nan"):
        learn(tmp_path, monkeypatch, data=data, spoil={BAD: nan})
    kept = names(tmp_path)
    assert f"the last checkpoint before it is {kept[-1]}" in capsys.readouterr().err
    last = 3 * ((step - 1) // 3)
    assert kept[-1] == f"step-{last:09d}"
    weights = read_state(path_of(tmp_path, last))["state_dict"]
    assert all(bool(value.isfinite().all()) for value in weights.values())
    assert json.loads((tmp_path / "run.json").read_text("utf-8"))["status"] == "failed"


def test_a_loss_far_above_the_ones_before_is_a_divergence() -> None:
    watch = LossWatch(3.0)
    for step in range(1, 21):
        watch.judge(step, 2.0)
    watch.judge(21, 5.9)
    with pytest.raises(Diverged, match="at step 22: the loss is 7, more than 3 times the mean 2.1"):
        watch.judge(22, 7.0)
    for wrong in (float("nan"), float("inf")):
        with pytest.raises(Diverged, match="at step 1: the loss is"):
            LossWatch().judge(1, wrong)


def test_few_losses_and_losses_below_zero_say_nothing() -> None:
    watch = LossWatch(1.5)
    for step, loss in enumerate([1.0, 5.0, 1.0, 9.0], 1):
        watch.judge(step, loss)
    watch = LossWatch(1.5)
    for step in range(1, 30):
        watch.judge(step, -1.0 if step % 2 else -3.0)


def test_a_roll_back_passes_over_the_batches_and_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, step = data_with_a_late_fault()
    options: dict[str, Any] = {"data": data, "spoil": {BAD: nan}, "at_most": 3}
    trained = learn(tmp_path / "whole", monkeypatch, **options)
    made = json.loads((tmp_path / "whole" / "rollbacks.json").read_text("utf-8"))
    assert made[0]["step"] == step and made[0]["after"] % 3 == 0
    assert made[0]["after"] < step - 1 and made[0]["skipped"] == step - made[0]["after"]
    assert [line["step"] for line in metrics(tmp_path / "whole") if "loss" in line] == [
        *range(1, 13)
    ]
    assert all(bool(value.isfinite().all()) for value in trained.last.values())
    # killed after the roll-back, it ends as it would have
    for kill in (2 * step - 3, 2 * step + 3):
        with pytest.raises(Killed):
            learn(tmp_path / "cut", monkeypatch, kill=kill, **options)
    cut = learn(tmp_path / "cut", monkeypatch, **options)
    assert same(cut.last, trained.last)
    assert metrics(tmp_path / "cut") == metrics(tmp_path / "whole")


def test_rolled_back_steps_learn_the_rows_that_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skips = [{"after": 3, "skipped": 2}]
    data = TokenRows(rows(20))
    shift = lambda step: sum(one["skipped"] for one in skips if one["after"] <= step)  # noqa: E731
    options: dict[str, Any] = {"batch": 4, "micro_batch": 2, "steps": 8, "seed": 1}
    plain = MicroBatches(data, rank=0, world=1, **options)
    passed = MicroBatches(data, rank=0, world=1, skipped=shift, **options)
    assert [passed.step_indices(k) for k in (0, 1, 2)] == [plain.step_indices(k) for k in (0, 1, 2)]
    assert [passed.step_indices(k) for k in (3, 4)] == [plain.step_indices(k) for k in (5, 6)]
    ending = MicroBatches(data, rank=0, world=1, positions=32, skipped=shift, **options)
    assert -1 not in ending.step_indices(7)


def test_once_more_than_allowed_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = {first: nan for first in range(32)}
    with pytest.raises(Diverged, match="after 2 roll-backs"):
        learn(tmp_path, monkeypatch, spoil=every, at_most=2)
    assert names(tmp_path) == ["step-000000000"]

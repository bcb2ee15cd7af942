"""Reward models: the loss against a plain formula, margins, and layouts that change nothing."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from nivel.runtime.data.judged import Pair, read_pair
from nivel.runtime.data.pairs import encode_pairs
from nivel.runtime.errors import DataError, ModelError
from nivel.runtime.models import load_headed, save_model
from nivel.runtime.training import MicroBatches, PairRows, pair_rewards, reward_loss

from .test_preferences import pairs
from .test_sft import tokenizer as chatty
from .tiny import tiny


def read_all(rows: list[dict[str, Any]]) -> list[Pair]:
    return [read_pair(str(place), row) for place, row in enumerate(rows)]


def headed(folder: Path) -> tuple[Any, Any]:
    """A model with a head of one output, of the seeded random one."""
    model, tokenizer = tiny(initializer_range=0.1)
    save_model(model, tokenizer, folder / "base")
    torch.manual_seed(3)
    return load_headed("./base", None, tokenizer, task="reward", dtype="fp32"), tokenizer


def test_the_loss_is_that_of_bradley_and_terry() -> None:
    chosen, rejected = torch.tensor([2.0, -1.0]), torch.tensor([0.5, 1.0])
    wanted = [math.log(1 + math.exp(-d)) for d in (1.5, -2.0)]
    assert reward_loss(chosen, rejected).tolist() == pytest.approx(wanted)
    apart = [math.log(1 + math.exp(-d)) for d in (1.0, -2.5)]
    margins = torch.tensor([0.5, 0.5])
    assert reward_loss(chosen, rejected, margins).tolist() == pytest.approx(apart)
    drawn = [one + 0.1 * total**2 for one, total in zip(wanted, (2.5, 0.0), strict=True)]
    assert reward_loss(chosen, rejected, centering=0.1).tolist() == pytest.approx(drawn)


def test_the_cut_of_a_step_changes_no_curve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    curves = []
    for micro in (6, 2, 1):
        model, tokenizer = headed(tmp_path)
        made = replace(pairs(7), margins=(0.5,) * 7)
        rows = PairRows(made, tokenizer.pad_token_id)
        how = {"batch": 6, "steps": 4, "seed": 0, "rank": 0, "world": 1, "positions": 21}
        batches = MicroBatches(rows, micro_batch=micro, **how)
        optimizer = torch.optim.AdamW(model.train().parameters(), lr=3e-3)
        curve = []
        for step in range(4):
            total = 0.0
            for turn in range(6 // micro):
                batch = batches[step * (6 // micro) + turn]
                losses = reward_loss(*pair_rewards(model, batch), batch["margins"])
                share = (losses * batch["weights"]).sum() / batch["step_pairs"]
                share.backward()
                total += float(share.detach())
            optimizer.step()
            optimizer.zero_grad()
            curve.append(total)
        curves.append(curve)
    assert curves[0][-1] < curves[0][0]
    assert curves[1] == pytest.approx(curves[0], abs=2e-5)
    assert curves[2] == pytest.approx(curves[0], abs=2e-5)


def test_what_is_saved_gives_the_same_rewards_and_goes_on_as_a_reward_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model, tokenizer = headed(tmp_path)
    save_model(model, tokenizer, tmp_path / "saved")
    batch = PairRows(pairs(3), tokenizer.pad_token_id).collate([0, 1, 2])
    wanted = pair_rewards(model, batch)
    plain = AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved").eval()
    again = load_headed("./saved", None, tokenizer, task="reward", dtype="fp32")
    for other in (plain, again):
        torch.testing.assert_close(pair_rewards(other, batch), wanted)
    with pytest.raises(ModelError, match="has a head for reward"):
        load_headed("./saved", None, tokenizer, task="classify", labels=["a", "b"], dtype="fp32")


def test_margins_are_those_of_all_rows_or_of_none() -> None:
    tokenizer = chatty()
    row: dict[str, Any] = {"prompt": "red", "chosen": "green", "rejected": "blue"}
    rows = [row | {"margin": one} for one in (1, "0.5")]
    made = encode_pairs(read_all(rows), tokenizer, max_length=99, margins=True)
    assert made.margins == (1.0, 0.5)
    assert encode_pairs(read_all(rows), tokenizer, max_length=99).margins is None
    rows[1].pop("margin")
    with pytest.raises(DataError, match="1 of 2 rows have a `margin`"):
        encode_pairs(read_all(rows), tokenizer, max_length=99, margins=True)
    with pytest.raises(DataError, match="its `margin` 'much' is no number"):
        encode_pairs(
            read_all([rows[0] | {"margin": "much"}]), tokenizer, max_length=99, margins=True
        )

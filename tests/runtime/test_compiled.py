"""Compiled blocks learn what plain ones do, keep their names, and go on where they were cut off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning
import pytest
import torch

from nivel.runtime.errors import ModelError, RunError
from nivel.runtime.models import checkpoint_activations
from nivel.runtime.training import CompiledBlocks
from nivel.runtime.training.compiled import blocks_of

from .learning import Killed, learn, names, same


class Seen(lightning.Callback):
    """Notes in the midst of training which blocks run compiled code."""

    def __init__(self, *, again: bool = False) -> None:
        self.again, self.compiled = again, False

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        if self.again:
            checkpoint_activations(pl_module.model)

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        calls = [block._compiled_call_impl for block in blocks_of(pl_module)]
        self.compiled = all(call is not None for call in calls) and len(calls) == 2


@pytest.mark.slow
def test_compiled_blocks_learn_the_same_and_end_with_the_same_bits_when_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = learn(tmp_path / "plain", monkeypatch)
    seen = Seen()
    whole = learn(tmp_path / "whole", monkeypatch, more=[CompiledBlocks(dynamic=False), seen])
    assert seen.compiled
    for name, value in plain.last.items():
        assert torch.allclose(value, whole.last[name], atol=1e-4), name
    assert not any("_orig_mod" in name for name in whole.last)
    assert all(block._compiled_call_impl is None for block in blocks_of(whole.module))
    with pytest.raises(Killed):
        learn(tmp_path / "cut", monkeypatch, kill=15, more=[CompiledBlocks(dynamic=False)])
    cut = learn(tmp_path / "cut", monkeypatch, more=[CompiledBlocks(dynamic=False)])
    assert same(cut.last, whole.last) and names(tmp_path / "cut") == names(tmp_path / "whole")


@pytest.mark.slow
def test_compiled_blocks_can_be_computed_again_on_the_way_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = learn(tmp_path / "plain", monkeypatch)
    seen = Seen(again=True)
    again = learn(tmp_path / "again", monkeypatch, more=[seen, CompiledBlocks(dynamic=True)])
    assert seen.compiled
    for name, value in plain.last.items():
        assert torch.allclose(value, again.last[name], atol=1e-4), name


def test_a_machine_without_a_compiler_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(RunError, match="there is no no-such-compiler"):
        learn(tmp_path, monkeypatch, more=[CompiledBlocks(dynamic=False)])


def test_a_model_without_blocks_is_refused() -> None:
    with pytest.raises(ModelError, match="no blocks to compile"):
        blocks_of(torch.nn.Linear(2, 2))

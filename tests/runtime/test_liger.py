"""Liger's kernels: where they go, and what is said where they cannot. They run on a GPU alone."""

from __future__ import annotations

import copy
import sys
from types import SimpleNamespace

import pytest
import torch

from nivel.runtime.errors import ExtraError, ModelError, RunError
from nivel.runtime.models import new_model, train_byte_bpe
from nivel.runtime.training import LigerKernels
from nivel.runtime.training.liger import use_liger


def there() -> bool:
    try:
        import liger_kernel.transformers.monkey_patch  # noqa: F401
    except ImportError:
        return False
    return True


SIZES = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "max_position_embeddings": 64,
}  # fmt: skip


@pytest.fixture
def tokenizer():
    return train_byte_bpe(["the cat sat on the mat"] * 4, 262)


@pytest.mark.skipif(not there(), reason="needs the packages liger-kernel and triton")
@pytest.mark.parametrize("kind", ["llama", "mistral", "qwen2", "qwen3", "gemma", "olmo2", "phi3"])
def test_kernels_take_the_place_of_modules_and_no_weight_changes(kind: str, tokenizer) -> None:
    plain = new_model(kind, SIZES, tokenizer)
    fast = copy.deepcopy(plain)
    use_liger(fast)
    before, after = plain.state_dict(), fast.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[name], after[name]) for name in before)
    forwards = {part.forward.__func__.__module__ for part in fast.model.layers[0].modules()}
    assert any(name.startswith("liger_kernel") for name in forwards), forwards


@pytest.mark.skipif(not there(), reason="needs the packages liger-kernel and triton")
def test_a_family_without_kernels_is_told(tokenizer) -> None:
    with pytest.raises(ModelError, match="no kernels for models of type gpt_neox"):
        use_liger(new_model("gpt_neox", {k: v for k, v in SIZES.items() if "key" not in k},
                            tokenizer))  # fmt: skip


def test_a_missing_package_is_told_with_its_cure(
    tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "liger_kernel.transformers.monkey_patch", None)
    with pytest.raises(ExtraError, match="needs the package liger-kernel") as caught:
        use_liger(new_model("llama", SIZES, tokenizer))
    assert "nivel[liger]" in str(caught.value.cure)


def test_a_device_without_the_kernels_language_is_refused() -> None:
    trainer = SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device("cpu")))
    with pytest.raises(RunError, match="on a GPU alone"):
        LigerKernels().on_fit_start(trainer, SimpleNamespace())

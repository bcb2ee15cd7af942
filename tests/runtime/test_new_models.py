"""Models made from nothing: every family learns, and weights are drawn as the spec says."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import pytest
import torch

from nivel.compiler.costs.families import read_shape
from nivel.compiler.experts import ExpertsSpec
from nivel.compiler.sizes import ARCHITECTURES, config_of, whole_config
from nivel.compiler.spec_model import ArchitectureSpec
from nivel.runtime.errors import ModelError
from nivel.runtime.models import count_parameters, initialize, new_model, train_byte_bpe
from nivel.runtime.training import token_nll


@pytest.fixture(scope="module")
def tokenizer():
    return train_byte_bpe(["the cat sat on the mat and the dog on the log"] * 4, 270)


def spec(name: str, blocks: int = 2) -> ArchitectureSpec:
    shared = 2 if ARCHITECTURES[name].grouped else 4
    family, experts = ARCHITECTURES[name].experts, None
    if family is not None:
        experts = ExpertsSpec(6, 2, 0.01, 80 if family.shared else None)
    return ArchitectureSpec(name, 48, blocks, 4, shared, 96, 64, True, 12, experts=experts)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_family_is_built_counted_and_learns(name: str, tokenizer) -> None:
    torch.manual_seed(0)
    model = new_model(name, config_of(spec(name)), tokenizer)
    assert model.config.model_type == name and model.dtype == torch.float32
    assert count_parameters(model)[0] == read_shape(whole_config(spec(name), 270)).total
    ids = torch.tensor([tokenizer("the cat sat on the mat").input_ids] * 2)
    batch = {"input_ids": ids, "labels": ids}
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(8):
        loss = token_nll(model, batch) / ids.numel()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert token_nll(model.train(), batch) == token_nll(model.train(), batch)  # no dropout


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_matrices_that_write_to_the_residual_stream_are_drawn_narrower(
    name: str, tokenizer
) -> None:
    model = new_model(name, config_of(spec(name, blocks=8)), tokenizer)
    torch.manual_seed(0)
    initialize(model, std=0.05, scale_residuals=True)
    drawn = {path: each for path, each in model.named_parameters() if each.numel() > 1000}
    spread = {path: each.std().item() for path, each in drawn.items()}
    narrow = {path for path, std in spread.items() if std < 0.03}
    # two in each block, and the expert that sees every token
    assert len(narrow) == (24 if name == "qwen2_moe" else 16)
    for path, std in spread.items():
        assert std == pytest.approx(0.05 / sqrt(16) if path in narrow else 0.05, rel=0.1)
    matrices = {path.removesuffix(".weight") for path in drawn}
    biases = [f"{path}.bias" for path in matrices]
    assert not any(p.any() for path, p in model.named_parameters() if path in biases)
    initialize(model, std=0.05, scale_residuals=False)
    assert all(each.std().item() == pytest.approx(0.05, rel=0.1) for each in drawn.values())


def test_a_base_of_rotations_leaves_the_rest_of_them_as_it_is(tokenizer) -> None:
    given = config_of(replace(spec("phi"), rope_theta=5e5))
    model = new_model("phi", given, tokenizer)
    assert model.config.rope_parameters["partial_rotary_factor"] == 0.5
    assert model.config.rope_parameters["rope_theta"] == 5e5


def test_sizes_that_do_not_fit_are_told_in_a_sentence(tokenizer) -> None:
    with pytest.raises(ModelError, match="hiden_size"):
        new_model("qwen3", {"hiden_size": 32}, tokenizer)
    with pytest.raises(ModelError, match="no gpt2 has these sizes"):
        new_model("gpt2", {"hidden_size": 30, "num_attention_heads": 4}, tokenizer)

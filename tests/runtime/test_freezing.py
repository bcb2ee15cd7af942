"""What stays as it is: blocks, embeddings, names; and what is told of it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from nivel.runtime.errors import ModelError
from nivel.runtime.models import count_parameters, freeze

from .tiny import tiny


def trained(model: Any) -> set[str]:
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def test_the_first_blocks_and_the_embeddings_stay(capsys: pytest.CaptureFixture[str]) -> None:
    model, _ = tiny()
    freeze(model, blocks=1)
    left = trained(model)
    assert not any(name.startswith("model.layers.0.") for name in left)
    assert "model.layers.1.mlp.up_proj.weight" in left and "model.norm.weight" in left
    assert "model.embed_tokens.weight" not in left
    total, count = count_parameters(model)
    assert f"training {count:,} of {total:,} parameters" in capsys.readouterr().out


def test_names_are_globs_and_embeddings_may_be_trained() -> None:
    model, _ = tiny()
    freeze(model, patterns=["*.self_attn.?_proj.weight"], embeddings=False)
    left = trained(model)
    assert "model.embed_tokens.weight" in left
    assert not any("self_attn" in name for name in left)
    assert any("mlp" in name for name in left)


def test_an_encoders_positions_stay_with_its_words() -> None:
    sizes = {"vocab_size": 40, "hidden_size": 8, "intermediate_size": 8,
             "num_hidden_layers": 2, "num_attention_heads": 2}  # fmt: skip
    model = BertForSequenceClassification(BertConfig(**sizes))
    freeze(model, blocks=2)
    assert trained(model) == {
        "bert.embeddings.LayerNorm.weight", "bert.embeddings.LayerNorm.bias",
        "bert.pooler.dense.weight", "bert.pooler.dense.bias", "classifier.weight",
        "classifier.bias",
    }  # fmt: skip


def test_frozen_weights_do_not_move() -> None:
    model, _ = tiny()
    freeze(model, blocks=1)
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.1)
    model(input_ids=torch.tensor([[1, 2, 3]])).logits.square().mean().backward()
    optimizer.step()
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name]) == (name not in trained(model)), name


def test_what_cannot_be_is_told_with_what_can() -> None:
    model, _ = tiny()
    with pytest.raises(ModelError, match="has 2 blocks .model.layers., not 3"):
        freeze(model, blocks=3)
    with pytest.raises(ModelError, match=r"no parameter matches 'layers.0.\*'; near are model"):
        freeze(model, patterns=["layers.0.*"])
    with pytest.raises(ModelError, match="nothing is left to train"):
        freeze(model, patterns=["*"])

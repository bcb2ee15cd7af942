"""Bits per byte against sums done by hand and models whose answer is known."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from nivel.runtime.data import TokenStore, pack_documents
from nivel.runtime.errors import DataError
from nivel.runtime.evaluation import bits as bits_module
from nivel.runtime.evaluation import (
    bits_per_byte,
    byte_unigram_bits_per_byte,
    unigram_bits_per_byte,
)
from nivel.runtime.models import new_model, train_byte_bpe

SIZES = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}
TEXTS = ["The sky is blue, the sea is green — déjà vu."] * 3 + ["And the rest is grey."] * 5


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_byte_bpe(TEXTS, 290)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIVEL_PROJECT", str(tmp_path))


def test_bits_per_byte_is_the_mean_loss_times_tokens_per_byte(tokenizer: Any) -> None:
    torch.manual_seed(0)
    model, store = new_model("llama", SIZES, tokenizer).eval(), pack_documents(TEXTS, tokenizer, 16)
    losses = []
    with torch.no_grad():
        for row in range(len(store)):
            ids = torch.from_numpy(store[row])[None]
            losses.append(model(input_ids=ids, labels=ids).loss.item())
    size = sum(len(text.encode()) for text in TEXTS)
    expected = np.mean(losses) / math.log(2) * store.num_tokens / size
    assert bits_per_byte(model, store, 3) == pytest.approx(expected, rel=1e-5)


def test_a_model_that_knows_nothing_pays_for_every_token_alike(tokenizer: Any) -> None:
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **SIZES))
    torch.nn.init.zeros_(model.lm_head.weight)
    store = pack_documents(TEXTS, tokenizer, 8)
    expected = math.log2(len(tokenizer)) * store.num_tokens / store.num_bytes
    assert bits_per_byte(model, store, 4) == pytest.approx(expected, rel=1e-5)


def test_batch_size_and_block_size_do_not_matter(
    tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, store = new_model("llama", SIZES, tokenizer), pack_documents(TEXTS, tokenizer, 8)
    values = [bits_per_byte(model, store, size) for size in (1, 7, 1000)]
    monkeypatch.setattr(bits_module, "LARGEST_LOGITS", 1)
    values.append(bits_per_byte(model, store, 7))
    assert values == pytest.approx([values[0]] * 4, rel=1e-6)


def test_bits_per_byte_leaves_the_model_in_training(tokenizer: Any) -> None:
    model = new_model("llama", SIZES, tokenizer).train()
    bits_per_byte(model, pack_documents(TEXTS, tokenizer, 8), 4)
    assert model.training


class Tokens:
    """As much of a token store as counting needs."""

    def __init__(self, rows: list[list[int]], size: int) -> None:
        self.rows, self.num_bytes = rows, size
        self.num_tokens = sum(map(len, rows))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        return np.array(self.rows[index])


def test_unigram_bits_follow_smoothed_training_counts() -> None:
    train, test = Tokens([[0, 0], [0, 1]], 4), Tokens([[0, 2]], 6)
    # Add one over three known tokens: 4/7, 2/7 and 1/7; 2 tokens in 6 bytes.
    expected = -(math.log2(4 / 7) + math.log2(1 / 7)) / 2 * 2 / 6
    assert unigram_bits_per_byte(_store(train), _store(test)) == pytest.approx(expected)


def test_a_token_seen_in_training_only_still_takes_its_share() -> None:
    train, test = Tokens([[0, 3]], 2), Tokens([[0]], 1)
    assert unigram_bits_per_byte(_store(train), _store(test)) == pytest.approx(-math.log2(2 / 6))


def test_byte_unigram_bits_follow_smoothed_byte_counts() -> None:
    expected = -(math.log2(3 / 259) + math.log2(1 / 259)) / 2
    assert byte_unigram_bits_per_byte(["aa", "b"], ["az"]) == pytest.approx(expected)


def test_byte_unigram_counts_bytes_and_not_characters() -> None:
    assert byte_unigram_bits_per_byte([], ["é"]) == pytest.approx(8.0)


def test_no_text_is_an_error() -> None:
    with pytest.raises(DataError, match="empty"):
        byte_unigram_bits_per_byte(["a"], [])
    with pytest.raises(DataError, match="sequence"):
        unigram_bits_per_byte(_store(Tokens([[1]], 1)), _store(Tokens([], 1)))


def _store(tokens: Tokens) -> TokenStore:
    return tokens  # type: ignore[return-value]

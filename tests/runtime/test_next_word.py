"""The next-word distribution: its numbers, its texts and its picture."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from nivel.runtime.errors import DataError
from nivel.runtime.evaluation import next_word_distribution
from nivel.runtime.evaluation.next_word import token_text
from nivel.runtime.evaluation.picture import draw_next_words
from nivel.runtime.models import new_model, train_byte_bpe

SIZES = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_byte_bpe(["the sky is blue and the sea is blue"] * 4, 265)


@pytest.fixture(scope="module")
def model(tokenizer: Any) -> Any:
    torch.manual_seed(0)
    return new_model("llama", SIZES, tokenizer)


def test_rows_are_the_softmax_of_the_last_position_likeliest_first(
    model: Any, tokenizer: Any, tmp_path: Path
) -> None:
    rows = next_word_distribution(model, tokenizer, "the sky is", 265, tmp_path)
    ids = torch.tensor([tokenizer("the sky is")["input_ids"]])
    with torch.no_grad():
        expected = model(ids).logits[0, -1].softmax(-1).sort(descending=True).values
    assert [row["probability"] for row in rows] == pytest.approx(expected.tolist(), rel=1e-4)
    assert sum(row["probability"] for row in rows) == pytest.approx(1.0, abs=1e-4)


def test_top_limits_the_rows_to_the_vocabulary(model: Any, tokenizer: Any, tmp_path: Path) -> None:
    assert len(next_word_distribution(model, tokenizer, "the", 3, tmp_path)) == 3
    every = next_word_distribution(model, tokenizer, "the", 10_000, tmp_path)
    assert len(every) == len(tokenizer)


def test_the_record_and_the_picture_are_written(model: Any, tokenizer: Any, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    rows = next_word_distribution(model, tokenizer, "the sky", 5, folder)
    record = json.loads((folder / "next_word.json").read_text("utf-8"))
    assert record == {"text": "the sky", "top": rows}
    assert (folder / "next_word.png").read_bytes().startswith(b"\x89PNG")


def test_tokens_keep_their_leading_space(tokenizer: Any) -> None:
    before, token = tokenizer("the sky")["input_ids"][0], tokenizer(" is")["input_ids"][0]
    assert token_text(tokenizer, before, token).startswith(" ")


def test_half_a_character_is_shown_as_its_vocabulary_entry(tokenizer: Any) -> None:
    first_byte = tokenizer("é")["input_ids"][0]
    assert token_text(tokenizer, tokenizer("a")["input_ids"][0], first_byte) == "<Ã>"


def test_an_empty_text_is_refused(model: Any, tokenizer: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no tokens"):
        next_word_distribution(model, tokenizer, "", 5, tmp_path)


def test_any_token_can_be_drawn_without_a_warning(tmp_path: Path) -> None:
    tokens = [" $x^2$", "\n\t", "日本", "𝔘", "\x00", "a" * 90, "", "\\frac{", "%s"]
    rows = [{"token": token, "probability": 1 / 10} for token in tokens]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw_next_words("€ $\\alpha$ 日\n\x07" * 40, rows, 300, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 5000


def test_the_same_rows_give_the_same_picture(tmp_path: Path) -> None:
    rows = [{"token": " a", "probability": 0.5}]
    pictures = []
    for name in ("one.png", "two.png"):
        draw_next_words("text", rows, 300, tmp_path / name)
        pictures.append((tmp_path / name).read_bytes())
    assert pictures[0] == pictures[1]

"""Perplexity and bits per byte against predicting token by token."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from nivel.runtime.data import Row
from nivel.runtime.errors import DataError
from nivel.runtime.evaluation import evaluate_language_model
from nivel.runtime.evaluation import language_model as module

from .tiny import tiny

DOCUMENTS = ["red and green", "é" * 9, "the same start of a question " * 7, "b", "blue " * 40]


@pytest.fixture(scope="module")
def made() -> tuple[Any, Any]:
    return tiny(max_position_embeddings=64)


def by_loop(model: Any, tokenizer: Any, text: str, window: int, stride: int) -> tuple[float, int]:
    """Predict each token alone, from what its window shows."""
    ids = [tokenizer.eos_token_id, *tokenizer(text, add_special_tokens=False)["input_ids"]]
    nats = 0.0
    for place in range(1, len(ids)):
        if place <= window:
            begin = 0
        else:
            turn = math.ceil((place - window) / stride)
            begin = min(window + turn * stride, len(ids) - 1) - window
        with torch.no_grad():
            logits = model(torch.tensor([ids[begin:place]])).logits[0, -1]
        nats -= float(logits.log_softmax(-1)[ids[place]])
    return nats, len(ids) - 1


@pytest.mark.parametrize(("window", "stride"), [(64, 32), (16, 16), (16, 5), (16, 1), (1, 1)])
@pytest.mark.parametrize("batch_size", [1, 7])
def test_each_token_is_predicted_once_with_the_context_stated(
    made: tuple[Any, Any], window: int, stride: int, batch_size: int
) -> None:
    model, tokenizer = made
    found = evaluate_language_model(
        model, tokenizer, DOCUMENTS, window=window, stride=stride, batch_size=batch_size
    )
    expected = [by_loop(model, tokenizer, text, window, stride) for text in DOCUMENTS]
    for row, text, (nats, tokens) in zip(found.documents, DOCUMENTS, expected, strict=True):
        assert row["tokens"] == tokens and row["bytes"] == len(text.encode())
        assert row["nats"] == pytest.approx(nats, rel=1e-5)
    nats, tokens = (sum(pair[part] for pair in expected) for part in (0, 1))
    size = sum(len(text.encode()) for text in DOCUMENTS)
    assert found.metrics["perplexity"]["value"] == pytest.approx(math.exp(nats / tokens), rel=1e-5)
    assert found.metrics["bits_per_byte"]["value"] == pytest.approx(
        nats / math.log(2) / size, rel=1e-5
    )


def test_a_whole_document_is_what_transformers_calls_its_loss(made: tuple[Any, Any]) -> None:
    model, tokenizer = made
    text = DOCUMENTS[0]
    ids = torch.tensor([[tokenizer.eos_token_id, *tokenizer(text)["input_ids"]]])
    with torch.no_grad():
        loss = float(model(ids, labels=ids).loss)
    found = evaluate_language_model(model, tokenizer, [text])
    assert found.metrics["perplexity"]["value"] == pytest.approx(math.exp(loss), rel=1e-5)
    assert (found.window, found.stride) == (64, 32)


def test_intervals_are_over_documents(made: tuple[Any, Any]) -> None:
    model, tokenizer = made
    first, again, wide = (
        evaluate_language_model(model, tokenizer, DOCUMENTS, confidence=level, seed=1).metrics
        for level in (0.5, 0.5, 0.99)
    )
    assert first == again
    for name, found in first.items():
        assert wide[name]["low"] <= found["low"] < found["value"] < found["high"]
        assert found["n"] == len(DOCUMENTS)
    alike = evaluate_language_model(model, tokenizer, ["red blue"] * 5).metrics["perplexity"]
    assert alike["low"] == pytest.approx(alike["high"])
    one = evaluate_language_model(model, tokenizer, ["red blue"]).metrics["perplexity"]
    assert one["low"] is None and one["high"] is None and one["value"] > 1


def test_rows_are_read_by_their_text(made: tuple[Any, Any]) -> None:
    rows = [Row("a", {"text": "red", "name": "x"}, None), Row("b", {"body": "green"}, None)]
    found = evaluate_language_model(*made, rows)
    assert [row["id"] for row in found.documents] == ["a", "b"]
    plain = evaluate_language_model(*made, ["red", "green"])
    assert [row["nats"] for row in plain.documents] == [row["nats"] for row in found.documents]
    with pytest.raises(DataError, match="'c' has the fields x, y"):
        evaluate_language_model(*made, [Row("c", {"x": "1", "y": "2"}, None)])


def test_logits_are_held_for_few_windows_at_once(
    made: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = evaluate_language_model(*made, DOCUMENTS)
    monkeypatch.setattr(module, "LARGEST_LOGITS", 290 * 64 * 2)
    parts = evaluate_language_model(*made, DOCUMENTS)
    for one, other in zip(whole.documents, parts.documents, strict=True):
        assert one["nats"] == pytest.approx(other["nats"], rel=1e-5)


@pytest.mark.parametrize(
    ("documents", "sizes", "message"),
    [
        ([], {}, "no documents"),
        (["red", ""], {}, "document '1' is empty"),
        (["red"], {"window": 65}, "65 tokens exceeds the model's 64 positions"),
        (["red"], {"window": 8, "stride": 9}, "stride of 9 tokens does not fit"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    made: tuple[Any, Any], documents: list[str], sizes: dict[str, int], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        evaluate_language_model(*made, documents, **sizes)


def test_the_model_comes_back_in_the_mode_it_came_in(made: tuple[Any, Any]) -> None:
    model, tokenizer = made
    model.train()
    evaluate_language_model(model, tokenizer, ["red"])
    assert model.training
    model.eval()

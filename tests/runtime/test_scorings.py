"""Ways to rank labels, each against the summed log-probabilities it is made from."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from nivel.runtime.data import Prompt
from nivel.runtime.errors import DataError
from nivel.runtime.evaluation import evaluate_classifier

from .test_likelihood import LABELS, PROMPT, ROWS, model, one_by_one, tokenizer

__all__ = ["model", "tokenizer"]  # fixtures


def scored(model: Any, tokenizer: Any, **more: Any) -> Any:
    return evaluate_classifier(model, tokenizer, ROWS, PROMPT, LABELS, **more)


def test_per_byte_scores_are_sums_divided_by_bytes(model: Any, tokenizer: Any) -> None:
    labels = ("red", "grün")
    prompt = Prompt("{{ text }}:", labels)
    rows = [row for row in ROWS if row.label == "red"]
    summed, per_byte = (
        evaluate_classifier(model, tokenizer, rows, prompt, labels, scoring=scoring)
        for scoring in ("sum", "per-byte")
    )
    for one, other in zip(summed.predictions, per_byte.predictions, strict=True):
        assert other["scores"]["red"] == pytest.approx(one["scores"]["red"] / 3, rel=1e-5)
        assert other["scores"]["grün"] == pytest.approx(one["scores"]["grün"] / 5, rel=1e-5)


def test_pmi_scores_are_sums_less_those_after_the_null_input(model: Any, tokenizer: Any) -> None:
    summed, found = (
        scored(model, tokenizer),
        scored(model, tokenizer, scoring="pmi", null_input="Colour:"),
    )
    endings = list(PROMPT.label_ids(tokenizer).values())
    null = tokenizer("Colour:")["input_ids"]
    anyway = one_by_one(model.eval(), [null], endings)[0]
    for one, other in zip(summed.predictions, found.predictions, strict=True):
        for place, label in enumerate(LABELS):
            expected = one["scores"][label] - float(anyway[place])
            assert other["scores"][label] == pytest.approx(expected, abs=1e-4)
    tails = sum(len(ids) - 1 for ids in endings)
    assert found.tokens_read == summed.tokens_read + len(null) + tails


def test_the_null_input_stands_in_the_same_frame_without_examples(tokenizer: Any) -> None:
    tokenizer.chat_template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
    try:
        prompt = Prompt("{{ text }}", LABELS, "chat", system="be brief", examples=ROWS[:2])
        text = tokenizer.decode(prompt.encode_null(tokenizer, "nothing"))
        assert text == "<system>be brief<user>nothing"
    finally:
        tokenizer.chat_template = None


def test_a_null_input_goes_with_pmi_only(model: Any, tokenizer: Any) -> None:
    with pytest.raises(DataError, match="go together"):
        scored(model, tokenizer, scoring="pmi")
    with pytest.raises(DataError, match="go together"):
        scored(model, tokenizer, null_input="x")
    with pytest.raises(DataError, match="prompt of test row 'null input' is empty"):
        scored(model, tokenizer, scoring="pmi", null_input="")


def test_pmi_can_turn_the_ranking_round(model: Any, tokenizer: Any) -> None:
    """The label that wins everywhere by being likely anyway loses that lead."""
    plain = scored(model, tokenizer)
    with torch.no_grad():
        found = scored(model, tokenizer, scoring="pmi", null_input="Text: row\nColour:")
    assert len({row["prediction"] for row in plain.predictions}) == 1
    assert [row["prediction"] for row in found.predictions] != [
        row["prediction"] for row in plain.predictions
    ]

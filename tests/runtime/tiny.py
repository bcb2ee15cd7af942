"""A random Llama and its tokenizer, made in a second, and cells to ask it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from nivel.runtime.generation import LocalModel
from nivel.runtime.models import new_model, train_byte_bpe
from nivel.runtime.prompting.types import Answer, Cell, Generation

SIZES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}
TEXTS = [
    "one",
    "a longer beginning, of several words",
    "é",
    "one and one",
    "the same start of a question: red",
    "the same start of a question: bluish green",
    "x" * 70,
    "one",
]


def tiny(seed: int = 0, **sizes: Any) -> tuple[Any, Any]:
    """Return (model, tokenizer); wide weights, so that no two tokens are about equally likely."""
    tokenizer = train_byte_bpe(
        ['red green blue {"name": "red", "age": 12} the same start of a question'], 290
    )
    torch.manual_seed(seed)
    model = new_model("llama", {**SIZES, "initializer_range": 0.3, **sizes}, tokenizer).eval()
    return model, tokenizer


def cell(place: int, text: str, generation: Generation, **more: Any) -> Cell:
    values: dict[str, Any] = {"messages": (), "text": text, "schema": None} | more
    return Cell(
        id=f"{place:032x}",
        row=str(place),
        model="tiny",
        variant="v",
        repeat=0,
        generation=generation,
        **values,
    )


def cells(generation: Generation, texts: Sequence[str] = TEXTS, **more: Any) -> list[Cell]:
    return [cell(place, text, generation, **more) for place, text in enumerate(texts)]


def ask(model: LocalModel, asked: Sequence[Cell]) -> list[Answer]:
    """Return the answers in the order of the cells; each cell is told of once, before it."""
    found: dict[str, Answer] = {}
    intended: list[str] = []

    def done(asked_cell: Cell, answer: Answer) -> None:
        assert asked_cell.id in intended and asked_cell.id not in found
        assert answer.cell == asked_cell.id
        found[asked_cell.id] = answer

    model.answer(asked, lambda c: intended.append(c.id), done, lambda: False)
    assert sorted(intended) == sorted(found)
    return [found[asked_cell.id] for asked_cell in asked]

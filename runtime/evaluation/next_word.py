"""The model's next-word distribution after a given text, as data and as a picture."""

import json
from pathlib import Path
from typing import Any

import torch

from ..errors import DataError
from .picture import draw_next_words


def next_word_distribution(
    model: Any, tokenizer: Any, text: str, top: int, folder: str | Path
) -> list[dict[str, Any]]:
    """Return the `top` likeliest next tokens after `text`, likeliest first.

    Each row is {token: text, probability: 0..1}. Writes `next_word.json` (text and rows)
    and `next_word.png` into `folder`, which is made where it is missing.

    Raises:
        DataError: the text has no tokens.
    """
    ids = list(tokenizer(text)["input_ids"])
    if not ids:
        raise DataError("evaluate.next_word.text has no tokens; give at least one character")
    rows, vocabulary = next_words(model, tokenizer, ids, top)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    record = json.dumps({"text": text, "top": rows}, ensure_ascii=False, indent=2)
    (folder / "next_word.json").write_text(record + "\n", encoding="utf-8")
    draw_next_words(text, rows, vocabulary, folder / "next_word.png")
    return rows


def next_words(
    model: Any, tokenizer: Any, ids: list[int], top: int
) -> tuple[list[dict[str, Any]], int]:
    """Return the `top` likeliest tokens after `ids`, likeliest first, and the vocabulary's size.

    Each row is {token: text, probability: 0..1}. `ids` hold at least one token.
    """
    probabilities = _next_probabilities(model, ids)
    values, found = probabilities.topk(min(top, len(probabilities)))
    rows = [
        {"token": token_text(tokenizer, ids[-1], token), "probability": value}
        for value, token in zip(values.tolist(), found.tolist(), strict=True)
    ]
    return rows, len(probabilities)


def token_text(tokenizer: Any, before: int, token: int) -> str:
    """Return what `token` adds when it follows the token `before`.

    Some tokenizers drop a leading space when a token is decoded alone, so it is decoded
    after its neighbour. Part of a character has no text: its vocabulary entry is shown.
    """
    lead = tokenizer.decode([before])
    both = tokenizer.decode([before, token])
    added = both[len(lead) :] if both.startswith(lead) else tokenizer.decode([token])
    if added and "\ufffd" not in added:
        return str(added)
    return f"<{tokenizer.convert_ids_to_tokens(token)}>"


def _next_probabilities(model: Any, ids: list[int]) -> torch.Tensor:
    """Return the fp32 distribution over the vocabulary, shape (vocabulary,), on the CPU."""
    inputs = torch.tensor([ids], device=next(model.parameters()).device)
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            logits = model(input_ids=inputs, use_cache=False).logits[0, -1]
            probabilities: torch.Tensor = logits.float().softmax(-1).cpu()
            return probabilities
    finally:
        model.train(was_training)

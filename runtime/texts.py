"""How an experiment ends that predicts text and writes none: perplexity and bits per byte."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase

from .data import Row, Template
from .ending import end_measured, spent
from .evaluation import evaluate_language_model, next_word_distribution
from .models import count_parameters
from .records import Progress, Run
from .scoring.gates import Gate

__all__ = ["conclude_texts"]


def conclude_texts(
    run: Run,
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    test: Sequence[Row],
    *,
    model_name: str,
    input: str,
    metrics: Sequence[str],
    device: str = "cpu",
    confidence: float = 0.95,
    seed: int = 0,
    next_word: str | None = None,
    next_word_top: int = 10,
    gates: Sequence[Gate] = (),
) -> None:
    """Predict every token of the rows' texts, write the record, and end the run.

    Args:
        input: template of a row's text.
        metrics: `perplexity` (per token) and `bits_per_byte`.
        device: where the model is asked, as torch names it.
        confidence: level of the bootstrap intervals over rows.
        next_word: text whose next token's distribution is drawn.

    Raises:
        SystemExit: with code 4, where a gate does not hold.
    """
    model.to(device).eval()
    template = Template(input)
    texts = [Row(row.id, {"text": template.render(row.fields)}, None) for row in test]
    progress = Progress("predict", len(texts), "windows")
    try:
        found = evaluate_language_model(
            model, tokenizer, texts, confidence=confidence, seed=seed, progress=progress
        )
    finally:
        progress.close()
    run.write_predictions(found.documents)
    total, trained = count_parameters(model)
    measured = {name: found.metrics[name] for name in metrics}
    shown = None
    if next_word is not None:
        shown = next_word_distribution(model, tokenizer, next_word, next_word_top, run.folder)
    result: dict[str, Any] = {
        "model": model_name,
        "parameters": {"total": total, "trained": trained},
        "task": {"type": "language-model", "rows": len(test)},
        "metrics": measured,
        "window": {"tokens": found.window, "stride": found.stride},
        "tokens": {"seen": 0, "read": found.tokens_read},
        "seconds": spent(evaluate=found.seconds),
        **({"next_word": shown} if shown is not None else {}),
    }
    end_measured(run, result, [_line(name, one) for name, one in measured.items()], gates)


def _line(name: str, one: dict[str, Any]) -> str:
    ends = "" if one["low"] is None else f" [{one['low']:.3f}, {one['high']:.3f}]"
    return f"{name} {one['value']:.3f}{ends} on {one['n']} texts"

"""How every experiment ends: the same questions on the same rows, whatever the level.

One function for all levels is what makes their results comparable.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from .data import Prompt, Row, Tokens
from .ending import end_measured, spent
from .evaluation import (
    ClassifierResult,
    bits_per_byte,
    byte_unigram_bits_per_byte,
    evaluate_classifier,
    gzip_bits_per_byte,
    majority_baseline,
    next_word_distribution,
    ngram_bits_per_byte,
    unigram_bits_per_byte,
    xz_bits_per_byte,
)
from .masked import masked_bits_per_byte
from .models import count_parameters
from .records import Progress, Run
from .scoring import Earlier
from .scoring.confusion import count_pairs, render_confusion
from .scoring.differences import compare_scores
from .scoring.gates import Gate
from .scoring.hooks import load_hooks, score_answers
from .scoring.matrix import measure_rows
from .scoring.statistics import Difference
from .scoring.summary import difference_line

__all__ = ["conclude", "pretraining_quality"]


def conclude(
    run: Run,
    model: torch.nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    *,
    model_name: str,
    device: str = "cpu",
    prompt: Prompt | None = None,
    test: Sequence[Row] = (),
    train: Sequence[Row] = (),
    scoring: str = "sum",
    null_input: str | None = None,
    metrics: Sequence[str] = (),
    confidence: float = 0.95,
    seed: int = 0,
    next_word: str | None = None,
    next_word_top: int = 10,
    gates: Sequence[Gate] = (),
    baseline: Earlier | None = None,
    pretraining: dict[str, Any] | None = None,
    tokens_seen: int = 0,
    train_seconds: float = 0.0,
    validation: dict[str, Any] | None = None,
) -> None:
    """Evaluate ``model``, write predictions, pictures and the result, and mark the run completed.

    Args:
        device: where the model is asked, as torch names it.
        prompt: how a test row is asked; None where the experiment has no task.
        train: rows that only the majority baseline reads here.
        gates: conditions on the metrics.
        baseline: an earlier run that accuracy is compared with, row by row.
        scoring: how labels are ranked; null_input is what `pmi` measures them against.
        confidence: level of the intervals, between 0 and 1.
        pretraining: what :func:`pretraining_quality` returned, for a model trained from scratch.
        tokens_seen: tokens that went through the model in training, padding not counted.
        train_seconds: wall time of the training loop.
        validation: the loss on rows that training was watched on, and what it decided.

    Raises:
        SystemExit: with code 4, where a gate does not hold.
    """
    model.to(device).eval()
    total, trained = count_parameters(model)
    result: dict[str, Any] = {
        "model": model_name,
        "parameters": {"total": total, "trained": trained},
    }
    evaluated: ClassifierResult | None = None
    waits: dict[str, float] = {}
    if prompt is not None:
        evaluated, waits = _ask(
            run, model, tokenizer, prompt, test, scoring=scoring, null_input=null_input,
            metrics=metrics, confidence=confidence, seed=seed,
        )  # fmt: skip
        result |= _quality(evaluated, prompt, test, train)
        result |= hooked(result["metrics"], evaluated.predictions, test, confidence, seed)
    if next_word is not None:
        result["next_word"] = next_word_distribution(
            model, tokenizer, next_word, next_word_top, run.folder
        )
    if pretraining is not None:
        result["pretraining"] = pretraining
    if validation is not None:
        result["validation"] = validation
    if train:
        result["train_rows"] = {"rows": len(train)}
    result["tokens"] = {"seen": tokens_seen, "read": evaluated.tokens_read if evaluated else 0}
    asked = evaluated.seconds if evaluated else 0.0
    result["seconds"] = spent(train=train_seconds, evaluate=asked, waits=waits)
    looked = dict(result.get("metrics", {}))
    difference = _compare(evaluated, baseline, confidence, seed)
    if difference is not None:
        result["difference"] = difference.to_json()
        looked["difference"] = {"accuracy": result["difference"]}
    end_measured(run, result, summary_lines(result, next_word, difference), gates, looked)


def _compare(
    evaluated: ClassifierResult | None, baseline: Earlier | None, confidence: float, seed: int
) -> Difference | None:
    if evaluated is None or baseline is None:
        return None
    after = {
        str(row["id"]): [float(row["label"] == row["prediction"])] for row in evaluated.predictions
    }
    found = compare_scores(baseline.column("", ""), after, confidence, seed)
    return found and replace(found, p_holm=found.p_value, metric="accuracy", against=baseline.title)


def hooked(
    metrics: dict[str, Any],
    predictions: Sequence[dict[str, Any]],
    test: Sequence[Row],
    confidence: float,
    seed: int,
) -> dict[str, Any]:
    """Add the measures that the command line names to `metrics`; return what they were."""
    answers = [(str(said["prediction"]), row) for said, row in zip(predictions, test, strict=True)]
    hooks = load_hooks(list(metrics))
    for hook in hooks:
        scores = score_answers(hook, answers)
        metrics[hook.name] = measure_rows([[score] for score in scores], confidence, seed)
    return {"scorers": {hook.name: hook.identity() for hook in hooks}} if hooks else {}


def summary_lines(
    result: dict[str, Any], next_word: str | None = None, difference: Difference | None = None
) -> list[str]:
    """What a person wants to see first, as lines of text."""
    lines = []
    for name, found in result.get("metrics", {}).items():
        low, high = f"{found['low']:.3f}", f"{found['high']:.3f}"
        lines.append(f"{name} {found['value']:.3f} [{low}, {high}] on {found['n']} rows")
    if "majority" in result:
        majority = result["majority"]
        lines.append(f"always answering {majority['label']!r}: {majority['accuracy']:.3f}")
    if "confusion" in result:
        lines += render_confusion(result["confusion"])
    if difference is not None:
        lines.append(difference_line(difference))
    if next_word is not None:
        lines.append(f"next word after {next_word!r}:")
        for row in result["next_word"]:
            bar = "#" * round(40 * row["probability"])
            lines.append(f"  {row['probability']:6.1%}  {row['token']!r:<16} {bar}".rstrip())
    return lines


def _ask(
    run: Run,
    model: torch.nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    prompt: Prompt,
    test: Sequence[Row],
    **how: Any,
) -> tuple[ClassifierResult, dict[str, float]]:
    progress = Progress("evaluate", len(test), "rows")
    try:
        evaluated = evaluate_classifier(
            model,
            tokenizer,
            test,
            prompt,
            prompt.labels,
            progress=progress,
            **how,
        )
    finally:
        progress.close()
    run.write_predictions(evaluated.predictions)
    return evaluated, progress.waits()


def _quality(
    evaluated: ClassifierResult, prompt: Prompt, test: Sequence[Row], train: Sequence[Row]
) -> dict[str, Any]:
    pairs = [(str(row["label"]), str(row["prediction"])) for row in evaluated.predictions]
    return {
        "task": {"type": "classify", "labels": list(prompt.labels), "rows": len(test)},
        "metrics": evaluated.metrics,
        "confusion": count_pairs(pairs, prompt.labels, written=False),
        "majority": majority_baseline(train or None, test),
    }


def pretraining_quality(
    model: torch.nn.Module,
    train: Tokens,
    held_out: Tokens,
    train_texts: Iterable[str],
    held_out_texts: Iterable[str],
    *,
    device: str = "cpu",
    document_end: int | None = None,
) -> dict[str, Any]:
    """Bits per byte of held-out text, beside baselines that know only how often things occur.

    The unigram baselines count tokens, and bytes, of the training text, the five-gram runs of
    bytes; gzip and xz see the held-out text alone. All have the same text as denominator. Where the
    text has several sources, `sources` has the model's figure for each; None where what is held out
    of one is shorter than a sequence.

    Args:
        document_end: the token that ends a document, of a model that was trained with each
            document seeing itself alone; it is measured so too.
    """
    measure = partial(_bits, model, document_end)
    model.to(device)
    quality: dict[str, Any] = {
        "bits_per_byte": measure(held_out),
        "unigram_bits_per_byte": unigram_bits_per_byte(train, held_out),
        "byte_unigram_bits_per_byte": byte_unigram_bits_per_byte(train_texts, held_out_texts),
        "five_gram_bits_per_byte": ngram_bits_per_byte(train_texts, held_out_texts),
        "gzip_bits_per_byte": gzip_bits_per_byte(held_out_texts),
        "xz_bits_per_byte": xz_bits_per_byte(held_out_texts),
        "tokenizer_bytes_per_token": held_out.num_bytes / held_out.num_tokens,
        "tokenizer_tokens_per_word": _fertility(held_out, held_out_texts),
    }
    print(
        "tokenizer: {tokenizer_bytes_per_token:.2f} bytes per token, "
        "{tokenizer_tokens_per_word:.2f} tokens per word".format(**quality)
    )
    parts: dict[str, Tokens] = getattr(held_out, "parts", {})
    if len(parts) > 1:
        found = {name: measure(one) if len(one) else None for name, one in parts.items()}
        quality["sources"] = found
    print(
        "held-out text: {bits_per_byte:.3f} bits per byte; token unigram "
        "{unigram_bits_per_byte:.3f}, byte unigram {byte_unigram_bits_per_byte:.3f}, "
        "five bytes {five_gram_bits_per_byte:.3f}, gzip {gzip_bits_per_byte:.3f}, "
        "xz {xz_bits_per_byte:.3f}".format(**quality)
    )
    for name, bits in quality.get("sources", {}).items():
        print(f"  of {name}: " + ("too short to measure" if bits is None else f"{bits:.3f}"))
    return quality


def _bits(model: torch.nn.Module, document_end: int | None, store: Tokens) -> float:
    if document_end is None:
        return bits_per_byte(model, store)
    return masked_bits_per_byte(model, store, document_end)


def _fertility(held_out: Tokens, texts: Iterable[str]) -> float:
    """Tokens of a word, ends of documents not counted; words are runs without whitespace."""
    words = sum(len(text.split()) for text in texts)
    return (held_out.num_tokens - held_out.num_documents) / max(1, words)

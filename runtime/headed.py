"""How an experiment ends that trained a model with a head: its answers to the test rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .conclude import hooked, summary_lines
from .data import EncodedTargets, Row
from .ending import end_measured, spent
from .evaluation import majority_baseline
from .evaluation.headed import HeadResult, evaluate_head
from .models import count_parameters
from .records import Progress, Run
from .scoring import Gate
from .scoring.confusion import count_pairs

__all__ = ["conclude_headed"]


def conclude_headed(
    run: Run,
    model: Any,
    test: Sequence[Row],
    encoded: EncodedTargets,
    *,
    model_name: str,
    device: str = "cpu",
    task: str,
    labels: Sequence[str] = (),
    metrics: Sequence[str],
    confidence: float = 0.95,
    seed: int = 0,
    train: Sequence[Row] = (),
    trained: EncodedTargets | None = None,
    gates: Sequence[Gate] = (),
    tokens_seen: int = 0,
    train_seconds: float = 0.0,
    validation: dict[str, Any] | None = None,
) -> None:
    """Evaluate the head, write predictions and the result, and mark the run completed.

    Args:
        encoded: the test rows as token ids, all of them.
        model_name: what the model was before it was tuned; its name in the record.
        task: `classify`, `regress` or `tag`.
        labels: in the order of the head's outputs.
        confidence: level of the intervals, between 0 and 1.
        train: rows that only the majority baseline reads here.
        trained: what was trained on, for its counts.
        gates: conditions on the metrics.
        tokens_seen: tokens that went through the whole model in training.
        train_seconds: wall time of the training loop.
        validation: the loss on rows that training was watched on, and what it decided.

    Raises:
        SystemExit: with code 4, where a gate does not hold.
    """
    total, learned = count_parameters(model)
    found, waits = _evaluate(
        run, model, test, encoded, device=device, task=task, labels=labels, metrics=metrics,
        confidence=confidence, seed=seed,
    )  # fmt: skip
    result: dict[str, Any] = {
        "model": model_name,
        "parameters": {"total": total, "trained": learned},
        "task": {"type": task, "labels": list(labels), "rows": len(test)},
        "metrics": found.metrics,
        **(_classes(found, labels, train, test) if task == "classify" else {}),
        **hooked(found.metrics, found.predictions, test, confidence, seed),
        "tokens": {"seen": tokens_seen, "read": found.tokens_read},
        "seconds": spent(train=train_seconds, evaluate=found.seconds, waits=waits),
    }
    if trained is not None:
        result["train_rows"] = {
            "rows": len(trained),
            "tokens": sum(map(len, trained.input_ids)),
            "dropped_rows": trained.dropped,
            "cut_rows": trained.truncated,
        }
    if validation is not None:
        result["validation"] = validation
    end_measured(run, result, summary_lines(result), gates)


def _evaluate(
    run: Run, model: Any, test: Sequence[Row], encoded: EncodedTargets, **how: Any
) -> tuple[HeadResult, dict[str, float]]:
    progress = Progress("evaluate", len(test), "rows")
    try:
        found = evaluate_head(model, test, encoded, progress=progress, **how)
    finally:
        progress.close()
    run.write_predictions(found.predictions)
    return found, progress.waits()


def _classes(
    found: HeadResult, labels: Sequence[str], train: Sequence[Row], test: Sequence[Row]
) -> dict[str, Any]:
    pairs = [(str(one["label"]), str(one["prediction"])) for one in found.predictions]
    return {
        "confusion": count_pairs(pairs, labels, written=False),
        "majority": majority_baseline(train or None, test),
    }

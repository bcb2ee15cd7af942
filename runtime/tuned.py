"""How an experiment ends that trained a model to write: it answers the test rows.

The rows are asked and scored as at level prompt, so that `nivel compare` can pair the runs.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from .answers import conclude_answers
from .data import EncodedRows, Row
from .data.encodings import IGNORED
from .ending import spent
from .generation import LocalModel, write_generation
from .models import count_parameters
from .prompting import Generation, ask, make_cells
from .prompting.types import Asks
from .records import Run
from .scoring import Gate, Metric

__all__ = ["begin_written", "conclude_written"]


def begin_written(model: Any, rows: EncodedRows, generation: Generation) -> dict[str, int]:
    """Let answers end as they are learned to end, and say what is trained on.

    The tokens that end an answer, and how the spec has answers written, go into the model's
    generation config, which is saved with it. Returned, and printed, are the counts of rows, of
    tokens, of trained tokens, and of rows that were dropped and cut for their length.
    """
    write_generation(model.generation_config, rows.ends, generation)
    counts = {
        "rows": len(rows),
        "tokens": sum(map(len, rows.input_ids)),
        "trained_tokens": sum(one != IGNORED for labels in rows.labels for one in labels[1:]),
        "dropped_rows": rows.dropped,
        "cut_rows": rows.truncated,
    }
    print(
        "training on {rows:,} rows of {tokens:,} tokens, {trained_tokens:,} of them trained; "
        "{dropped_rows:,} rows dropped, {cut_rows:,} cut".format(**counts),
        flush=True,
    )
    return counts


def conclude_written(
    run: Run,
    model: torch.nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    test: Sequence[Row],
    question: Asks,
    *,
    model_name: str,
    device: str = "cpu",
    generation: Generation,
    task: str,
    metrics: Sequence[Metric],
    labels: Sequence[str] = (),
    schema: Mapping[str, Any] | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    gates: Sequence[Gate] = (),
    rows: Mapping[str, int] | None = None,
    tokens_seen: int = 0,
    train_seconds: float = 0.0,
    validation: dict[str, Any] | None = None,
) -> None:
    """Have the trained model answer the test rows, score the answers, and end the run.

    Args:
        question: how a test row is asked.
        model_name: what the model was before it was tuned; its name in the record.
        rows: what :func:`begin_written` returned.
        tokens_seen: tokens that went through the model in training, padding not counted.
        train_seconds: wall time of the training loop.
        validation: the loss on rows that training was watched on, and what it decided.

    The other arguments are those of :func:`conclude_answers`.

    Raises:
        RunError: answers are missing.
        SystemExit: with code 4, where a gate does not hold.
    """
    model.to(device).eval()
    total, trained = count_parameters(model)
    asked = LocalModel.around(model_name, model, tokenizer)
    began = time.monotonic()
    cells = make_cells(test, [asked], {"default": question}, generation, schema=schema)
    answers = ask(run, [asked], cells)
    more: dict[str, Any] = {
        "parameters": {"total": total, "trained": trained},
        "tokens": {"seen": tokens_seen, "read": sum(a.input_tokens or 0 for a in answers.values())},
        "seconds": spent(train=train_seconds, evaluate=time.monotonic() - began),
    }
    if rows is not None:
        more["train_rows"] = dict(rows)
    if validation is not None:
        more["validation"] = validation
    conclude_answers(
        run,
        answers,
        cells,
        test,
        task=task,
        metrics=metrics,
        labels=labels,
        schema=schema,
        confidence=confidence,
        seed=seed,
        gates=gates,
        more=more,
    )

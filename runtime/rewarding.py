"""How an experiment ends that trained a reward model: it ranks the answers of the test rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from .data import EncodedPairs
from .ending import end_measured, present, spent
from .models import count_parameters
from .models.features import reading
from .preferring import count_pairs, measure_scores, ranked_pairs, wins
from .records import Progress, Run
from .scoring import Gate
from .training import PairRows, pair_rewards

__all__ = ["begin_rewards", "conclude_rewards"]


def begin_rewards(pairs: EncodedPairs) -> dict[str, int]:
    """Say what is trained on: counts of pairs, of tokens of both answers, and of margins."""
    counts = count_pairs(pairs)
    del counts["trained_tokens"]  # a reward is given to a whole text
    counts["margins"] = 0 if pairs.margins is None else len(pairs.margins)
    print(
        "training on {rows:,} pairs of {tokens:,} tokens, {margins:,} of them with a margin; "
        "{dropped_rows:,} pairs dropped, {cut_rows:,} cut".format(**counts),
        flush=True,
    )
    return counts


def conclude_rewards(
    run: Run,
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    test: EncodedPairs,
    *,
    model_name: str,
    micro_batch: int,
    device: str = "cpu",
    metrics: Sequence[str],
    confidence: float = 0.95,
    seed: int = 0,
    gates: Sequence[Gate] = (),
    rows: dict[str, int] | None = None,
    tokens_seen: int = 0,
    train_seconds: float = 0.0,
    validation: dict[str, Any] | None = None,
) -> None:
    """Give both answers of each test row their rewards, write the result, and end the run.

    Args:
        micro_batch: pairs at once.
        metrics: `accuracy` (the chosen answer has the higher reward; a tie is half right) and
            `margin` (mean difference of the rewards).
        rows: what :func:`begin_rewards` returned.

    The other arguments are those of `conclude_pairs`.

    Raises:
        SystemExit: with code 4, where a gate does not hold.
    """
    total, trained = count_parameters(model)
    began = time.monotonic()
    rewards = _score(model, test, tokenizer, micro_batch, device)
    margins = rewards[:, 0] - rewards[:, 1]
    scores = {"accuracy": wins(margins), "margin": margins.tolist()}
    measured = {name: measure_scores(scores[name], confidence, seed) for name in metrics}
    run.write_predictions(ranked_pairs(test, tokenizer, rewards))
    result: dict[str, Any] = {
        "model": model_name,
        "parameters": {"total": total, "trained": trained},
        "task": {"type": "prefer", "rows": len(test)},
        "metrics": measured,
        "mean_reward": {"value": float(rewards.mean()), "answers": rewards.numel()},
        "tokens": {"seen": tokens_seen, "read": count_pairs(test)["tokens"]},
        "seconds": spent(train=train_seconds, evaluate=time.monotonic() - began),
    }
    result |= present(train_rows=rows, validation=validation)
    lines = [
        f"{name} {one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}] on {one['n']} rows"
        for name, one in measured.items()
    ]
    end_measured(run, result, lines, gates)


@torch.no_grad()
def _score(
    model: Any,
    pairs: EncodedPairs,
    tokenizer: PreTrainedTokenizerBase,
    micro_batch: int,
    device: str,
) -> Tensor:
    """Return the rewards of both answers of every pair, (pairs, 2), chosen first."""
    model.to(device).eval()
    rows = PairRows(pairs, tokenizer.pad_token_id)
    found: list[Tensor] = []
    progress = Progress("rank", len(rows), "pairs")
    with reading(model, device):
        for start in range(0, len(rows), micro_batch):
            batch = rows.collate(range(start, min(start + micro_batch, len(rows))))
            batch = {name: value.to(device) for name, value in batch.items()}
            found.append(torch.stack(pair_rewards(model, batch), 1).cpu())
            progress.update(start + len(found[-1]))
    progress.close()
    return torch.cat(found)

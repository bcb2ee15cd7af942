"""How an experiment ends that learned which answers are better: it ranks those of the test rows.

A test row is right where its chosen answer has the higher reward. What a reward is, is the
objective's matter; how likely an answer is per token can be said of any model, trained or not.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from .data import EncodedPairs, EncodedRows, EncodedVerdicts
from .data.encodings import IGNORED
from .ending import end_measured, present, spent
from .models import count_parameters
from .records import Progress, Run
from .scoring import Gate
from .scoring.matrix import measure_rows
from .scoring.statistics import paired_difference
from .training import PairRows, VerdictRows, pair_log_probs

__all__ = ["PairScores", "begin_pairs", "conclude_pairs", "score_pairs"]


@dataclass(frozen=True, slots=True)
class PairScores:
    """What a model gives the answers of pairs; all are (pairs, 2), chosen first.

    Attributes:
        log_probs: in nats, summed over an answer's tokens.
        tokens: of each answer.
        seconds: wall time.
    """

    log_probs: Tensor
    tokens: Tensor
    seconds: float

    @property
    def means(self) -> Tensor:
        """Log-probabilities per token."""
        return self.log_probs / self.tokens


Judged = EncodedPairs | EncodedVerdicts


def begin_pairs(model: Any, pairs: Judged) -> dict[str, int]:
    """Let answers end as they are learned to end, and say what is trained on.

    As `begin_written`, for pairs: the counts are of pairs, and of the tokens of both answers.
    """
    sides = _sides(pairs)
    counts = count_pairs(pairs)
    ends = [token for side in sides for token in side.ends]
    config = model.generation_config
    known = config.eos_token_id
    before = known if isinstance(known, list) else [] if known is None else [known]
    config.eos_token_id = list(dict.fromkeys([*before, *sorted(set(ends))]))
    unit = "pairs" if isinstance(pairs, EncodedPairs) else "answers"
    print(
        "training on {rows:,} {unit} of {tokens:,} tokens, {trained_tokens:,} of them in answers; "
        "{dropped_rows:,} {unit} dropped, {cut_rows:,} cut".format(unit=unit, **counts),
        flush=True,
    )
    return counts


def count_pairs(pairs: Judged) -> dict[str, int]:
    """Count pairs, or answers with a verdict, and the tokens of all their answers."""
    sides = _sides(pairs)
    labels = [label for side in sides for row in side.labels for label in row[1:]]
    return {
        "rows": len(pairs),
        "tokens": sum(len(row) for side in sides for row in side.input_ids),
        "trained_tokens": sum(label != IGNORED for label in labels),
        "dropped_rows": pairs.dropped,
        "cut_rows": pairs.truncated,
    }


def _sides(pairs: Judged) -> tuple[EncodedRows, ...]:
    if isinstance(pairs, EncodedPairs):
        return pairs.chosen, pairs.rejected
    return (pairs.answers,)


@torch.no_grad()
def score_pairs(
    model: Any,
    pairs: Judged,
    tokenizer: PreTrainedTokenizerBase,
    *,
    micro_batch: int,
    device: str = "cpu",
) -> PairScores:
    """Return how likely the model finds both answers of every pair, without dropout.

    Of answers with a verdict, the second of each two is the answer to another prompt.

    Args:
        micro_batch: pairs at once.
    """
    began, training = time.monotonic(), model.training
    model.to(device).eval()
    rows = (
        PairRows(pairs, tokenizer.pad_token_id)
        if isinstance(pairs, EncodedPairs)
        else VerdictRows(pairs, tokenizer.pad_token_id)
    )
    found, tokens = [], []
    progress = Progress("rank", len(rows), "pairs")
    for start in range(0, len(rows), micro_batch):
        batch = rows.collate(range(start, min(start + micro_batch, len(rows))))
        one = pair_log_probs(model, {name: value.to(device) for name, value in batch.items()})
        found.append(torch.stack([one.chosen, one.rejected], 1).cpu())
        tokens.append(torch.stack([one.chosen_tokens, one.rejected_tokens], 1).cpu())
        progress.update(start + len(found[-1]))
    progress.close()
    model.train(training)
    return PairScores(torch.cat(found), torch.cat(tokens), time.monotonic() - began)


def conclude_pairs(
    run: Run,
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    test: Judged,
    before: PairScores,
    *,
    model_name: str,
    micro_batch: int,
    device: str = "cpu",
    reward: str,
    beta: float,
    metrics: Sequence[str],
    confidence: float = 0.95,
    seed: int = 0,
    gates: Sequence[Gate] = (),
    rows: dict[str, int] | None = None,
    tokens_seen: int = 0,
    train_seconds: float = 0.0,
    validation: dict[str, Any] | None = None,
) -> None:
    """Rank the test rows' answers with the trained model, and end the run.

    Args:
        before: what the model gave the same answers before tuning.
        reward: `log-ratio` to the model before tuning, or `mean` log-probability; times `beta`.
        metrics: `accuracy` (the chosen answer has the higher reward; a tie is half right),
            `margin` (mean difference of the rewards), and `ranking_accuracy` (the chosen answer
            has the higher log-probability per token), which can be said of both models. Of answers
            with a verdict: whether the reward is above 0 where it is good and below where it is
            bad, and the mean reward of good answers less that of bad ones.
        rows: what :func:`begin_pairs` returned.

    The other arguments are those of `conclude`.

    Raises:
        SystemExit: with code 4, where a gate does not hold.
    """
    model.to(device).eval()
    total, trained = count_parameters(model)
    after = score_pairs(model, test, tokenizer, micro_batch=micro_batch, device=device)
    rewards = _rewards(after, before, reward, beta)
    scores = _scores(rewards, after, test)
    start = _scores(_rewards(before, before, reward, beta), before, test)
    known = [name for name in metrics if reward != "log-ratio" or name == "ranking_accuracy"]
    measured = {name: measure_scores(scores[name], confidence, seed) for name in metrics}
    result: dict[str, Any] = {
        "model": model_name,
        "parameters": {"total": total, "trained": trained},
        "task": {"type": "prefer", "rows": len(test)},
        "metrics": measured,
        "before": {name: measure_scores(start[name], confidence, seed) for name in known},
        "change": {
            name: paired_difference(start[name], scores[name], confidence, seed).to_json()
            for name in known
        },
        "tokens": {"seen": tokens_seen, "read": 2 * _tokens(test)},
        "seconds": spent(train=train_seconds, evaluate=before.seconds + after.seconds),
    }
    result |= present(train_rows=rows, validation=validation)
    if isinstance(test, EncodedPairs):
        run.write_predictions(ranked_pairs(test, tokenizer, rewards))
    else:
        run.write_predictions(_judgements(test, tokenizer, rewards))
    end_measured(run, result, _summary(result), gates)


def _rewards(scores: PairScores, reference: PairScores, reward: str, beta: float) -> Tensor:
    """Return (pairs, 2): what the objective takes an answer to be worth."""
    if reward == "log-ratio":
        return beta * (scores.log_probs - reference.log_probs)
    return beta * scores.means


def _scores(rewards: Tensor, scores: PairScores, test: Judged) -> dict[str, list[float]]:
    """Return the score of each pair, or answer, by every measure."""
    if isinstance(test, EncodedVerdicts):
        good = torch.tensor(test.good)
        signed = torch.where(good, rewards[:, 0], -rewards[:, 0])
        kind = torch.where(good, good.sum(), (~good).sum())  # a mean over these is the difference
        return {"accuracy": wins(signed), "margin": (signed * len(good) / kind).tolist()}
    margins = rewards[:, 0] - rewards[:, 1]
    return {
        "accuracy": wins(margins),
        "margin": margins.tolist(),
        "ranking_accuracy": wins(scores.means[:, 0] - scores.means[:, 1]),
    }


def wins(margins: Tensor) -> list[float]:
    """Return 1 for each margin above 0, a half for one of 0."""
    found: list[float] = ((margins.sign() + 1) / 2).tolist()
    return found


def measure_scores(scores: Sequence[float], confidence: float, seed: int) -> dict[str, Any]:
    """Return the mean with its interval; rows are what was sampled."""
    return measure_rows([[score] for score in scores], confidence, seed)


def _tokens(pairs: Judged) -> int:
    return sum(len(row) for side in _sides(pairs) for row in side.input_ids)


def ranked_pairs(
    test: EncodedPairs, tokenizer: PreTrainedTokenizerBase, rewards: Tensor
) -> list[dict[str, Any]]:
    """Return a line for each pair: which answer is preferred, and what each is worth."""
    sides = zip(test.row_ids, test.chosen.input_ids, test.chosen.labels, test.rejected.input_ids,
                test.rejected.labels, rewards.tolist(), strict=True)  # fmt: skip
    found = []
    for name, ids, labels, other_ids, other_labels, (chosen, rejected) in sides:
        said = "chosen" if chosen > rejected else "rejected" if rejected > chosen else "neither"
        asked, better = _texts(tokenizer, ids, labels)
        fields = {"prompt": asked, "chosen": better,
                  "rejected": _texts(tokenizer, other_ids, other_labels)[1]}  # fmt: skip
        rewarded = {"chosen": chosen, "rejected": rejected}
        found.append({"id": name, "label": "chosen", "prediction": said, "scores": rewarded,
                      "fields": fields})  # fmt: skip
    return found


def _judgements(
    test: EncodedVerdicts, tokenizer: PreTrainedTokenizerBase, rewards: Tensor
) -> list[dict[str, Any]]:
    """Return a line for each answer: what was said of it, and what it is worth to the model."""
    rows = zip(test.row_ids, test.answers.input_ids, test.answers.labels, test.good,
               rewards[:, 0].tolist(), strict=True)  # fmt: skip
    found = []
    for name, ids, labels, good, reward in rows:
        asked, answer = _texts(tokenizer, ids, labels)
        said = "good" if reward > 0 else "bad" if reward < 0 else "neither"
        found.append({"id": name, "label": "good" if good else "bad", "prediction": said,
                      "scores": {"reward": reward},
                      "fields": {"prompt": asked, "answer": answer}})  # fmt: skip
    return found


def _texts(
    tokenizer: PreTrainedTokenizerBase, ids: Sequence[int], labels: Sequence[int]
) -> tuple[str, str]:
    """Return what is read and what is judged of a row, as texts."""
    read = [token for token, label in zip(ids, labels, strict=True) if label == IGNORED]
    said = [token for token, label in zip(ids, labels, strict=True) if label != IGNORED]
    asked, answer = (tokenizer.decode(part, skip_special_tokens=True) for part in (read, said))
    return str(asked).strip(), str(answer).strip()


def _summary(result: dict[str, Any]) -> list[str]:
    lines = []
    for name, found in result["metrics"].items():
        line = f"{name} {found['value']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"
        line += f" on {found['n']} rows"
        if name in result["before"]:
            line += f"; before tuning {result['before'][name]['value']:.3f}"
        lines.append(line)
    return lines

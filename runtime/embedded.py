"""How an experiment ends that trained a model to embed: what its vectors find, before and after."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .conclude import summary_lines
from .data import Row
from .data.anchors import EncodedAnchors
from .evaluation.retrieval import measure_retrieval, ranks_of, scores_of
from .models import count_parameters
from .models.embedders import embed_all
from .records import Run
from .scoring import Gate
from .scoring.gates import enforce, judge, record_verdicts
from .scoring.statistics import paired_difference

__all__ = ["Search", "conclude_embedded"]

_STARTED = time.monotonic()  # imported first thing, so this is when the program began


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search for each test row's positive, among those of all rows and their negatives.

    `encoded` are the texts of `rows` as token ids. Equal texts are one candidate.
    """

    rows: Sequence[Row]
    encoded: EncodedAnchors
    pooling: str
    device: str = "cpu"

    def ranks(self, model: Any) -> tuple[list[int], list[str], list[float]]:
        """Return of each row the rank of its positive, and the nearest text with its cosine."""
        candidates, texts = self._candidates()
        places = {ids: place for place, ids in enumerate(candidates)}
        anchors = [one[0] for one in self.encoded.texts]
        vectors = embed_all(model, [*anchors, *candidates], self.pooling, self.device)
        first, second = vectors[: len(anchors)], vectors[len(anchors) :]
        right = [places[one[1]] for one in self.encoded.texts]
        near = (first @ second.T).max(dim=1)
        found = [texts[place] for place in near.indices.tolist()]
        return ranks_of(first, second, right), found, near.values.tolist()

    def _candidates(self) -> tuple[list[tuple[int, ...]], list[str]]:
        known: dict[tuple[int, ...], str] = {}
        for row, one in zip(self.rows, self.encoded.texts, strict=True):
            for name, ids in zip(("positive", "negative"), one[1:], strict=False):
                known.setdefault(ids, row.fields[name])
        return list(known), list(known.values())


def conclude_embedded(
    run: Run,
    model: Any,
    search: Search,
    before: Sequence[int],
    *,
    model_name: str,
    metrics: Sequence[str],
    confidence: float = 0.95,
    seed: int = 0,
    trained: EncodedAnchors,
    gates: Sequence[Gate] = (),
    tokens_seen: int = 0,
    train_seconds: float = 0.0,
    validation: dict[str, Any] | None = None,
) -> None:
    """Search with the trained model, write predictions and the result, and end the run.

    Args:
        before: the ranks that the model found before it was trained.
        model_name: what the model was before; its name in the record.
        metrics: of `RETRIEVAL`.
        trained: what was trained on, for its counts.

    The other arguments are those of :func:`conclude_headed`.

    Raises:
        SystemExit: with code 4, where a gate does not hold.
    """
    total, learned = count_parameters(model)
    began = time.monotonic()
    after, found, cosines = search.ranks(model)
    seconds = time.monotonic() - began
    run.write_predictions(_predictions(search, after, found, cosines, metrics))
    measured = measure_retrieval(metrics, after, confidence, seed)
    result: dict[str, Any] = {
        "model": model_name,
        "parameters": {"total": total, "trained": learned},
        "task": {"type": "embed", "rows": len(after)},
        "metrics": measured,
        "before": measure_retrieval(metrics, before, confidence, seed),
        "change": _change(metrics, before, after, confidence, seed),
        "train_rows": {
            "rows": len(trained),
            "tokens": sum(len(text) for texts in trained.texts for text in texts),
            "dropped_rows": trained.dropped,
            "cut_rows": trained.truncated,
        },
        "tokens": {
            "seen": tokens_seen,
            "read": sum(len(text) for texts in search.encoded.texts for text in texts),
        },
        "seconds": {
            "train": round(train_seconds, 3),
            "evaluate": round(seconds, 3),
            "total": round(time.monotonic() - _STARTED, 3),
        },
    }
    if validation is not None:
        result["validation"] = validation
    verdicts = judge(gates, {run.name: measured})
    run.finish(**result, **record_verdicts(run, verdicts))
    print("\n".join([*summary_lines(result), *_told(result)]), flush=True)
    enforce(verdicts)


def _change(
    metrics: Sequence[str],
    before: Sequence[int],
    after: Sequence[int],
    confidence: float,
    seed: int,
) -> dict[str, Any]:
    """Return of each measure how it differs from what it was, row by row."""
    found = {}
    for name in metrics:
        first, second = ([scores_of(r, [name])[name] for r in ranks] for ranks in (before, after))
        found[name] = paired_difference(first, second, confidence, seed).to_json()
    return found


def _predictions(
    search: Search,
    ranks: Sequence[int],
    found: Sequence[str],
    cosines: Sequence[float],
    metrics: Sequence[str],
) -> list[dict[str, Any]]:
    rows = zip(search.rows, ranks, found, cosines, strict=True)
    return [
        {
            "id": row.id,
            "label": row.fields["positive"],
            "prediction": near,
            "rank": rank,
            "cosine": cosine,
            "scores": scores_of(rank, metrics),
            "fields": dict(row.fields),
        }
        for row, rank, near, cosine in rows
    ]


def _told(result: dict[str, Any]) -> list[str]:
    return [
        f"before training: {name} {one['value']:.3f}; the change is {change['value']:+.3f} "
        f"[{change['low']:+.3f}, {change['high']:+.3f}]"
        for (name, one), change in zip(
            result["before"].items(), result["change"].values(), strict=True
        )
    ]

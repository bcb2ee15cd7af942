"""How an experiment ends that trained a model to embed: what its vectors find, before and after."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from .data import Row
from .data.anchors import PARTS, AnchorEncoder, EncodedAnchors
from .ending import end_measured, present, spent
from .evaluation.retrieval import Found, measure_retrieval, scores_of, search
from .models import count_parameters
from .models.embedders import embed_all
from .records import Run
from .scoring import Gate
from .scoring.statistics import paired_difference

__all__ = ["Search", "conclude_embedded"]


class Search:
    """A search for each row's positive, among those of all rows and their negatives.

    Longer texts are cut, as by whoever uses the saved model. Equal texts are one candidate; where
    an anchor has several positives, each is looked for without the others.
    """

    def __init__(
        self, rows: Sequence[Row], encoder: AnchorEncoder, *, pooling: str, device: str = "cpu"
    ) -> None:
        self.rows, self.pooling, self.device = rows, pooling, device
        self.encoded = encoder.encode(rows, too_long="cut", too_long_at_most=1.0)

    def find(self, model: Any) -> list[Found]:
        """Return what each row's anchor finds; places are those of `candidates`."""
        candidates = self._candidates()
        places = {ids: place for place, ids in enumerate(candidates)}
        anchors = [one[0] for one in self.encoded.texts]
        right = [places[one[1]] for one in self.encoded.texts]
        same: dict[tuple[int, ...], set[int]] = defaultdict(set)
        for anchor, place in zip(anchors, right, strict=True):
            same[anchor].add(place)
        vectors = embed_all(model, [*anchors, *candidates], self.pooling, self.device)
        first, second = vectors[: len(anchors)], vectors[len(anchors) :]
        return search(first, second, right, [same[anchor] for anchor in anchors])

    def candidates(self) -> list[str]:
        """Return the texts that are searched, as the rows have them."""
        return list(self._candidates().values())

    def _candidates(self) -> dict[tuple[int, ...], str]:
        known: dict[tuple[int, ...], str] = {}
        for row, one in zip(self.rows, self.encoded.texts, strict=True):
            for name, ids in zip(PARTS[1:], one[1:], strict=False):
                known.setdefault(ids, row.fields[name])
        return known


def conclude_embedded(
    run: Run,
    model: Any,
    search: Search,
    before: Sequence[Found],
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
        before: what the model found before it was trained.
        model_name: what the model was before; its name in the record.
        metrics: of `RETRIEVAL`.
        trained: what was trained on, for its counts.

    The other arguments are those of :func:`conclude_headed`.

    Raises:
        SystemExit: with code 4, where a gate does not hold.
    """
    total, learned = count_parameters(model)
    began = time.monotonic()
    after, texts = search.find(model), search.candidates()
    seconds = time.monotonic() - began
    run.write_predictions(_predictions(search, after, texts, metrics))
    ranks = [[one[0] for one in found] for found in (before, after)]
    result: dict[str, Any] = {
        "model": model_name,
        "parameters": {"total": total, "trained": learned},
        "task": {
            "type": "embed",
            "rows": len(after),
            "candidates": len(texts),
            "cut_rows": search.encoded.truncated,
        },
        "metrics": measure_retrieval(metrics, ranks[1], confidence, seed),
        "before": measure_retrieval(metrics, ranks[0], confidence, seed),
        "change": _change(metrics, ranks[0], ranks[1], confidence, seed),
        "train_rows": {
            "rows": len(trained),
            "tokens": _tokens(trained),
            "dropped_rows": trained.dropped,
            "cut_rows": trained.truncated,
        },
        "tokens": {"seen": tokens_seen, "read": _tokens(search.encoded)},
        "seconds": spent(train=train_seconds, evaluate=seconds),
        **present(validation=validation),
    }
    end_measured(run, result, _summary(result), gates)


def _tokens(rows: EncodedAnchors) -> int:
    return sum(len(text) for texts in rows.texts for text in texts)


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
    search: Search, found: Sequence[Found], texts: Sequence[str], metrics: Sequence[str]
) -> list[dict[str, Any]]:
    rows = zip(search.rows, found, strict=True)
    return [
        {
            "id": row.id,
            "label": row.fields["positive"],
            "prediction": texts[near],
            "rank": rank,
            "cosine": cosine,
            "scores": scores_of(rank, metrics),
            "fields": dict(row.fields),
        }
        for row, (rank, near, cosine) in rows
    ]


def _summary(result: dict[str, Any]) -> list[str]:
    lines = []
    for name, one in result["metrics"].items():
        before, change = result["before"][name]["value"], result["change"][name]
        lines.append(
            f"{name} {one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}] on {one['n']} rows; "
            f"before tuning {before:.3f}, change {change['value']:+.3f} "
            f"[{change['low']:+.3f}, {change['high']:+.3f}]"
        )
    return lines

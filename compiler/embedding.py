"""Task `embed` and objective `contrastive`: a model that gives texts vectors.

The loss stands in ``runtime/training/contrastive.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

COLUMNS = {"anchor": "anchor", "positive": "positive"}
"""What a row holds where `data.columns` is left out; a column of negatives is always named."""

NAMES = (*COLUMNS, "negative")
"""The names that `data.columns` may give columns to."""

METRICS = ("recall_at_1", "recall_at_5", "recall_at_10", "mrr", "ndcg_at_10")
"""Measures of a search for each test row's positive."""


@dataclass(frozen=True, slots=True)
class EmbedSpec:
    """How a text becomes a vector: ``pooling`` is `mean`, `cls` or `last`."""

    pooling: str
    query_prefix: str
    document_prefix: str


@dataclass(frozen=True, slots=True)
class ContrastiveSpec:
    """InfoNCE over the rows of an optimizer step, of cosines over ``temperature``."""

    temperature: float
    symmetric: bool
    type: ClassVar[str] = "contrastive"


def build_embed(data: dict[str, Any]) -> EmbedSpec | None:
    """Return what a task says of vectors; None of any other task."""
    if data["type"] != "embed":
        return None
    return EmbedSpec(data["pooling"], data["query_prefix"], data["document_prefix"])


def build_contrastive(data: dict[str, Any]) -> ContrastiveSpec:
    """Return the typed objective of filled, schema-valid ``data``."""
    return ContrastiveSpec(float(data["temperature"]), data["symmetric"])


def contrastive_lines(said: ContrastiveSpec, embed: EmbedSpec | None) -> list[tuple[str, str]]:
    """Return what a plan says of what is learned."""
    ways = "both ways" if said.symmetric else "from the anchor"
    lines = [("objective", f"contrastive, {ways}, temperature {said.temperature:g}")]
    if embed is not None:
        pooled = {"mean": "mean of all tokens", "cls": "first token", "last": "last token"}
        lines.append(("vector", pooled[embed.pooling]))
    return lines

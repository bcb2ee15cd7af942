"""What the user said of a new head, typed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HeadSpec:
    """New layers on a pretrained model; ``dropout`` None leaves what the model's config says."""

    type: str
    dropout: float | None = None


HEADED = frozenset(("regress", "tag"))
"""Tasks that are answered by a head and by nothing else."""

SEQUENCE_METHODS = frozenset(("prompt", "prefix", "p-tuning", "adalora"))
"""Methods that are made for models that write, and train no head."""


def iob(labels: tuple[str, ...]) -> bool:
    """Tell whether labels of words are IOB2: ``O``, ``B-KIND`` and ``I-KIND``."""
    marked = [label.partition("-") for label in labels if label != "O"]
    return "O" in labels and bool(marked) and all(m in ("B", "I") and k for m, _, k in marked)

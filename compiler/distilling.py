"""Objective `distill`: what a larger model holds likely is learned beside the rows' own tokens.

The loss stands in ``runtime/training/distill.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from .spec import ModelRef, SftSpec


@dataclass(frozen=True, slots=True)
class DistillSpec(SftSpec):
    """As `sft` on the same tokens, with a teacher.

    ``alpha`` is the weight of the teacher, from 0 to 1; ``divergence`` is `forward` or `reverse`.
    """

    teacher: ModelRef
    temperature: float
    alpha: float
    divergence: str
    type: ClassVar[str] = "distill"


def build_distill(data: dict[str, Any]) -> DistillSpec:
    """Return the typed objective of filled, schema-valid ``data``."""
    teacher = ModelRef(data["teacher"]["path"], data["teacher"].get("revision"))
    return DistillSpec(
        data["train_on"],
        data["train_end"],
        teacher,
        float(data["temperature"]),
        float(data["alpha"]),
        data["divergence"],
    )


def teacher_lines(said: SftSpec) -> list[tuple[str, str]]:
    """Return what a plan says of the teacher, if there is one."""
    if not isinstance(said, DistillSpec):
        return []
    at = f" at {said.teacher.revision}" if said.teacher.revision else ""
    text = (
        f"{said.teacher.path}{at}, weight {said.alpha:g}, {said.divergence} KL divergence "
        f"at temperature {said.temperature:g}"
    )
    return [("teacher", text)]

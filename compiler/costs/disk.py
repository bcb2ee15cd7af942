"""What a training leaves on the disk: checkpoints, and the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .activations import FULL
from .memory import optimizer_bytes, setting_of

if TYPE_CHECKING:
    from ..plan import FinetunePlan, PretrainPlan
    from .parameters import Known


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes: of a checkpoint, which is in so many ``parts``, each a file of a process; of ``most``
    checkpoints at a time, the one that is being written among them; and of the saved model."""

    checkpoint: int
    parts: int
    most: int
    model: int


def disk(plan: FinetunePlan | PretrainPlan, known: Known) -> Disk | None:
    """Return the sizes for a model whose shape is known; a checkpoint holds what is trained."""
    setting = setting_of(plan)
    if setting is None or known.shape is None or known.tuned is None:
        return None
    shape, how = known.shape, known.tuned
    one = FULL * how.trained + optimizer_bytes(shape, how, setting)
    count = plan.kept.keep + 1 + (plan.kept.use == "best")
    return Disk(
        one,
        max(1, setting.parts) * setting.together,
        count * one,
        FULL * how.base + FULL * how.added,
    )

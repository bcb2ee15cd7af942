"""Language 1 to language 2.

``micro_batch`` changes memory and speed, not the result, so it went to the machine, which may now
be a profile with changes. ``weight_decay`` went to the optimizer that it belongs to.
"""

from __future__ import annotations

from .moves import Move, Step

STEP = Step(
    1,
    2,
    (
        Move(("train", "micro_batch"), ("hardware", "micro_batch"), ("profile", "local")),
        Move(("train", "weight_decay"), ("train", "optimizer", "weight_decay"), ("type", "adamw")),
    ),
)

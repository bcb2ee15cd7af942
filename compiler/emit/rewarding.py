"""What the template of reward models is given."""

from __future__ import annotations

from typing import Any

from ..methods import adapter
from ..plan import FinetunePlan
from ..preferences import PreferenceSpec
from .asking import gates_of
from .context import tuned_context
from .heads import saved_modules


def reward_context(plan: FinetunePlan) -> dict[str, Any]:
    """The names that ``reward.py.j2`` uses."""
    said = plan.objective
    assert isinstance(said, PreferenceSpec)
    return {
        **tuned_context(plan),
        "format": plan.common.data.format,
        "centering": said.options["centering"],
        "peft_task": "SEQ_CLS",
        "saved_modules": saved_modules(adapter(plan.method)),
        "gates": gates_of(plan.common.evaluate.gates),
    }

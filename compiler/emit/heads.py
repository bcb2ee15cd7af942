"""What the template of a model with a head is given beside what every training has."""

from __future__ import annotations

from typing import Any

from ..methods import Adapter, adapter
from ..plan import FinetunePlan

TASK_TYPES = {"classify": "SEQ_CLS", "regress": "SEQ_CLS", "tag": "TOKEN_CLS"}
"""The names of peft."""


def head_context(plan: FinetunePlan) -> dict[str, Any]:
    """The names that ``head.py.j2`` uses for the head and for the part that is trained."""
    assert plan.head is not None and plan.common.task is not None, "there is a head, and its task"
    task, method = plan.common.task.type, plan.method
    cached = method.type == "head"
    added = adapter(method)
    return {
        "head": plan.head,
        "numbers": task == "regress",
        "words": task == "tag",
        "cached": cached,
        "peft_task": TASK_TYPES[task],
        "saved_modules": saved_modules(added),
        "rows_class": "FeatureRows" if cached else "TargetRows",
        # a frozen backbone may be kept short; weights that are trained stay in fp32
        "dtype": plan.common.hardware.precision if added or cached else "fp32",
    }


def saved_modules(added: Adapter | None) -> list[str]:
    """Return the modules that are trained whole beside the head."""
    return list(dict(added.arguments).get("modules_to_save") or ()) if added else []

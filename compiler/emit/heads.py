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
        "saved_modules": _saved(added),
        "rows_class": "FeatureRows" if cached else "TargetRows",
        # a frozen backbone may be kept short; weights that are trained stay in fp32
        "dtype": plan.common.hardware.precision if added or cached else "fp32",
        "training_names": _training_names(plan, cached),
        "data_names": ["TargetEncoder", "load_rows", *([] if task == "tag" else ["Prompt"])],
        "model_names": [
            "load_headed",
            "load_tokenizer",
            "save_model",
            *(["Backbone"] if cached else []),
            *(["head_modules", "peft_errors"] if added else []),
            *(["freeze"] if method.type == "freeze" else []),
        ],
    }


def _training_names(plan: FinetunePlan, cached: bool) -> list[str]:
    """What the program imports from `nivel.runtime.training`."""
    faster = plan.method.options.get("learning_rate_ratio")
    always = "Checkpoints Recorder StepSeed batches_done count_steps make_trainer step_loader"
    return [
        *always.split(),
        "FeatureRows" if cached else "TargetRows",
        f"{plan.optimizer.schedule.type}_schedule",
        "loraplus_groups" if faster else "parameter_groups",
        "target_loss",
        *(["Validation"] if plan.kept.validates else []),
    ]


def _saved(added: Adapter | None) -> list[str]:
    """Return the modules that are trained whole beside the head."""
    return list(dict(added.arguments).get("modules_to_save") or ()) if added else []

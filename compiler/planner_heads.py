"""FinetuneSpec -> the head of its plan, and the measures of tasks that have one."""

from __future__ import annotations

from .spec import FinetuneSpec, MetricSpec, TaskSpec
from .spec_heads import HEADED, HeadSpec, iob


def plan_head(spec: FinetuneSpec) -> HeadSpec | None:
    """Return the head that is trained: the one said, or the one that the task cannot do without."""
    return spec.head or (HeadSpec("native") if spec.task.type in HEADED else None)


def head_metrics(task: TaskSpec) -> tuple[MetricSpec, ...]:
    """Return the measures of a task whose spec names none; entities only of IOB2 labels."""
    names = {
        "regress": ("mae", "rmse", "pearson", "spearman"),
        "tag": ("token_accuracy", "entity_f1")[: 2 if iob(task.labels) else 1],
    }[task.type]
    return tuple(MetricSpec(name) for name in names)

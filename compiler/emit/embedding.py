"""What the template of models that embed is given."""

from __future__ import annotations

from typing import Any

from ..embedding import ContrastiveSpec
from ..plan import FinetunePlan
from .asking import gates_of
from .context import tuned_context

PREFIXES = ("query_prefix", "document_prefix")


def embedding_context(plan: FinetunePlan) -> dict[str, Any]:
    """The names that ``embed.py.j2`` uses."""
    said, task = plan.objective, plan.common.task
    assert isinstance(said, ContrastiveSpec) and task is not None and task.embed is not None
    return {
        **tuned_context(plan),
        "objective": said,
        "embed": task.embed,
        "prefixes": [name for name in PREFIXES if getattr(task.embed, name)],
        "gates": gates_of(plan.common.evaluate.gates),
    }

"""How many answers a spec asks for, where that can be told without running it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .emit.asking import writes_answers
from .plan import PromptPlan
from .rules.base import Context
from .rules.rows import peek
from .words import plural

if TYPE_CHECKING:
    from .check import Checked
    from .plan import Plan


def calls_line(plan: Plan, checked: Checked) -> tuple[str, str] | None:
    """Return a line of the plan, or None where nothing is asked or the rows cannot be counted."""
    if not isinstance(plan, PromptPlan) or not writes_answers(plan):
        return None
    rows = count_rows(checked)
    if rows is None:
        return None
    ways, models = len(plan.variants), len(plan.models)
    parts = [plural(rows, "row")]
    parts += [plural(models, "model")] if models > 1 else []
    parts += [plural(ways, "variant")] if ways > 1 else []
    parts += [plural(plan.repeats, "repeat")] if plan.repeats > 1 else []
    return "calls", f"{rows * ways * models * plan.repeats:,} = " + " x ".join(parts)


def count_rows(checked: Checked) -> int | None:
    """Return how many test rows a sound spec has; None where only the run can know."""
    if checked.document is None or checked.level is None or checked.filled is None:
        return None
    context = Context(checked.document, checked.level, checked.filled, frozenset(), checked.project)
    found, source = peek(context, "test"), context.get("data", "test") or {}
    limit: int | None = source.get("limit")
    if found is None or found.count is None:
        return None
    if source.get("balance"):
        return limit  # that it can be balanced is checked; without a limit the rarest label decides
    return found.count if limit is None else min(limit, found.count)

"""What a plan needs before it is run, whole: the one entrance to this package."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ..plan import PretrainPlan, to_json
from .parameters import Counted, count
from .text import Line, by_part, parameter_lines

if TYPE_CHECKING:
    from ..check import Checked
    from ..plan import Plan


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is known before anything is started; what cannot be known is None, with the reason."""

    models: tuple[Counted, ...]


def estimate(plan: Plan, checked: Checked) -> Estimate:
    """Return what ``plan`` needs. Files are looked up in the project of ``checked``."""
    known = count(plan, checked.project)
    return Estimate(tuple(each.counted for each in known))


def estimate_lines(plan: Plan, found: Estimate) -> list[Line]:
    """Return the lines that `nivel plan` shows of an estimate."""
    if isinstance(plan, PretrainPlan):  # whose total the plan itself says
        return [("by part", by_part(model)) for model in found.models]
    several = len(found.models) > 1
    return [line for model in found.models for line in parameter_lines(model, several)]


def with_estimate(plan: Plan, found: Estimate) -> str:
    """Return the plan as JSON, with the estimate under its own key."""
    body: dict[str, Any] = {**json.loads(to_json(plan)), "estimate": asdict(found)}
    return json.dumps(body, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

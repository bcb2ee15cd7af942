"""What a plan needs before it is run, whole: the one entrance to this package."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ..defaults import fill_static
from ..plan import FinetunePlan, PretrainPlan, to_json
from ..scaling import Choice
from ..sizes import chosen
from ..spec import PreferenceSpec
from .compute import Compute, compute
from .disk import Disk, disk
from .fit import measure
from .fit_spec import device_of
from .memory import Memory, setting_of
from .parameters import Counted, Known, count
from .price import Price, price
from .text import (
    Line,
    by_part,
    compute_lines,
    disk_lines,
    memory_lines,
    parameter_lines,
    price_lines,
    scaling_lines,
)

if TYPE_CHECKING:
    from ..check import Checked
    from ..devices import Device
    from ..plan import Plan
    from .verified import Verdict


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is known before anything is started; what cannot be known is None, with the reason."""

    models: tuple[Counted, ...]
    compute: Compute | None = None
    memory: Memory | None = None
    device: Device | None = None
    price: Price | None = None
    scaling: Choice | None = None
    disk: Disk | None = None


def estimate(plan: Plan, checked: Checked) -> Estimate:
    """Return what ``plan`` needs. Files are looked up in the project of ``checked``."""
    known = count(plan, checked.project)
    models = tuple(each.counted for each in known)
    if not isinstance(plan, FinetunePlan | PretrainPlan):
        return Estimate(models)
    (one,), device = known, device_of(checked)
    work = _compute(plan, one)
    total = None if work is None else work.total_flops
    cost = None if work is None else price(total, device, plan.common.hardware.processes)
    return Estimate(
        models, work, measure(plan, one), device, cost, _scaling(checked), disk(plan, one)
    )


def _scaling(checked: Checked) -> Choice | None:
    """Return how a budget became sizes, once more from what is written."""
    data = checked.document.data if checked.document is not None else {}
    if checked.level != "pretrain" or "budget" not in (data.get("model") or {}):
        return None
    return chosen(fill_static("pretrain", data))


def _compute(plan: FinetunePlan | PretrainPlan, known: Known) -> Compute | None:
    setting = setting_of(plan)
    if setting is None or known.shape is None or known.tuned is None:
        return None
    return compute(plan, known.shape, known.tuned, setting.length, setting.predicted)


def estimate_lines(plan: Plan, found: Estimate) -> list[Line]:
    """Return the lines that `nivel plan` shows of an estimate."""
    several = len(found.models) > 1
    lines = [line for model in found.models for line in parameter_lines(model, several)]
    if isinstance(plan, PretrainPlan):  # whose total the plan itself says
        lines = [("by part", by_part(model)) for model in found.models]
    if found.scaling is not None:
        lines = scaling_lines(found.scaling) + lines
    if found.compute is not None:
        lines += compute_lines(found.compute)
    elif isinstance(plan, FinetunePlan) and isinstance(plan.objective, PreferenceSpec):
        lines.append(("memory", f"unknown: objective {plan.objective.type} is not counted"))
    if found.memory is not None:
        lines += memory_lines(found.memory, found.device)
    if found.disk is not None:
        lines += disk_lines(found.disk)
    if found.price is not None:
        lines += price_lines(found.price)
    return lines


def with_estimate(plan: Plan, found: Estimate, verified: Verdict | None = None) -> str:
    """Return the plan as JSON, with the estimate, and what was measured, under their own keys."""
    body: dict[str, Any] = {**json.loads(to_json(plan)), "estimate": asdict(found)}
    if verified is not None:
        body["verified"] = asdict(verified)
    return json.dumps(body, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

"""Which strategy devices take where the spec leaves it open, and where the whole is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..plan import FinetunePlan, Plan, PretrainPlan
from ..planner import make_plan
from ..sharding import refused
from .fit import measure
from .memory import GIB, LIBRARIES
from .parameters import Known, count

if TYPE_CHECKING:
    from ..check import Checked

Trained = FinetunePlan | PretrainPlan


def planned(checked: Checked) -> Plan:
    """Plan a sound spec for the devices it names, with what follows from their memory."""
    from .fit_spec import device_of

    assert checked.spec is not None
    plan = make_plan(checked.spec)
    if not isinstance(plan, Trained) or plan.common.hardware.processes == 1:
        return plan
    device = device_of(checked)
    if device is None or device.memory_gib is None:
        return plan
    (known,) = count(plan, checked.project)
    room = device.memory_gib * GIB
    return _asked_where(_shared(plan, known, room, checked), known, room)


def in_parts(plan: Trained, sharding: str = "full") -> Trained:
    """Return the plan with strategy `fsdp`."""
    hardware = replace(plan.common.hardware, strategy="fsdp", sharding=sharding)
    return replace(plan, common=replace(plan.common, hardware=hardware))


def can_share(checked: Checked) -> bool:
    """Whether the spec asks for nothing that a model in parts cannot do."""
    assert checked.level is not None

    def get(*path: str) -> Any:
        found: Any = checked.filled
        for step in path:
            found = found.get(step) if isinstance(found, dict) else None
        return found

    return next(refused(checked.level, get), None) is None


def _shared(plan: Trained, known: Known, room: float, checked: Checked) -> Trained:
    """Take the model apart where the whole does not fit, and its parts do."""
    assert checked.spec is not None
    if checked.spec.hardware.strategy is not None:
        return plan
    whole = measure(plan, known)
    if whole is None or whole.high <= room or not can_share(checked):
        return plan
    other = in_parts(plan)
    parts = measure(other, known)
    return other if parts is not None and parts.high <= room else plan


def _asked_where(plan: Trained, known: Known, room: float) -> Trained:
    """Have a model that no device holds whole, beside its parts, asked on the CPU."""
    hardware, needed = plan.common.hardware, measure(plan, known)
    if not hardware.in_parts or needed is None or known.tuned is None:
        return plan
    own = needed.weights + needed.gradients + needed.optimizer + LIBRARIES[hardware.accelerator]
    if own + 4 * known.tuned.total <= room:
        return plan
    return replace(plan, common=replace(plan.common, hardware=replace(hardware, whole_on="cpu")))

"""The question of :mod:`.fit` asked of a spec: its device, and what a changed spec would need."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ..check import Checked, check
from ..devices import BUILT_IN, Device, find_device, with_own_figures
from ..diagnostics import Diagnostic
from ..plan import FinetunePlan, Plan, PretrainPlan
from .fit import check_fit
from .parameters import Known, count
from .strategy import can_share, planned

if TYPE_CHECKING:
    from ..overrides import Overrides

MEMORY = "/proc/meminfo"
"""Where Linux says how much memory a machine has, in its first line, in KiB."""


def checked_fit(
    plan: Plan, checked: Checked, path: str, overrides: Overrides | None
) -> Diagnostic | None:
    """Return NV405 where a plan that trains does not fit the device it names."""
    if not isinstance(plan, FinetunePlan | PretrainPlan) or checked.document is None:
        return None
    device = device_of(checked)
    if device is None or device.memory_gib is None:
        return None
    (known,) = count(plan, checked.project)
    again = partial(_again, path, overrides)
    return check_fit(plan, known, device, checked.document, again, shares=can_share(checked))


def device_of(checked: Checked) -> Device | None:
    """Return the device that a sound spec names; of this machine, what its CPU can hold."""
    spec = checked.spec
    assert spec is not None
    machine = spec.hardware
    if machine.profile in BUILT_IN:
        here = machine.profile == "local" and machine.accelerator == "cpu"
        known = Device("local", "this machine", own_memory()) if here else None
        return with_own_figures(known, machine.profile, checked.project)
    found = find_device(machine.profile, checked.project)
    return found[0] if found else None


def own_memory(file: str = MEMORY) -> float | None:
    """Return the memory of this machine in GiB, or None where the system does not say."""
    try:
        with open(file, encoding="ascii") as lines:
            return int(lines.readline().split()[1]) / 2**20
    except (OSError, ValueError, IndexError):
        return None


def _again(
    path: str, overrides: Overrides | None, more: tuple[str, ...]
) -> tuple[Plan, Known] | None:
    from ..overrides import Overrides

    sets = (*(overrides.sets if overrides else ()), *more)
    changed = Overrides(sets, overrides.hardware if overrides else None)
    checked = check(path, overrides=changed)
    if checked.spec is None:
        return None
    plan = planned(checked)
    return plan, count(plan, checked.project)[0]

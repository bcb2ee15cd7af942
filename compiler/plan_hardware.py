"""Lines of `nivel plan` on the machines, and on how their devices share the work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .launching import launch_lines
from .words import plural

if TYPE_CHECKING:
    from .plan import HardwarePlan

Line = tuple[str, str]

_SHARING = {
    "full": "each device holds a part of the model, its gradients and its optimizer state",
    "gradients": "each device holds a part; blocks stay together until the way back",
    "hybrid": "each machine holds a copy of the model, in parts among its devices",
}


def hardware_lines(hardware: HardwarePlan) -> list[Line]:
    """Say the devices, their strategy, precision and threads; of several machines, how many."""
    threads = f", {hardware.threads} threads" if hardware.threads else ""
    strategy = "single device" if hardware.strategy == "auto" else hardware.strategy
    count = f"{hardware.devices} x {hardware.accelerator}"
    if hardware.nodes > 1:
        count = f"{hardware.nodes} machines x {count}"
    lines = [("hardware", f"{count}, {strategy}, {hardware.precision}{threads}")]
    if hardware.nodes > 1:
        together = plural(hardware.processes, "device")
        begun = "Ray" if hardware.launch and hardware.launch.ray else None
        begun = f"{begun} starts the program" if begun else "the program has to be started"
        lines.append(("", f"{together}; {begun} on every machine"))
    lines += launch_lines(hardware.launch)
    if hardware.strategy == "tensor":
        cut = hardware.tensor_parallel
        text = f"{cut} devices compute the same rows, each with a slice of every matrix"
        lines.append(("together", text))
    if hardware.sharding is not None and hardware.processes > hardware.tensor_parallel:
        text = _SHARING[hardware.sharding]
        lines.append(("in parts", text + ("; in the CPU's memory" if hardware.offload else "")))
    if hardware.whole_on != hardware.accelerator:
        lines.append(("asked", "on the CPU: no device holds the trained model in one piece"))
    return lines

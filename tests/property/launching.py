"""What has to agree between the keys of a drawn spec that say what starts its processes."""

from __future__ import annotations

from typing import Any


def settle_launcher(hardware: dict[str, Any]) -> None:
    """Each launcher has its keys, and a job of Slurm is longer than its warning."""
    launcher = hardware.get("launcher", "lightning")
    if launcher == "lightning":
        hardware.pop("restarts", None)
    if launcher != "slurm":
        hardware.pop("slurm", None)
    asked = hardware.get("slurm", {})
    if "time" in asked:
        asked["time"] = "7-00:00:00"
    if "stop_before" in asked:
        asked["stop_before"] = 10 + asked["stop_before"] % 100

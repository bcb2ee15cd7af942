"""What has to agree between the keys of a drawn spec that say what starts its processes."""

from __future__ import annotations

from typing import Any


def settle_workers(hardware: dict[str, Any], spec: dict[str, Any]) -> None:
    """Level prompt has several devices under Ray alone, where local models write answers."""
    task = spec["task"]
    writes = task["type"] in ("generate", "extract") or task.get("scoring") == "generated"
    local = [one for one in (spec.get("model"), *spec.get("models", {}).values()) if one]
    if not writes or task["type"] == "chat" or all("endpoint" in model for model in local):
        hardware.pop("launcher", None)
    if hardware.get("launcher") != "ray":
        hardware.pop("devices", None)


def settle_launcher(hardware: dict[str, Any]) -> None:
    """Each launcher has its keys, and a job of Slurm is longer than its warning."""
    launcher = hardware.get("launcher", "lightning")
    if launcher == "lightning":
        hardware.pop("restarts", None)
    if launcher != "slurm":
        hardware.pop("slurm", None)
    if launcher != "ray":
        hardware.pop("ray", None)
    workers = hardware.get("ray", {})
    if hardware.get("accelerator", hardware.get("profile", "local")) != "cuda":
        workers.pop("gpu_type", None)
    if "resources" in workers:
        workers["resources"] = {"fast_disk": 1.5}  # names are the cluster's
    asked = hardware.get("slurm", {})
    if "time" in asked:
        asked["time"] = "7-00:00:00"
    if "stop_before" in asked:
        asked["stop_before"] = 10 + asked["stop_before"] % 100

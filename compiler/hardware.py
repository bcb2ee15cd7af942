"""The machines a spec can name, and a look at this one without importing torch."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from .devices import split_name
from .launching import read_slurm
from .launching_ray import read_ray
from .machine import HardwareSpec

_WHOLE = {"devices", "threads", "micro_batch", "nodes", "restarts", "tensor_parallel"}
GPU_FOLDER = "/proc/driver/nvidia/gpus"
"""Where the Linux driver lists one folder per GPU."""


def resolve_hardware(said: str | dict[str, Any]) -> HardwareSpec:
    """Turn a profile, or a profile and what differs from it, into a machine."""
    if isinstance(said, str):
        return read_profile(said)
    changes = {key: value for key, value in said.items() if key != "profile"}
    for key in _WHOLE & changes.keys():
        changes[key] = int(changes[key])
    if "slurm" in changes:
        changes["slurm"] = read_slurm(changes["slurm"])
    if "ray" in changes:
        changes["ray"] = read_ray(changes["ray"])
    return replace(read_profile(said.get("profile", "cpu")), **changes)


def read_profile(name: str) -> HardwareSpec:
    """Return the machine called ``name``; ``local`` looks at this one.

    A name that is not built in is that of a device, such as ``h100x8``; a rule says if there is
    none of that name.
    """
    if name not in ("local", "cpu"):  # one of torch's `cuda`, which AMD's are too
        return HardwareSpec(name, "cuda", split_name(name)[1], "bf16", None, None)
    gpus = count_gpus() if name == "local" else 0
    if gpus:
        return HardwareSpec(name, "cuda", gpus, "bf16", None, None)
    return HardwareSpec(name, "cpu", 1, "fp32", None, None)


def count_gpus(folder: str = GPU_FOLDER) -> int:
    """Return how many NVIDIA GPUs this machine's driver lists; 0 without a driver."""
    try:
        return len(os.listdir(folder))
    except OSError:
        return 0

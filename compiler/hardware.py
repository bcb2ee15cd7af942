"""The machines a spec can name, and a look at this one without importing torch."""

from __future__ import annotations

import os
from typing import Any

from .spec import HardwareSpec

PROFILES = ("local", "cpu", "cuda")
GPU_FOLDER = "/proc/driver/nvidia/gpus"
"""Where the Linux driver lists one folder per GPU."""


def resolve_hardware(said: str | dict[str, Any]) -> HardwareSpec:
    """Turn a profile name or a complete map into a machine; ``local`` looks at this one."""
    if isinstance(said, dict):
        threads = said.get("threads")
        return HardwareSpec(None, said["accelerator"], int(said["devices"]), said["precision"],
                            None if threads is None else int(threads))  # fmt: skip
    gpus = {"local": count_gpus(), "cuda": 1}.get(said, 0)
    if gpus:
        return HardwareSpec(said, "cuda", gpus, "bf16", None)
    return HardwareSpec(said, "cpu", 1, "fp32", None)


def count_gpus(folder: str = GPU_FOLDER) -> int:
    """Return how many NVIDIA GPUs this machine's driver lists; 0 without a driver."""
    try:
        return len(os.listdir(folder))
    except OSError:
        return 0

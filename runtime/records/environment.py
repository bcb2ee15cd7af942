"""Where a run ran: interpreter, machine and library versions."""

import os
import platform
import sys
from importlib import metadata
from typing import Any

LIBRARIES = (
    "nivel", "torch", "transformers", "tokenizers", "peft", "lightning", "datasets",
    "numpy", "safetensors", "matplotlib",
)  # fmt: skip


def describe_environment() -> dict[str, Any]:
    """Return a record of this process's environment, without any environment variable."""
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu_count": os.cpu_count(),
        "libraries": {name: version for name in LIBRARIES if (version := _version(name))},
        "torch": _torch_facts(),
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _torch_facts() -> dict[str, Any] | None:
    """Return what torch says of this machine, where the program has loaded it already."""
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return {
        "version": str(torch.__version__),
        "threads": torch.get_num_threads(),
        "cuda": torch.version.cuda,
        "gpus": [torch.cuda.get_device_name(index) for index in range(gpus)],
    }

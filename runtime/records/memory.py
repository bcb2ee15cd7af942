"""The most memory that this process held at once, of the machine and of a GPU."""

import sys
from pathlib import Path

STATUS = Path("/proc/self/status")


def peak_memory() -> dict[str, int | None]:
    """Return bytes: `rss`, resident at once, and `cuda`, allocated by torch at once on one GPU.

    It is this process's own: with several devices that of the first. A part that the system does
    not tell is None. `VmHWM` belongs to the program alone, whereas `getrusage` may go back to the
    program that started it.
    """
    return {"rss": _high_water() or _usage(), "cuda": _cuda()}


def most_held() -> int | None:
    """Return the most bytes held so far where it matters: on the GPU that is used, or else here."""
    found = peak_memory()
    return found["cuda"] or found["rss"]


def _high_water() -> int | None:
    try:
        lines = STATUS.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    found = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(found[0]) * 1024 if found and found[0].isdigit() else None


def _usage() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _cuda() -> int | None:
    """Return what torch says, where the program has loaded it and uses a GPU."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return None
    return int(torch.cuda.max_memory_allocated())

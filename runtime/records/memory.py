"""The most memory that this process held at once, of the machine and of a GPU."""

import ctypes
import gc
import sys
from contextlib import suppress
from pathlib import Path

STATUS = Path("/proc/self/status")
MAPS = Path("/proc/self/maps")
FORGET = Path("/proc/self/clear_refs")

_before: dict[str, int] = {}  # the most until `start_over`


def peak_memory() -> dict[str, int | None]:
    """Return bytes: `rss`, resident at once, and `cuda`, allocated by torch at once on one GPU.

    It is this process's own: with several devices that of the first. A part that the system does
    not tell is None. `VmHWM` belongs to the program alone, whereas `getrusage` may go back to the
    program that started it.
    """
    since = peak_since()
    return {
        kind: most if most is None else max(most, _before.get(kind, 0))
        for kind, most in since.items()
    }


def peak_since() -> dict[str, int | None]:
    """Return the same since `start_over`; `rss` since the start where Linux does not forget."""
    return {"rss": _high_water() or _usage(), "cuda": _cuda()}


def start_over() -> None:
    """Measure `peak_since` from here on; `peak_memory` stays that of the whole process.

    What the C library holds of memory that is no longer used goes back to the system before.
    """
    _give_back()
    _before.update({kind: most for kind, most in peak_memory().items() if most is not None})
    with suppress(OSError):  # not there, or not allowed
        FORGET.write_text("5", encoding="ascii")
    if (torch := sys.modules.get("torch")) is not None and _cuda() is not None:
        torch.cuda.reset_peak_memory_stats()


def _give_back() -> None:
    """Have glibc, or tcmalloc, give back its free memory; other allocators have no such call."""
    gc.collect()
    for call in ("malloc_trim", "MallocExtension_ReleaseFreeMemory"):
        with suppress(OSError, AttributeError):
            getattr(ctypes.CDLL(None), call)(0)


def allocator() -> str | None:
    """Name what gives this process its memory: `system` is the C library's; None is not known."""
    try:
        loaded = MAPS.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    known = ("tcmalloc", "jemalloc", "mimalloc")
    return next((name for name in known if f"/lib{name}" in loaded), "system")


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

"""The allocator that programs take their memory from, where the machine has a better one.

Torch asks the C library for each tensor at an address that 64 divides. glibc (2.36) takes a block
larger than that and cuts it, so a freed block of the same size does not serve again, and its heap
grows beside what is in use: to 1.25 GiB of free memory beside 0.26 GiB in use, in the worst case
that was measured (docs/planning.md). tcmalloc keeps blocks by size. Results are the same.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

ALLOCATOR = "NIVEL_ALLOCATOR"
"""`system` in this variable leaves programs with the C library's own."""

NAMES = ("libtcmalloc_minimal.so.4", "libtcmalloc.so.4")
"""Of gperftools; Debian's and Ubuntu's package is libtcmalloc-minimal4, or -minimal4t64."""

QUIET = {"TCMALLOC_LARGE_ALLOC_REPORT_THRESHOLD": str(2**62)}
"""Bytes from which tcmalloc writes a line to standard error for each tensor: never."""

PLACES = ("/usr/lib", "/usr/lib64", "/usr/local/lib")


def preloaded(known: Mapping[str, str], places: Iterable[str] = PLACES) -> dict[str, str]:
    """Return what makes a program take its memory from tcmalloc.

    Empty where it is not installed, the person says `system`, or preloads something already.
    """
    if sys.platform != "linux" or "LD_PRELOAD" in known or known.get(ALLOCATOR) == "system":
        return {}
    found = _find(Path(place) for place in places)
    return {} if found is None else {"LD_PRELOAD": str(found), **QUIET}


def _find(places: Iterable[Path]) -> Path | None:
    """Return the library of this machine's own kind, beside its C library or above it."""
    import sysconfig

    kind = sysconfig.get_config_var("MULTIARCH") or ""
    for place in places:
        for folder in (place / kind, place):
            for name in NAMES:
                if (folder / name).is_file():
                    return folder / name
    return None

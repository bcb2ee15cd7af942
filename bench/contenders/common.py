"""What contenders of the benches read and report; it runs in anybody's venv."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


class Watch:
    """Times optimizer steps; the first warms up and is not counted."""

    def __init__(self) -> None:
        self.marks: list[tuple[float, float, int]] = []
        self.losses: list[float] = []
        self.waited = 0.0
        self._tokens = 0

    def count(self, tokens: int) -> None:
        """Call it with the real tokens of each micro-batch."""
        self._tokens += tokens

    def mark(self, loss: float | None = None) -> None:
        """Call it at the end of a step."""
        if not self.marks:
            self.waited = 0.0
        self.marks.append((time.perf_counter(), time.process_time(), self._tokens))
        if loss is not None:
            self.losses.append(loss)

    def report(self) -> None:
        """Print seconds and real tokens of all steps but the first, and peak memory in GB."""
        first, last = self.marks[0], self.marks[-1]
        wall, cpu, tokens = (end - start for start, end in zip(first, last, strict=True))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
        more = {"peak": peak, "losses": self.losses, "waited": self.waited}
        tell(wall=wall, cpu=cpu, tokens=tokens, **more)


def tell(**found: Any) -> None:
    """Print what was found, as the last line."""
    print("\n" + json.dumps(found), flush=True)


def asked() -> dict[str, Any]:
    """Return what is to be done: the JSON file that the command line names."""
    found: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    return found


def tokens_of(given: dict[str, Any]) -> npt.NDArray[np.uint16]:
    """Return all tokens of a text, as a map of the file."""
    return np.memmap(given["tokens"], dtype=np.uint16, mode="r")


def cpu_seconds() -> float:
    """Return the processor's time of this process and of those that it has waited for."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, kinds))

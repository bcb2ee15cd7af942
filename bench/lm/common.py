"""What every contender of `bench/pretrain.py` reads and reports; it runs in anybody's venv."""

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

    def __init__(self, tokens_per_step: int) -> None:
        self.tokens_per_step = tokens_per_step
        self.marks: list[tuple[float, float]] = []
        self.losses: list[float] = []
        self.waited = 0.0

    def mark(self, loss: float | None = None) -> None:
        """Call it at the end of a step."""
        self.marks.append((time.perf_counter(), time.process_time()))
        if loss is not None:
            self.losses.append(loss)
        if len(self.marks) == 1:
            self.waited = 0.0

    def report(self) -> None:
        """Print seconds and tokens of all steps but the first, and peak memory in GB."""
        (wall, cpu), (wall_end, cpu_end) = self.marks[0], self.marks[-1]
        found = {
            "wall": wall_end - wall,
            "cpu": cpu_end - cpu,
            "tokens": self.tokens_per_step * (len(self.marks) - 1),
            "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
            "losses": self.losses,
            "waited": self.waited,
        }
        print("\n" + json.dumps(found), flush=True)


def asked() -> dict[str, Any]:
    """Return what is to be trained: the JSON file that the command line names."""
    found: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    return found


def tokens_of(given: dict[str, Any]) -> npt.NDArray[np.uint16]:
    """Return all tokens, as a map of the file."""
    return np.memmap(given["tokens"], dtype=np.uint16, mode="r")

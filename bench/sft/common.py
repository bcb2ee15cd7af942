"""What every contender of `bench/finetune.py` reads and reports; it runs in anybody's venv."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any


class Watch:
    """Times optimizer steps; the first warms up and is not counted."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []
        self.losses: list[float] = []
        self.tokens: list[int] = []
        self._count = 0

    def count(self, tokens: int) -> None:
        """Call it with the real tokens of each micro-batch."""
        self._count += tokens

    def mark(self, loss: float | None = None) -> None:
        """Call it at the end of a step."""
        self.wall.append(time.perf_counter())
        self.cpu.append(time.process_time())
        self.tokens.append(self._count)
        if loss is not None:
            self.losses.append(loss)

    def report(self) -> None:
        """Print seconds and real tokens of all steps but the first, and peak memory in GB."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
        wall, cpu = self.wall[-1] - self.wall[0], self.cpu[-1] - self.cpu[0]
        real = self.tokens[-1] - self.tokens[0]
        found = {"wall": wall, "cpu": cpu, "peak": peak, "tokens": real, "losses": self.losses}
        print("\n" + json.dumps(found), flush=True)


def asked() -> dict[str, Any]:
    """Return what is to be trained: the JSON file that the command line names."""
    found: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    return found

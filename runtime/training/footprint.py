"""What a training takes of the machine: memory at its fullest, seconds a step, how large a batch.

With `NIVEL_VERIFY=N` in its environment a program takes one optimizer step more than N, on the
longest rows there are, and ends: `nivel plan --verify` holds that to what the plan foretold. The
first step is not timed, since memory is asked for and blocks are compiled in it.
"""

from __future__ import annotations

import os
import statistics
import time
from typing import Any

from lightning import Trainer

from ..errors import Waiting
from ..records import Run
from ..records.files import write_json
from ..records.memory import allocator, peak_since, start_over

__all__ = ["VERIFIED", "Footprint", "steps_to_verify"]

VERIFY = "NIVEL_VERIFY"
VERIFIED = "verified.json"

TIMES_KEPT = 1000
"""Of so many steps the newest times are kept; their median changes little with more."""


def steps_to_verify() -> int:
    """Return how many timed steps the program was started for; 0 where it is to train."""
    said = os.environ.get(VERIFY, "")
    return int(said) if said.isdecimal() else 0


class Footprint:
    """Watches one training; times leave out what comes between steps, such as validations."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.rows = self.length = self.tokens = 0
        self._seconds: list[float] = []
        self._begun: float | None = None
        self._first = True  # step of this process
        self._most: dict[str, int | None] = {}

    def begin(self) -> None:
        """Measure memory from here on."""
        start_over()

    def batch_begins(self) -> None:
        if self._begun is None:
            self._begun = time.monotonic()

    def batch(self, batch: Any) -> None:
        """Note the size of a micro-batch: of the largest, rows and tokens of its longest row.

        Joined rows have no padding: their length is the mean.
        """
        ids = batch.get("input_ids")
        if ids is None or ids.numel() <= self.tokens:
            return
        self.tokens, (self.rows, self.length) = ids.numel(), ids.shape[-2:]
        if "documents" in batch:
            self.rows = int(batch["documents"].max()) + 1
            self.length = -(-self.tokens // self.rows)

    def step_ends(self, trainer: Trainer) -> None:
        """Take the time of a step, and end a program that only verifies.

        Raises:
            Waiting: it was started to verify, and has taken its steps.
        """
        seconds, self._begun = time.monotonic() - (self._begun or 0.0), None
        if not self._first:
            self._seconds = [*self._seconds[1 - TIMES_KEPT :], seconds]
        self._first = False
        wanted = steps_to_verify()
        if wanted and len(self._seconds) == wanted:
            if trainer.is_global_zero:
                write_json(self.run.folder / VERIFIED, self.record(trainer))
            raise Waiting(f"took {wanted + 1} steps to verify its plan")

    def record(self, trainer: Trainer) -> dict[str, Any]:
        """Return what was measured so far.

        `memory` in bytes is that of this process, of one of several; `rows` and `length` are
        those of its largest micro-batch; `seconds_per_step` is a median, None of one step alone;
        `allocator` is what gave the memory.
        """
        known = {
            "allocator": allocator(),
            "rows": self.rows,
            "length": self.length,
            "processes": trainer.world_size,
        }
        each = statistics.median(self._seconds) if self._seconds else None
        return {**known, "seconds_per_step": each, "memory": peak_since()}

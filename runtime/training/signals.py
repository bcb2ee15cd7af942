"""Signals to stop: the step under way is finished, saved, and then the program ends."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, NoReturn

import torch
from lightning import Trainer

from ..errors import Stopped

_WORDS = {
    int(signal.SIGINT): "interrupted",
    int(signal.SIGTERM): "ended by SIGTERM",
    int(signal.SIGUSR1): "told to make room",  # by Slurm, ahead of the end of the time
}


class Signals:
    """Holds signals to stop back until the end of an optimizer step; a second one is not held.

    With several processes all have to stop at the same step, or those that go on would wait for
    the others for ever. So they agree after each step, which takes one number from each.
    """

    def __init__(self) -> None:
        self._asked = 0
        self._before: dict[int, Any] = {}

    def hold(self) -> None:
        """Take the signals over, for now; in a thread there are none to take."""
        for number in _WORDS if threading.current_thread() is threading.main_thread() else ():
            self._before[number] = signal.signal(number, self._receive)

    def release(self) -> None:
        """Give the signals back. Doing it twice is harmless."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def ask(self, number: int = signal.SIGTERM) -> None:
        """Behave as if the signal had come."""
        self._asked = int(number)

    def agreed(self, trainer: Trainer) -> int:
        """Return the signal that any process has received, or 0."""
        if trainer.world_size == 1:
            return self._asked
        asked = torch.tensor(self._asked, device=trainer.strategy.root_device)
        torch.distributed.all_reduce(asked, torch.distributed.ReduceOp.MAX)
        return int(asked)

    def stop(self, number: int, step: int) -> NoReturn:
        """End the program with the code that shells give a process ended by the signal.

        Raises:
            Stopped: always.
        """
        raise Stopped(f"{_WORDS[number]}, saved after step {step}", 128 + number)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            self.release()
            raise Stopped(f"{_WORDS[number]} twice, not saved", 128 + number)
        self._asked = number

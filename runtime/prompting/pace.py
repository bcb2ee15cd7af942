"""How many calls are in flight at once: as many as the endpoint bears.

A server that says it has too much to do halves the number; each round of answers that come through
adds one, up to what the spec allows (additive increase, multiplicative decrease: Chiu and Jain
1989, as in TCP). A server that says when to come back is left alone until then, by all calls.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import final

__all__ = ["Pace"]

SECONDS_BETWEEN_LOOKS = 0.5  # at whether to stop, while waiting


@final
class Pace:
    """Lets calls go; used inside one event loop.

    Args:
        most: calls in flight at most, at least 1.
    """

    def __init__(self, most: int) -> None:
        self.limit = float(most)
        self._most = most
        self._flying = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closed_until = 0.0
        self._halved = 0.0

    async def enter(self) -> None:
        """Wait for a place among the calls in flight."""
        while self._flying >= int(self.limit):
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
        self._flying += 1

    def leave(self) -> None:
        """Give the place up."""
        self._flying -= 1
        self._wake()

    def faster(self) -> None:
        """Take note of an answer that came through."""
        if self.limit < self._most:
            self.limit = min(float(self._most), self.limit + 1.0 / self.limit)
            self._wake()

    def slower(self, began: float, wait: float | None) -> None:
        """Take note of a call, sent at `began` (monotonic), that was too much.

        All calls sent before the number was last halved tell of the same overload, which counts
        once. With `wait`, in seconds, nothing is sent until it is over.
        """
        now = time.monotonic()
        if wait is not None:
            self._closed_until = max(self._closed_until, now + wait)
        if began >= self._halved:
            self.limit = max(1.0, self.limit / 2)
            self._halved = now

    async def opened(self, stop: Callable[[], bool]) -> bool:
        """Wait as long as the server asked; False if told to stop meanwhile."""
        while (left := self._closed_until - time.monotonic()) > 0:
            if not await pause(left, stop):
                return False
        return True

    def _wake(self) -> None:
        free = int(self.limit) - self._flying
        while free > 0 and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1


async def pause(seconds: float, stop: Callable[[], bool]) -> bool:
    """Sleep, looking now and then whether to stop; False if so."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if stop():
            return False
        await asyncio.sleep(min(left, SECONDS_BETWEEN_LOOKS))
    return True

"""How many calls are in flight at once: as many as the endpoint bears.

A server that says it has too much to do halves the number; each round of answers that come through
adds one, up to what the spec allows (additive increase, multiplicative decrease: Chiu and Jain
1989, as in TCP). A server that says when to come back is left alone until then, by all calls.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import final

__all__ = ["Pace", "pause"]

SECONDS_BETWEEN_LOOKS = 0.25  # at whether to stop, while waiting
SECONDS_OF_WRITING = 0.008  # that an intent may take to reach the disk, beside others


@final
class Pace:
    """Lets threads have a cell in hand, and send it.

    A cell in hand is being written down as intended; then it is in flight. With short calls a few
    more are in hand than in flight, so that writing does not hold the calls up.

    Args:
        most: calls in flight at most, at least 1.
        stop: says whether to give up waiting.
    """

    def __init__(self, most: int, stop: Callable[[], bool]) -> None:
        self.limit = float(most)
        self.most_in_hand = most + most // 4
        self._most, self._stop = most, stop
        self._hand = self._flying = 0
        self._mean = 1.0  # seconds of a call, a running mean
        self._closed_until = self._halved = 0.0
        lock = threading.Lock()
        self._can_take, self._can_send = threading.Condition(lock), threading.Condition(lock)

    def take(self) -> bool:
        """Wait until one more cell may be in hand; False if told to stop meanwhile."""
        with self._can_take:
            while self._hand >= self._in_hand() or self._closed_until > time.monotonic():
                if self._stop():
                    return False
                self._can_take.wait(SECONDS_BETWEEN_LOOKS)
            self._hand += 1
        return True

    def give_back(self) -> None:
        """Have a cell less in hand."""
        with self._can_take:
            self._hand -= 1
            self._can_take.notify()

    def enter(self) -> bool:
        """Wait until one more call may be in flight; False if told to stop meanwhile."""
        with self._can_send:
            while self._flying >= int(self.limit) or self._closed_until > time.monotonic():
                if self._stop():
                    return False
                self._can_send.wait(SECONDS_BETWEEN_LOOKS)
            self._flying += 1
        return True

    def leave(self) -> None:
        """Have a call less in flight."""
        with self._can_send:
            self._flying -= 1
            self._can_send.notify()

    def faster(self, seconds: float) -> None:
        """Take note of an answer that came through, after so many seconds."""
        with self._can_send:
            self._mean += 0.1 * (seconds - self._mean)
            if self.limit < self._most:
                self.limit = min(float(self._most), self.limit + 1.0 / self.limit)
                self._can_send.notify()
                self._can_take.notify()

    def slower(self, began: float, wait: float | None) -> None:
        """Take note of a call, sent at `began` (monotonic), that was too much.

        All calls sent before the number was last halved tell of the same overload, which counts
        once. With `wait`, in seconds, nothing is sent until it is over.
        """
        with self._can_send:
            now = time.monotonic()
            if wait is not None:
                self._closed_until = max(self._closed_until, now + wait)
            if began >= self._halved:
                self.limit = max(1.0, self.limit / 2)
                self._halved = now

    def _in_hand(self) -> int:
        spare = self.limit * SECONDS_OF_WRITING / max(self._mean, 1e-3)
        return min(int(self.limit) + int(spare), self.most_in_hand)


def pause(seconds: float, stop: Callable[[], bool]) -> bool:
    """Sleep, looking now and then whether to stop; False if so."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if stop():
            return False
        time.sleep(min(left, SECONDS_BETWEEN_LOOKS))
    return True

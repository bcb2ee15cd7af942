"""One sitting at an endpoint: calls in flight together, each cell settled once.

A feeder takes cells, has their intents written down several at once, and hands them to workers. A
worker first has its place among the calls in flight and then takes a cell, so that cells whose
intent is on the disk do not wait about; only with very short calls a few are kept ready, so that
writing intents does not hold the calls up.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, final

from ..errors import ModelError
from .failures import Failure, wait_seconds
from .pace import Pace, pause
from .price import Price
from .redact import redact
from .transport import Door, Dropped, NotSent
from .types import Answer, Cell, announce
from .wire import encode, path_of, read_answer, request_body

__all__ = ["Session"]

MOST_ATTEMPTS = 6  # of a call that fails, where the server does not say when to come back
MOST_PAID = 3  # attempts that may each have been paid
SECONDS_OF_WRITING = 0.004  # that intents take to reach the disk, about
MOST_FAILED = 16  # answers in a row, without a good one ever, that show that none will come


@final
class Session:
    """Answers cells over one door.

    Args:
        door: where to.
        model: the model's name there.
        limit_name: the field for the longest answer.
        concurrency: calls in flight at most.
        resend_timeouts: whether a call that timed out, and may have been paid, is sent again.
        price: for the dollars of answers, or None.
        tell: what `Backend.answer` was given: intent, done and stop.
    """

    def __init__(
        self,
        door: Door,
        *,
        model: str,
        limit_name: str,
        concurrency: int,
        resend_timeouts: bool,
        price: Price | None,
        tell: tuple[
            Callable[[Cell], None], Callable[[Cell, Answer], None], Callable[[], bool]
        ],
    ) -> None:  # fmt: skip
        self._door, self._model, self._limit_name = door, model, limit_name
        self._concurrency, self._resend, self._price = concurrency, resend_timeouts, price
        self._intent, self._done, self._told_to_stop = tell
        self._pace = Pace(concurrency)
        self._ready: deque[Cell] = deque()
        self._hungry: deque[asyncio.Future[Cell | None]] = deque()
        self._room = asyncio.Event()
        self._fed = False
        self._halt = False
        self._failed = 0  # in a row; -1 once an answer was good
        self._mean = 1.0  # seconds of a call, a running mean
        self.error: ModelError | None = None

    def halt(self) -> None:
        """Send nothing more; what is in flight is waited for."""
        self._halt = True
        self._room.set()

    async def run(self, cells: Sequence[Cell]) -> None:
        """Answer the cells.

        Raises:
            ModelError: the endpoint will answer none of them; calls in flight have ended.
        """
        workers = min(self._concurrency, len(cells))
        with ThreadPoolExecutor(1, "intents") as pool:
            await _together([self._feed(cells, pool), *(self._work() for _ in range(workers))])
        if self.error is not None:
            raise self.error

    def _stop(self) -> bool:
        return self._halt or self._told_to_stop()

    async def _feed(self, cells: Sequence[Cell], pool: ThreadPoolExecutor) -> None:
        """Hand out cells, as many at once as there is room for."""
        loop = asyncio.get_running_loop()
        at = 0
        while at < len(cells):
            self._room.clear()
            room = len(self._hungry) + self._kept_ready() - len(self._ready)
            count = self._allowed(min(room, len(cells) - at)) if room > 0 else 0
            if room > 0 and count == 0:
                break
            if count:
                batch = cells[at : at + count]
                at += count
                await loop.run_in_executor(pool, announce, self._intent, batch)
                self._hand_out(batch)
            else:
                await self._room.wait()
        self._fed = True
        while self._hungry:
            self._give(None)

    def _kept_ready(self) -> int:
        """Return how many cells to have ready beyond the workers' that wait."""
        wanted = int(self._concurrency * SECONDS_OF_WRITING / max(self._mean, 1e-3))
        return min(wanted, self._concurrency // 8)

    def _allowed(self, wanted: int) -> int:
        """Return how many cells may be sent now, of `wanted`."""
        after: Callable[[int], bool] | None = getattr(self._told_to_stop, "after", None)
        count = 0
        while count < wanted and not self._halt:
            if after(count) if after is not None else self._told_to_stop():
                break
            count += 1
        return count

    def _hand_out(self, batch: Sequence[Cell]) -> None:
        for cell in batch:
            if not self._give(cell):
                self._ready.append(cell)

    def _give(self, cell: Cell | None) -> bool:
        while self._hungry:
            waiting = self._hungry.popleft()
            if not waiting.done():
                waiting.set_result(cell)
                return True
        return False

    async def _take(self) -> Cell | None:
        """Return the next cell, or None when there are no more."""
        self._room.set()
        if self._ready:
            return self._ready.popleft()
        if self._fed:
            return None
        waiting: asyncio.Future[Cell | None] = asyncio.get_running_loop().create_future()
        self._hungry.append(waiting)
        return await waiting

    async def _work(self) -> None:
        while True:
            await self._pace.enter()
            try:
                await self._pace.opened(self._stop)
                cell = await self._take()
                if cell is None:
                    return
                answer = await self._settle(cell)
                self._done(cell, answer)
                self._watch(answer)
            finally:
                self._pace.leave()

    async def _settle(self, cell: Cell) -> Answer:
        """Return a cell's answer or final error, after as many attempts as make sense."""
        body = encode(request_body(cell, self._model, self._limit_name))
        attempt = lost = 0
        while True:
            attempt += 1
            began = time.monotonic()
            try:
                answer = await self._call(cell, body)
            except Failure as failure:
                lost += failure.paid
                error = await self._after(failure, began, attempt, lost)
                if error is None:
                    continue
                seconds = time.monotonic() - began
                return _failed(cell.id, seconds, error, attempt, lost)
            self._pace.faster()
            usd = None if self._price is None else self._price.usd(answer)
            return replace(answer, usd=usd, attempts=attempt, lost=lost)

    async def _call(self, cell: Cell, body: bytes) -> Answer:
        """Send a cell once.

        Raises:
            Failure: there is no good answer.
        """
        began = time.monotonic()
        try:
            reply = await self._door.post(path_of(cell), body)
        except NotSent as error:
            raise Failure("unreachable", str(error)) from error
        except Dropped as error:
            raise Failure("dropped", str(error), paid=1) from error
        except TimeoutError as error:
            seconds = time.monotonic() - began
            raise Failure("timeout", f"no whole answer in {seconds:.0f} s", paid=1) from error
        seconds = time.monotonic() - began
        self._mean += 0.1 * (seconds - self._mean)
        return read_answer(cell, reply, seconds)

    async def _after(
        self, failure: Failure, began: float, attempt: int, lost: int
    ) -> str | None:  # fmt: skip
        """Return the error to settle on, or None after waiting for another attempt."""
        if failure.slow_down:
            self._pace.slower(began, failure.wait)
        if failure.whole and self.error is None:
            self.error = ModelError(str(failure), _CURES[failure.kind])
            self.halt()
        again = failure.retry or (failure.kind == "timeout" and self._resend)
        if not again or lost >= MOST_PAID:
            return str(failure)
        if attempt >= MOST_ATTEMPTS and failure.wait is None:
            return str(failure)
        waited = await pause(wait_seconds(failure, attempt), self._stop)
        if waited and await self._pace.opened(self._stop):
            return None
        return f"stopped: while waiting after {failure}"

    def _watch(self, answer: Answer) -> None:
        """Give up an endpoint that has only ever failed."""
        if answer.error is None:
            self._failed = -1
        if self._failed < 0 or answer.error is None:
            return
        self._failed += 1
        if self._failed >= max(MOST_FAILED, self._concurrency) and self.error is None:
            text = f"the first {self._failed} cells all failed, the last with {answer.error}"
            self.error = ModelError(text, "see ledger.jsonl for all of them")
            self.halt()


_CURES = {
    "unauthorized": "check the key in the environment variable and the host that it is bound to",
    "quota": "fill up the account and run again; it goes on from here",
    "not-found": "check base_url and the model's name",
    "redirect": "give the address that it redirects to, if you trust it, as base_url",
}


def _failed(cell: str, seconds: float, error: str, attempts: int, lost: int) -> Answer:
    return Answer(
        cell, None, None, None, None, None, None, seconds, redact(error), None,
        attempts=attempts, lost=lost,
    )  # fmt: skip


async def _together(parts: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Run all to their end; if one fails, cancel the rest and raise what it raised."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

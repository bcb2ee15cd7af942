"""One sitting at an endpoint: calls in flight together, each cell settled once.

Every worker is a thread: it takes a cell, has its intent written down, sends it when its turn
comes, and settles it. Threads, because what they do is wait; answers are then handled one by one as
they come, where an event loop would handle a batch of them step by step and send late.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import final

from ..errors import ModelError
from .failures import Failure, wait_seconds
from .pace import Pace, pause
from .price import Price
from .redact import redact
from .transport import Door, Dropped, Line, NotSent
from .types import Answer, Cell
from .wire import encode, path_of, read_answer, request_body

__all__ = ["Session"]

MOST_ATTEMPTS = 6  # of a call that fails, where the server does not say when to come back
MOST_PAID = 3  # attempts that may each have been paid
LONG_WAIT = 10.0  # seconds that are told of
MOST_FAILED = 16  # answers in a row, without a good one ever, that show that none will come

_CURES = {
    "unauthorized": "check the key in the environment variable and the host that it is bound to",
    "quota": "fill up the account and run again; it goes on from here",
    "not-found": "check base_url and the model's name",
    "redirect": "give the address that it redirects to, if you trust it, as base_url",
}


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
        intent, done, stop: what `Backend.answer` was given.
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
        intent: Callable[[Cell], None],
        done: Callable[[Cell, Answer], None],
        stop: Callable[[], bool],
    ) -> None:
        self._door, self._model, self._limit_name = door, model, limit_name
        self._resend, self._price = resend_timeouts, price
        self._intent, self._done, self._told_to_stop = intent, done, stop
        # Reserves a call where the meter can; a bare `stop` is asked instead.
        self._grant: Callable[[], bool] = getattr(stop, "grant", lambda: not stop())
        self._pace = Pace(concurrency, self._stop)
        self._patience = max(MOST_FAILED, concurrency)
        self._lock = threading.Lock()
        self._halted = threading.Event()
        self._cells: list[Cell] = []
        self._waits_until = 0.0  # monotonic time, as told last
        self._failed = 0  # cells in a row; -1 once an answer was good
        self._error: BaseException | None = None

    def start(self, cells: Sequence[Cell]) -> list[threading.Thread]:
        """Begin answering the cells, in threads that end when there is no more to do."""
        self._cells = list(reversed(cells))
        count = min(self._pace.most_in_hand, len(cells))
        threads = [threading.Thread(target=self._run, daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        return threads

    def halt(self) -> None:
        """Send nothing more; what is in flight is let end."""
        self._halted.set()

    def check(self) -> None:
        """Raise what ended the session early.

        Raises:
            ModelError: the endpoint will answer none of the cells.
        """
        if self._error is not None:
            raise self._error

    def _stop(self) -> bool:
        return self._halted.is_set() or self._told_to_stop()

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            self._error = self._error or error
        self.halt()

    def _run(self) -> None:
        line = Line(self._door)
        try:
            while self._pace.take():
                try:
                    if (cell := self._next()) is None:
                        return
                    self._intent(cell)
                    answer = self._settle(cell, line)
                    self._done(cell, answer)
                    self._watch(answer)
                finally:
                    self._pace.give_back()
        except BaseException as error:
            self._fail(error)
        finally:
            line.close()

    def _next(self) -> Cell | None:
        with self._lock:
            if not self._cells or self._halted.is_set() or not self._grant():
                return None
            return self._cells.pop()

    def _settle(self, cell: Cell, line: Line) -> Answer:
        """Return a cell's answer or final error, after as many attempts as make sense."""
        body = encode(request_body(cell, self._model, self._limit_name))
        attempt = lost = 0
        while True:
            attempt += 1
            began = time.monotonic()
            try:
                answer = self._turn(cell, line, body)
            except Failure as failure:
                lost += failure.paid
                error = self._after(failure, began, attempt, lost)
                if error is None:
                    continue
                return _failed(cell.id, time.monotonic() - began, error, attempt, lost)
            usd = None if self._price is None else self._price.usd(answer)
            return replace(answer, usd=usd, attempts=attempt, lost=lost)

    def _turn(self, cell: Cell, line: Line, body: bytes) -> Answer:
        """Send a cell once, when it is its turn.

        Raises:
            Failure: there is no good answer.
        """
        if not self._pace.enter():
            raise Failure("stopped", "before it was sent")
        began = time.monotonic()
        try:
            answer = _call(cell, line, body, began)
        finally:
            self._pace.leave()
        self._pace.faster(time.monotonic() - began)
        return answer

    def _after(self, failure: Failure, began: float, attempt: int, lost: int) -> str | None:
        """Return the error to settle on, or None after waiting for another attempt."""
        if failure.slow_down:
            self._pace.slower(began, failure.wait)
            self._say_wait(failure)
        if failure.whole:
            self._fail(ModelError(str(failure), _CURES[failure.kind]))
        again = failure.retry or (failure.kind == "timeout" and self._resend)
        if not again or lost >= MOST_PAID:
            return str(failure)
        if attempt >= MOST_ATTEMPTS and failure.wait is None:
            return str(failure)
        if pause(wait_seconds(failure, attempt), self._stop):
            return None
        return f"stopped: while waiting after {failure}"

    def _say_wait(self, failure: Failure) -> None:
        """Tell of a long wait that the server asks for, once for all calls that it concerns."""
        until = time.monotonic() + (failure.wait or 0.0)
        with self._lock:
            told, self._waits_until = self._waits_until, max(self._waits_until, until)
        if failure.wait is not None and failure.wait >= LONG_WAIT and until > told + 1.0:
            text = f"{self._model}: nothing is sent for {failure.wait:,.0f} s, as the server asks"
            print(f"{text} ({failure})", file=sys.stderr)

    def _watch(self, answer: Answer) -> None:
        """Give up an endpoint that has only ever failed."""
        with self._lock:
            if answer.error is None:
                self._failed = -1
            elif self._failed >= 0:
                self._failed += 1
            gone = self._failed >= self._patience
        if gone:
            text = f"the first {self._failed} cells all failed, the last with {answer.error}"
            self._fail(ModelError(text, "see ledger.jsonl for all of them"))


def _call(cell: Cell, line: Line, body: bytes, began: float) -> Answer:
    try:
        reply = line.post(path_of(cell), body)
    except NotSent as error:
        raise Failure("unreachable", str(error)) from error
    except Dropped as error:
        raise Failure("dropped", str(error), paid=1) from error
    except TimeoutError as error:
        seconds = time.monotonic() - began
        raise Failure("timeout", f"no whole answer in {seconds:.1f} s", paid=1) from error
    return read_answer(cell, reply, time.monotonic() - began)


def _failed(cell: str, seconds: float, error: str, attempts: int, lost: int) -> Answer:
    return Answer(
        cell, None, None, None, None, None, None, seconds, redact(error), None,
        attempts=attempts, lost=lost,
    )  # fmt: skip

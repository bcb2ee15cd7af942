"""How much a run may use up, and the meter that says when it has."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import final

from ..errors import RunError
from .entries import Entry
from .estimates import Estimate, show_usd
from .types import Answer, Backend

__all__ = ["Budget", "Meter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Limits of a run, all its sessions together; None sets no limit.

    Attributes:
        usd: dollars.
        tokens: read and written together.
        calls: requests, repeated ones too.
        minutes: of running.

    What is under way when a limit comes into sight is let end. It is reckoned at the dearest answer
    so far, so that a run keeps within its limits, except by what answers turn out dearer than all
    before them, or by calls that have to be repeated.
    """

    usd: float | None = None
    tokens: int | None = None
    calls: int | None = None
    minutes: float | None = None


@final
class Meter:
    """Adds up what a run uses and says when to send no more.

    Args:
        budget: the limits, or None for none.
        entries: what earlier sessions of the run left in its ledger.
        seconds: how long these took.
    """

    def __init__(self, budget: Budget | None, entries: Iterable[Entry], seconds: float) -> None:
        self._budget = budget or Budget()
        self._began = time.monotonic() - seconds
        self._calls = self._under_way = self._granted = 0
        self._lock = threading.Lock()
        self._usd, self._tokens = 0.0, 0
        self._dearest, self._longest = 0.0, 0
        self._uncounted: str | None = None
        self.reason: str | None = None
        for entry in entries:
            self._under_way += entry.open
            for answer in entry.results:
                self._add(answer)
        # Calls that were cut off stay under way for good, at the dearest price: they may be paid.

    @property
    def used(self) -> tuple[int, int, float]:
        """Calls, tokens and dollars so far; what was lost on the way is in them, estimated."""
        with self._lock:
            return self._calls, self._tokens, self._usd

    def sent(self, cells: int) -> None:
        """Count cells that are about to be sent, but for those that were granted."""
        with self._lock:
            granted = min(self._granted, cells)
            self._granted -= granted
            self._under_way += cells - granted

    def came(self, answer: Answer) -> None:
        """Count a result."""
        with self._lock:
            self._under_way -= 1
            self._add(answer)

    def grant(self) -> bool:
        """Reserve one call, unless it would pass a limit; threads cannot take the same."""
        with self._lock:
            self.reason = self._limit()
            if self.reason is not None:
                return False
            self._granted += 1
            self._under_way += 1
        return True

    def over(self) -> bool:
        """Whether one more call would pass a limit; sets `reason` if so."""
        with self._lock:
            self.reason = self._limit()
        return self.reason is not None

    def _limit(self) -> str | None:
        others = self._under_way
        limits = self._budget
        if limits.minutes is not None and time.monotonic() - self._began >= 60 * limits.minutes:
            return f"{limits.minutes:g} minutes are over"
        if limits.calls is not None and self._calls + others >= limits.calls:
            return f"{limits.calls:,} calls are made"
        if self._uncounted is not None:
            return self._uncounted
        usd = self._usd + (others + 1) * self._dearest
        if limits.usd is not None and (usd > limits.usd or self._usd >= limits.usd):
            return f"the next call could pass {limits.usd:g} dollars ({self._usd:.4f} spent)"
        tokens = self._tokens + (others + 1) * self._longest
        if limits.tokens is not None and (tokens > limits.tokens or self._tokens >= limits.tokens):
            return f"the next call could pass {limits.tokens:,} tokens ({self._tokens:,} used)"
        return None

    def _add(self, answer: Answer) -> None:
        self._calls += answer.attempts
        # What was lost on the way is taken to have cost what the dearest answer did.
        times = answer.lost + int(answer.finish is not None)
        if answer.finish is not None:
            used = (answer.input_tokens or 0) + (answer.output_tokens or 0)
            self._longest = max(self._longest, used)
            self._dearest = max(self._dearest, answer.usd or 0.0)
            self._tokens += used
            self._usd += answer.usd or 0.0
            self._check(answer)
        self._tokens += self._longest * (times - int(answer.finish is not None))
        self._usd += self._dearest * (times - int(answer.finish is not None))

    def _check(self, answer: Answer) -> None:
        """Remember that a limit cannot be kept, because nobody says what answers use."""
        missing = answer.input_tokens is None or answer.output_tokens is None
        if missing and (self._budget.tokens is not None or self._budget.usd is not None):
            self._uncounted = "the server does not say how many tokens an answer took"
        elif self._budget.usd is not None and answer.usd is None and not missing:
            self._uncounted = "an answer's price is not known"


def check_prices(
    budget: Budget | None, backends: Sequence[Backend], *, name: str = "price"
) -> None:
    """Refuse a budget in dollars where dollars cannot be counted.

    Raises:
        RunError: a backend that is paid has no price; `name` is its attribute.
    """
    if budget is None or budget.usd is None:
        return
    for backend in backends:
        if getattr(backend, name, 0) is None:
            cure = f"give its `{name}`, or set the budget in tokens, calls or minutes"
            what = name.replace("_", " ")
            raise RunError(
                f"the budget is in dollars, but no {what} of {backend.name} is known", cure
            )


def check_estimates(budget: Budget | None, estimates: Sequence[Estimate], meter: Meter) -> None:
    """Refuse what would pass the budget by what is read alone, before the first call.

    Raises:
        RunError: with what it would take.
    """
    if budget is None or not estimates:
        return
    _, tokens, usd = meter.used
    tokens += sum(one.input_tokens for one in estimates)
    usd += sum(one.usd_input or 0.0 for one in estimates)
    about = "" if all(one.counted for one in estimates) else "about "
    if budget.usd is not None and usd > budget.usd:
        _refuse(
            f"reading the prompts alone comes to {about}{show_usd(usd)} dollars", "usd", budget.usd
        )
    if budget.tokens is not None and tokens > budget.tokens:
        _refuse(f"the prompts alone are {about}{tokens:,} tokens", "tokens", budget.tokens)


def check_whole(budget: Budget | None, estimates: Sequence[Estimate], meter: Meter) -> None:
    """Refuse what could pass the budget where nothing can be stopped on the way, as in a batch.

    Raises:
        RunError: with what it could take; also where nobody can say.
    """
    if budget is None or not estimates:
        return
    calls, tokens, usd = meter.used
    calls += sum(one.calls for one in estimates)
    if budget.calls is not None and calls > budget.calls:
        _refuse(f"the batch is {calls:,} calls", "calls", budget.calls)
    for one in estimates:
        if one.most_output_tokens is None and (budget.tokens or budget.usd):
            message = (
                f"how much {one.model} may write is not limited, and a batch cannot be stopped"
            )
            raise RunError(message, "set generation.max_tokens, or take the budget out")
        tokens += one.input_tokens + (one.most_output_tokens or 0)
        usd += one.usd_most or 0.0
    if budget.tokens is not None and tokens > budget.tokens:
        _refuse(f"the batch could take {tokens:,} tokens", "tokens", budget.tokens)
    if budget.usd is not None and usd > budget.usd:
        _refuse(f"the batch could cost {show_usd(usd)} dollars", "usd", budget.usd)


def _refuse(what: str, name: str, limit: float) -> None:
    message = f"{what}, over budget.{name} {limit:,g}; nothing was sent"
    raise RunError(message, f"raise budget.{name}, or ask about fewer rows")

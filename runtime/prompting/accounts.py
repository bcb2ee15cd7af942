"""What answers cost, by model and way of asking; what is not known stays unknown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import final

from .entries import Entry
from .failures import kind_of
from .types import JSON, Answer

__all__ = ["Account", "Accounts"]


@dataclass(slots=True)
class Account:
    """Sums over the cells of one model, variant or run.

    A token count is None as soon as one answer does not say. `usd` is None as soon as one call may
    have cost something that is not known; `usd_known` is the sum of what is.
    """

    cells: int = 0
    answered: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    lost: int = 0
    maybe_paid_twice: int = 0
    input_tokens: int | None = 0
    output_tokens: int | None = 0
    cached_tokens: int | None = 0
    reasoning_tokens: int | None = 0
    seconds: float = 0.0
    usd: float | None = 0.0
    usd_known: float = 0.0

    def add(self, entry: Entry) -> None:
        """Count one cell, with all that was ever sent for it."""
        self.cells += 1
        answer = entry.answer
        if answer is not None and answer.error is None:
            self.answered += 1
        elif answer is not None and answer.error is not None:
            self.errors[kind_of(answer.error)] += 1
        self.calls += entry.open + sum(each.attempts for each in entry.results)
        # The last sending without a result is a call under way until the cell is asked again.
        self.maybe_paid_twice += entry.cut
        if entry.open:
            self._unknown()
        for each in entry.results:
            self._pay(each)

    def _pay(self, answer: Answer) -> None:
        self.seconds += answer.seconds or 0.0
        self.lost += answer.lost
        if answer.finish is None:
            # An error: nothing was generated, or it was lost and counted as such.
            if answer.lost:
                self._unknown()
            return
        self.input_tokens = _sum(self.input_tokens, answer.input_tokens)
        self.output_tokens = _sum(self.output_tokens, answer.output_tokens)
        self.cached_tokens = _sum(self.cached_tokens, answer.cached_tokens)
        self.reasoning_tokens = _sum(self.reasoning_tokens, answer.reasoning_tokens)
        self.usd_known += answer.usd or 0.0
        unknown = answer.usd is None or answer.lost
        self.usd = None if unknown or self.usd is None else self.usd + (answer.usd or 0.0)

    def _unknown(self) -> None:
        self.usd = None

    def record(self) -> dict[str, JSON]:
        """Return the sums as they stand in records."""
        return {
            "cells": self.cells,
            "answered": self.answered,
            "errors": dict(self.errors),
            "calls": self.calls,
            "lost": self.lost,
            "maybe_paid_twice": self.maybe_paid_twice,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cached_tokens": self.cached_tokens,
            "reasoning_tokens": self.reasoning_tokens,
            "seconds": round(self.seconds, 3),
            "usd": self.usd,
            "usd_known": self.usd_known,
        }


@final
class Accounts:
    """The accounts of a run: `whole`, and one for each (model, variant) in `parts`."""

    def __init__(self, entries: Iterable[Entry], prices: dict[str, dict[str, JSON] | None]) -> None:
        """Add up `entries`; `prices` says for each model what its dollars are counted by."""
        self.whole = Account()
        self.parts: dict[tuple[str, str], Account] = {}
        self._models: dict[str, Account] = {}
        self.prices = prices
        for entry in entries:
            self.whole.add(entry)
            self.parts.setdefault((entry.model, entry.variant), Account()).add(entry)
            self._models.setdefault(entry.model, Account()).add(entry)

    def record(self) -> dict[str, JSON]:
        """Return everything as it stands in `accounts.json`."""
        parts: list[JSON] = [
            {"model": model, "variant": variant, **account.record()}
            for (model, variant), account in sorted(self.parts.items())
        ]
        return {"whole": self.whole.record(), "parts": parts, "prices": dict(self.prices)}

    def of(self, model: str) -> Account:
        """Return the account of one model, all its ways of asking together."""
        return self._models.get(model, Account())

    def lines(self) -> list[str]:
        """Return the accounts as short lines of text."""
        found = [_sentence("all", self.whole)]
        if len(self.parts) > 1:
            found += [_sentence(f"{m}, {v}", part) for (m, v), part in sorted(self.parts.items())]
        return found


def _sentence(name: str, account: Account) -> str:
    pieces = [f"{account.answered} of {account.cells} answered", f"{account.calls} calls"]
    if account.errors:
        kinds = ", ".join(f"{count} {kind}" for kind, count in account.errors.most_common())
        pieces.append(f"errors: {kinds}")
    read, written = account.input_tokens, account.output_tokens
    pieces.append(f"{_number(read)} tokens read, {_number(written)} written")
    pieces.append(_dollars(account))
    if account.maybe_paid_twice:
        pieces.append(f"{account.maybe_paid_twice} maybe paid twice (cut off before an answer)")
    if account.lost:
        pieces.append(f"{account.lost} answers lost on the way, maybe paid")
    return f"{name}: " + "; ".join(pieces)


def _dollars(account: Account) -> str:
    if account.usd is not None:
        return f"{account.usd:.4f} dollars"
    if account.usd_known:
        return f"at least {account.usd_known:.4f} dollars, the rest unknown"
    return "dollars unknown"


def _number(count: int | None) -> str:
    return "unknown" if count is None else f"{count:,}"


def _sum(left: int | None, right: int | None) -> int | None:
    return None if left is None or right is None else left + right

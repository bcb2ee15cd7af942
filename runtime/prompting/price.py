"""What calls cost: prices, where they come from, and what an answer's tokens come to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import metadata
from typing import TYPE_CHECKING, Any

from .types import JSON, Answer

if TYPE_CHECKING:
    from genai_prices.types import PriceCalculation

__all__ = ["Price", "find_price"]


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars per million tokens.

    Attributes:
        input: for tokens that are read.
        cached_input: for those that the service had kept; None means as `input`.
        output: for tokens that are written, thoughts included.
        source: who says so.
        date: since when or as of when, YYYY-MM-DD.
        up_to: input tokens of a call beyond which another price holds that is not known here.
    """

    input: float
    cached_input: float | None
    output: float
    source: str
    date: str
    up_to: int | None = None

    def usd(self, answer: Answer) -> float | None:
        """Return what an answer cost, or None where its tokens are not known.

        A service that does not say how many tokens it had kept is taken to have kept none, which
        gives the most that it can have cost.
        """
        if answer.input_tokens is None or answer.output_tokens is None:
            return None
        return self.of(answer.input_tokens, answer.output_tokens, answer.cached_tokens or 0)

    def of(self, read: int, written: int, cached: int = 0) -> float | None:
        """Return the dollars for so many tokens; None beyond `up_to`."""
        if self.up_to is not None and read > self.up_to:
            return None
        cached = min(cached, read)
        kept = self.input if self.cached_input is None else self.cached_input
        return ((read - cached) * self.input + cached * kept + written * self.output) / 1e6

    def record(self) -> dict[str, JSON]:
        """Return the price as it stands in records."""
        return {
            "input": self.input,
            "cached_input": self.cached_input,
            "output": self.output,
            "source": self.source,
            "date": self.date,
            "up_to": self.up_to,
        }


def find_price(base_url: str, model: str) -> Price | None:
    """Return what the package genai-prices knows of a model at an address, or None.

    None also where the package is not installed or the address is no known vendor's: a model of
    the same name on one's own server has no price.
    """
    try:
        from genai_prices import Usage, calc_price
    except ImportError:
        return None
    usage = Usage(input_tokens=1, output_tokens=1)
    try:
        found = calc_price(usage, model, provider_api_url=base_url)
    except (LookupError, ValueError):
        return None
    return _read(found)


def _read(found: PriceCalculation) -> Price | None:
    """Take the rates out of a calculation, those of its lowest tier."""
    rates: Any = found.model_price
    read, written = getattr(rates, "input_mtok", None), getattr(rates, "output_mtok", None)
    kept = getattr(rates, "cache_read_mtok", None)
    if read is None or written is None:
        return None
    starts = [tier.start for rate in (read, written, kept) for tier in getattr(rate, "tiers", ())]
    version = metadata.version("genai-prices")
    return Price(
        input=_rate(read),
        cached_input=None if kept is None else _rate(kept),
        output=_rate(written),
        source=f"genai-prices {version}, {found.provider.id}/{found.model.id}",
        date=datetime.now(timezone.utc).date().isoformat(),
        up_to=min(starts) if starts else None,
    )


def _rate(rate: Any) -> float:
    return float(getattr(rate, "base", rate))

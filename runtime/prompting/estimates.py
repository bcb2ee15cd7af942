"""What a run will ask and at most cost, before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .price import Price
from .types import JSON, Cell

__all__ = ["Estimate", "estimate"]

BYTES_PER_TOKEN = 4.0  # of English text, about; other languages take more tokens
TOKENS_PER_MESSAGE = 4  # that a chat format adds around each, about


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one model will be asked.

    Attributes:
        calls: how many, if none has to be repeated.
        input_tokens: to be read; counted by a tokenizer if `counted`, otherwise guessed from bytes.
        most_output_tokens: to be written at most; None where no longest answer is set.
        usd_input: dollars for what is read; None without a price.
        usd_most: dollars if every answer is as long as it may be; None if that is not known.
    """

    model: str
    calls: int
    input_tokens: int
    counted: bool
    most_output_tokens: int | None
    usd_input: float | None
    usd_most: float | None

    def record(self) -> dict[str, JSON]:
        """Return the estimate as it stands in records."""
        return {name: getattr(self, name) for name in self.__slots__}

    def line(self) -> str:
        """Return the estimate as a line of text."""
        about = "" if self.counted else "about "
        most = "?" if self.most_output_tokens is None else f"{self.most_output_tokens:,}"
        usd = "unknown" if self.usd_most is None else f"at most {about}{self.usd_most:.4f}"
        return (
            f"{self.model}: {self.calls:,} calls; {about}{self.input_tokens:,} tokens to read, "
            f"at most {most} to write; dollars: {usd}"
        )


def estimate(
    cells: Sequence[Cell],
    price: Price | Mapping[str, Price | None] | None = None,
    count_tokens: Callable[[str], int] | None = None,
) -> list[Estimate]:
    """Return what each model will be asked, in the order of the cells.

    Args:
        cells: what is wanted.
        price: of all models, or of each by name.
        count_tokens: tokens in a text; None guesses from its length.
    """
    by_model: dict[str, list[Cell]] = {}
    for cell in cells:
        by_model.setdefault(cell.model, []).append(cell)
    prices = price if isinstance(price, Mapping) else dict.fromkeys(by_model, price)
    return [_one(model, mine, prices.get(model), count_tokens) for model, mine in by_model.items()]


def _one(
    model: str,
    cells: Sequence[Cell],
    price: Price | None,
    count_tokens: Callable[[str], int] | None,
) -> Estimate:
    read = [_tokens(cell, count_tokens) for cell in cells]
    limits = [cell.generation.max_tokens for cell in cells]
    known = [limit for limit in limits if limit is not None]
    most = sum(known) if len(known) == len(cells) else None
    usd_input = usd_most = None
    if price is not None:
        usd_input = _sum([price.of(count, 0) for count in read])
        if most is not None:
            pairs = zip(read, known, strict=True)
            usd_most = _sum([price.of(count, limit) for count, limit in pairs])
    return Estimate(
        model, len(cells), sum(read), count_tokens is not None, most, usd_input, usd_most
    )


def _tokens(cell: Cell, count_tokens: Callable[[str], int] | None) -> int:
    texts = [m["content"] for m in cell.messages] if cell.text is None else [cell.text]
    around = TOKENS_PER_MESSAGE * (len(texts) + 1) if cell.text is None else 0
    if count_tokens is not None:
        return around + sum(count_tokens(text) for text in texts)
    return around + sum(-int(-len(text.encode("utf-8")) // BYTES_PER_TOKEN) for text in texts)


def _sum(parts: Sequence[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None

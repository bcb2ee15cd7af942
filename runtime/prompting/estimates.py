"""What a run will ask and at most cost, before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from .price import Price
from .types import JSON, Backend, Cell

__all__ = ["Estimate", "estimate"]

BYTES_PER_TOKEN = 4.0  # of English text, about; other languages take more tokens
TOKENS_PER_MESSAGE = 4  # that a chat format adds around each, about

Measure = Callable[[Cell], "tuple[int, int | None]"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one model will be asked.

    Attributes:
        model: its name in the matrix.
        calls: how many, if none has to be repeated.
        input_tokens: to be read; counted by the model's tokenizer if `counted`, otherwise guessed
            from bytes.
        most_output_tokens: to be written at most; None where no longest answer is set.
        paid: whether each call is paid for; a model in this process is not.
        usd_input: dollars for what is read; None without a price.
        usd_most: dollars if every answer is as long as it may be; None if that is not known.
    """

    model: str
    calls: int
    input_tokens: int
    counted: bool
    most_output_tokens: int | None
    paid: bool
    usd_input: float | None
    usd_most: float | None

    def record(self) -> dict[str, JSON]:
        """Return the estimate as it stands in records."""
        return {name: getattr(self, name) for name in self.__slots__}

    def line(self) -> str:
        """Return the estimate as a line of text."""
        most = "unknown" if self.most_output_tokens is None else f"{self.most_output_tokens:,}"
        calls = f"{self.calls:,} call" + ("" if self.calls == 1 else "s")
        return (
            f"{self.model}: {calls}, {self._about}{self.input_tokens:,} tokens to read, "
            f"at most {most} to write, {self._dollars()}"
        )

    @property
    def _about(self) -> str:
        return "" if self.counted else "about "

    def _dollars(self) -> str:
        if not self.paid:
            return "no dollars: it runs here"
        if self.usd_input is None:
            return "dollars unknown: it has no price"
        read = f"{self._about}{show_usd(self.usd_input)} dollars to read"
        most = "unknown" if self.usd_most is None else self._about + show_usd(self.usd_most)
        return f"{read}, at most {most} in all"


def show_usd(usd: float) -> str:
    """Return dollars as text; small sums keep two digits, since 0.0000 would read as nothing."""
    return f"{usd:.4f}" if usd >= 0.01 or usd == 0 else f"{usd:.2g}"


def estimate(
    cells: Iterable[Cell], backends: Sequence[Backend], *, batch: bool = False
) -> list[Estimate]:
    """Return what each model will be asked, in the order of the backends.

    A backend that has `measure(cell)` counts what a cell takes itself; for others it is guessed.

    Args:
        cells: what is wanted.
        backends: who is asked.
        batch: whether the prices of the batch service hold.
    """
    by_model: dict[str, list[Cell]] = {}
    for cell in cells:
        by_model.setdefault(cell.model, []).append(cell)
    name = "batch_price" if batch else "price"
    return [_one(backend, by_model[backend.name], name)
            for backend in backends if backend.name in by_model]  # fmt: skip


def _one(backend: Backend, cells: Sequence[Cell], price_name: str) -> Estimate:
    measure: Measure | None = getattr(backend, "measure", None)
    sizes = _sizes(cells, measure or _guess)
    paid = hasattr(backend, "price")
    price: Price | None = getattr(backend, price_name, None)
    usd_input = usd_most = None
    if price is not None:
        usd_input = _sum([price.of(read, 0) for read, _ in sizes])
        usd_most = _sum([None if most is None else price.of(read, most) for read, most in sizes])
    return Estimate(
        model=backend.name,
        calls=len(cells),
        input_tokens=sum(read for read, _ in sizes),
        counted=measure is not None,
        most_output_tokens=_whole([most for _, most in sizes]),
        paid=paid,
        usd_input=usd_input,
        usd_most=usd_most,
    )


def _sizes(cells: Sequence[Cell], measure: Measure) -> list[tuple[int, int | None]]:
    """Return tokens to read and most to write of each cell; repeats are measured once."""
    found: list[tuple[int, int | None]] = []
    last: Cell | None = None
    for cell in cells:
        same = last is not None and (cell.row, cell.variant) == (last.row, last.variant)
        found.append(found[-1] if same else measure(cell))
        last = cell
    return found


def _guess(cell: Cell) -> tuple[int, int | None]:
    texts = [m["content"] for m in cell.messages] if cell.text is None else [cell.text]
    around = TOKENS_PER_MESSAGE * (len(texts) + 1) if cell.text is None else 0
    read = sum(-int(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN) for text in texts)
    return around + read, cell.generation.max_tokens


def _sum(parts: Sequence[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def _whole(parts: Sequence[int | None]) -> int | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None

"""What is said, recorded and refused before the first call."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from ..errors import RunError
from ..records.files import write_json
from .budget import Budget, Meter, check_estimates, check_prices, check_whole
from .estimates import Estimate, estimate
from .instead import Instead
from .types import JSON, Backend, Cell

__all__ = ["weigh"]


def weigh(
    folder: Path,
    instead: Instead,
    backends: Sequence[Backend],
    pending: Sequence[Cell],
    budget: Budget | None,
    meter: Meter,
    part: str = "",
) -> list[dict[str, JSON]]:
    """Say and record what is left to ask, and refuse what the budget cannot bear.

    Raises:
        RunError: it is more than the budget, or dollars cannot be counted.
    """
    found = estimate(instead.chosen(pending), backends, batch=instead.out is not None)
    if found and not instead.answers:
        print("\n".join(["to be asked:", *(f"  {one.line()}" for one in found)]), file=sys.stderr)
    records = [one.record() for one in found]
    write_json(
        folder / f"{part}estimate.json", {"batch": instead.out is not None, "models": records}
    )
    if instead.estimate or instead.answers:
        _say_over(budget, found, meter)
        return records
    price = "batch_price" if instead.out is not None else "price"
    check_prices(budget, [b for b in backends if instead.model in (None, b.name)], name=price)
    check_estimates(budget, found, meter)
    if instead.out is not None:
        check_whole(budget, found, meter)
    return records


def _say_over(budget: Budget | None, found: Sequence[Estimate], meter: Meter) -> None:
    """Say where an estimate alone shows that the budget would refuse it."""
    try:
        check_estimates(budget, found, meter)
    except RunError as error:
        print(f"over the budget: {error.message}", file=sys.stderr)

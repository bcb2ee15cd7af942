"""What runs cost, as cells of a table and as sentences; the table and the page show the same."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .costs import CALLS, Costs, break_even
from .numbers import NONE, count, duration, part

if TYPE_CHECKING:
    from .compare import ComparedRun

HEADER = ("params", "training", "device h", "training $", "row median", "row p95", "1,000 rows $")
FORMULA = (
    "Break-even: what training cost, over what an answer cost before less what it costs after."
)


def cost_cells(run: "ComparedRun") -> tuple[str, ...]:
    """Return the cells of a run, in the order of `HEADER`."""
    costs = run.costs
    assert costs is not None, "runs that are compared have their costs"
    return (
        count(part(run.result, "parameters", "total")),
        duration(costs.train_seconds) if costs.trains else NONE,
        f"{costs.device_hours:.3g}" if costs.trains and costs.device_hours else NONE,
        dollars(costs.train_usd) if costs.trains else NONE,
        seconds(costs.row_median),
        seconds(costs.row_p95),
        dollars(costs.usd_per_thousand),
    )


def dollars(value: float | None) -> str:
    """Write US dollars with as many digits as tell something; `?` where no price is known."""
    if value is None:
        return "?"
    return f"{value:,.2f}" if value >= 1 or value == 0 else f"{value:.2g}"


def seconds(value: float | None) -> str:
    """Write a wait: milliseconds below a second."""
    if value is None:
        return NONE
    return f"{1000 * value:.0f} ms" if value < 0.9995 else duration(value)


def cost_notes(runs: Sequence["ComparedRun"]) -> list[str]:
    """Say where prices come from, and after how many answers training is paid back."""
    pairs = list(_pairs(runs))
    notes = []
    if any(run.costs and run.costs.usd_per_thousand is None for run in runs):
        notes.append(
            "?: no price is known. That of a machine is usd_per_hour in hardware.yaml, or "
            "--usd-per-hour; that of an endpoint is price in the spec."
        )
    if pairs:
        notes.append(FORMULA)
    return [*notes, *(_sentence(before, after) for before, after in pairs)]


def _pairs(runs: Sequence["ComparedRun"]) -> list[tuple["ComparedRun", "ComparedRun"]]:
    """Pair each trained run with the first that only asks."""
    asking = next((run for run in runs if run.costs and not run.costs.trains), None)
    trained = [run for run in runs if run.costs and run.costs.trains]
    return [(asking, run) for run in trained] if asking else []


def _sentence(before: "ComparedRun", after: "ComparedRun") -> str:
    old, new = before.costs, after.costs
    assert old is not None and new is not None
    found = break_even(old, new)
    head = f"{after.title} against {before.title}: "
    if isinstance(found, str):
        return f"{head}break-even {found}"
    base = f", without what {new.base} took" if new.base else ""
    return f"{head}break-even after {found:,.0f} answers{_by_time(old, new)}{base}"


def _by_time(old: Costs, new: Costs) -> str:
    priced = None not in (new.train_usd, old.usd_per_call, new.usd_per_call)
    return "" if priced else " (by time, on the same machine)"


def costs_json(run: "ComparedRun") -> dict[str, Any]:
    """Return costs with their units in the names; None is unknown."""
    costs = run.costs
    assert costs is not None, "runs that are compared have their costs"
    return {
        "train_seconds": costs.train_seconds,
        "device_hours": costs.device_hours,
        "train_usd": costs.train_usd,
        f"usd_per_{CALLS}_rows": costs.usd_per_thousand,
        "row_seconds": costs.row_seconds,
        "row_seconds_median": costs.row_median,
        "row_seconds_p95": costs.row_p95,
        "usd_per_hour": costs.usd_per_hour,
    }


def break_even_json(runs: Sequence["ComparedRun"]) -> list[dict[str, Any]]:
    """Return the answers after which each trained run is paid back, or why it is not known."""
    found = []
    for before, after in _pairs(runs):
        assert before.costs is not None and after.costs is not None
        said = break_even(before.costs, after.costs)
        key = "why" if isinstance(said, str) else "answers"
        found.append({"before": before.title, "after": after.title, key: said})
    return found

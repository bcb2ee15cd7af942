"""What a run cost and what each answer of it costs, in time and, where a price is known, dollars.

Prices are those of the run's own records: of endpoints those of the spec, of devices those that the
project's `hardware.yaml` or the command line gives. What is not known is None, never 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .files import read_json
from .numbers import part

if TYPE_CHECKING:
    from .compare import ComparedRun

CALLS = 1000
"""Answers that a price is said for."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of one run; seconds of the wall clock, US dollars.

    `train_seconds` and `device_hours` are of the training loop, 0 where nothing is trained.
    `row_seconds` is the mean time of a test row: the machine's, whose rows are asked several at
    once, or an endpoint's. `row_median` and `row_p95` are how long a row waited for its answer.
    """

    trains: bool
    train_seconds: float | None
    device_hours: float | None
    train_usd: float | None
    usd_per_call: float | None
    row_seconds: float | None
    row_median: float | None
    row_p95: float | None
    local: bool
    usd_per_hour: float | None
    base: str | None  # run:NAME that the model came from

    @property
    def usd_per_thousand(self) -> float | None:
        return None if self.usd_per_call is None else CALLS * self.usd_per_call


def costs_of(run: "ComparedRun", usd_per_hour: float | None = None) -> Costs:
    """Return what the records of `run` say; `usd_per_hour` is of a device that has no price."""
    result, plan = run.result, read_json(run.info.folder / "plan.json") or {}
    estimate = read_json(run.info.folder / "expected.json") or {}
    devices = _devices(plan)
    priced = _number(part(estimate, "device", "usd_per_hour"))
    hourly = priced if priced is not None else usd_per_hour
    trains = run.info.level != "prompt"
    seconds = _number(part(result, "seconds", "train")) if trains else 0.0
    hours = None if seconds is None else seconds * devices / 3600
    cell, rows = _cell(result), _number(part(result, "task", "rows"))
    local = not _asks_endpoint(plan)
    each = (
        _row_seconds(result, _number(cell.get("calls")) or rows)
        if local
        else _number(cell.get("seconds"))
    )
    second = None if hourly is None else hourly / 3600  # one device asks, however many trained
    usd = _product(each, second) if local else _answer_usd(cell)
    base = part(plan, "model", "path")
    return Costs(
        trains=trains,
        train_seconds=seconds,
        device_hours=hours,
        train_usd=0.0 if not trains else _product(hours, hourly),
        usd_per_call=usd,
        row_seconds=each,
        row_median=_number(cell.get("seconds_median") or part(result, "seconds", "row_median")),
        row_p95=_number(cell.get("seconds_p95") or part(result, "seconds", "row_p95")),
        local=local,
        usd_per_hour=hourly if local or trains else None,
        base=base if isinstance(base, str) and base.startswith("run:") else None,
    )


def break_even(before: Costs, after: Costs) -> float | str:
    """Return the answers after which training is paid back, or why there is no such number.

    With T the cost of training, b and a those of an answer of the model as it was and as it is
    trained: T / (b - a) answers, in dollars. Where no price is known and both run on machines of
    one's own, time takes the place of money, since an hour costs the same for both: seconds of
    training over the seconds that an answer saves.
    """
    if not after.trains:
        return "nothing is trained"
    trained, old, new = after.train_usd, before.usd_per_call, after.usd_per_call
    if None in (trained, old, new):
        if not (before.local and after.local) or before.usd_per_hour or after.usd_per_hour:
            return f"unknown: no price of {_unknown(before, after)}"
        trained, old, new = after.train_seconds, before.row_seconds, after.row_seconds
    if trained is None or old is None or new is None:
        return "unknown: not measured"
    if new >= old:
        return "never: an answer costs no less than before"
    return trained / (old - new)


def _unknown(before: Costs, after: Costs) -> str:
    missing = [
        name
        for name, value in (
            ("an answer of the prompt", before.usd_per_call),
            ("the training", after.train_usd),
            ("an answer of the trained model", after.usd_per_call),
        )
        if value is None
    ]
    return ", ".join(missing)


def _devices(plan: Mapping[str, Any]) -> int:
    """Return how many devices a run held at once, over all machines."""
    each = part(plan, "common", "hardware", "devices") or 1
    nodes = part(plan, "common", "hardware", "nodes") or 1
    return int(each) * int(nodes)


def _asks_endpoint(plan: Mapping[str, Any]) -> bool:
    models = plan.get("models") or ()
    return any(isinstance(one, list) and "base_url" in (one[-1] or {}) for one in models)


def _cell(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the figures of answers that were written, which are one column's."""
    cells: Sequence[Any] = part(result, "cells") or ()
    return cells[0] if len(cells) == 1 and isinstance(cells[0], Mapping) else {}


def _row_seconds(result: Mapping[str, Any], rows: float | None) -> float | None:
    """Return the machine's time for a row; of several at once each has its share."""
    seconds = _number(part(result, "seconds", "evaluate"))
    return None if seconds is None or not rows else seconds / rows


def _answer_usd(cell: Mapping[str, Any]) -> float | None:
    usd, calls = _number(cell.get("usd")), _number(cell.get("calls"))
    return None if usd is None or not calls else usd / calls


def _product(time: float | None, price: float | None) -> float | None:
    return None if time is None or price is None else time * price


def _number(value: Any) -> float | None:
    sound = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if sound else None

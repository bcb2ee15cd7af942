"""The last steps of every experiment, whatever it measured: seconds, record, summary, gates."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from .records import Run
from .scoring.gates import Gate, Verdict, enforce, judge, record_verdicts

_STARTED = time.monotonic()  # every program imports this with what it ends by


def spent(
    *, train: float | None = None, evaluate: float, waits: Mapping[str, float] | None = None
) -> dict[str, float]:
    """Return the wall seconds of a result; `total` counts from when the program was imported.

    `waits` are those of a test row, median and 95th percentile, where they were measured.
    """
    known = {} if train is None else {"train": round(train, 3)}
    total = round(time.monotonic() - _STARTED, 3)
    return {**known, "evaluate": round(evaluate, 3), "total": total, **(waits or {})}


def present(**more: Any) -> dict[str, Any]:
    """Return of a result's parts those that there are."""
    return {name: value for name, value in more.items() if value is not None}


def end(
    run: Run, result: Mapping[str, Any], lines: Sequence[str], verdicts: Sequence[Verdict]
) -> None:
    """Mark the run completed with its result, show its summary, and let its gates decide.

    Raises:
        SystemExit: with code 4, where a gate does not hold.
    """
    run.finish(**result, **record_verdicts(run, verdicts))
    if lines:
        print("\n".join(lines), flush=True)
    enforce(verdicts)


def end_measured(
    run: Run,
    result: Mapping[str, Any],
    lines: Sequence[str],
    gates: Sequence[Gate],
    measured: Mapping[str, Any] | None = None,
) -> None:
    """End a run of one model, whose gates look at `measured`: its metrics, unless more is given.

    Raises:
        SystemExit: with code 4, where a gate does not hold.
    """
    looked = result.get("metrics", {}) if measured is None else measured
    end(run, result, lines, judge(gates, {run.name: looked}))

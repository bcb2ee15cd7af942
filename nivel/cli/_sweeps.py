"""Sweeps on the command line: their trials compiled, run in turn, and recorded as one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nivel.cli._again import Again
    from nivel.cli._jobs import Job
    from nivel.compiler.check import Checked
    from nivel.compiler.overrides import Overrides
    from nivel.compiler.plan import Plan
    from nivel.compiler.sweeping import Sweep, Trial

Planned = tuple["Plan | None", "Checked"]


def plan_trials(
    spec: str, checked: Checked, overrides: Overrides | None, locked: bool
) -> list[Planned] | None:
    """Plan every trial of a sound spec; None where it is no sweep."""
    from nivel.compiler.api import plan
    from nivel.compiler.trying import sweep_of

    found = sweep_of(checked)
    if found is None:
        return None
    _, trials = found
    return [plan(spec, trial.overrides(overrides), locked=locked) for trial in trials]


def record_sweep(checked: Checked) -> None:
    """Write which trials a sweep has, for `nivel compare`; nothing where the spec is none."""
    from nivel.compiler.trying import sweep_of
    from nivel.runtime.records import write_sweep

    if (found := sweep_of(checked)) is None or checked.spec is None:
        return
    sweep, trials = found
    write_sweep(
        Path.cwd() / "runs" / checked.spec.name,
        metric=sweep.metric,
        direction=sweep.direction,
        trials=[{"name": trial.name, "values": dict(trial.values)} for trial in trials],
    )


def run_sweep(
    base: Checked, jobs: list[Job], again: Again, run: Callable[[Job, Again], None]
) -> None:
    """Run the trials that have not been run, one after the other; a trial that fails stays alone.

    With `--resume latest` finished trials stay, and those that were cut off go on.
    """
    from nivel.cli._again import LATEST
    from nivel.runtime.errors import RunError
    from nivel.runtime.records import compare_sweep

    if again.reuse or again.resume not in (None, LATEST):
        raise click.UsageError("a sweep goes on as a whole: --resume latest")
    record_sweep(base)
    code = 0
    for job in jobs:
        mine = _for_trial(job, again)
        if mine is None:
            click.echo(f"{job.plan.common.name}: finished before")
            continue
        try:
            run(job, mine)
        except SystemExit as error:
            code = code or int(error.code or 0)
            if _status(job) == "stopped":
                raise  # interrupted, which is meant for all
    folder = Path.cwd() / "runs" / str(base.spec.name if base.spec else "")
    with suppress(RunError):
        click.echo("\n" + compare_sweep(folder).render_text().rstrip("\n"))
    if code:
        sys.exit(code)


def _for_trial(job: Job, again: Again) -> Again | None:
    """Return how a trial is run: anew, or on from where it was; None where it is finished."""
    from nivel.cli._same import is_same
    from nivel.runtime.records import newest_run

    found = newest_run(Path.cwd() / "runs" / job.plan.common.name) if again.resume else None
    if found is None or not is_same(job, found.folder):
        return replace(again, resume=None)
    if found.status == "completed":
        return None
    mine = replace(again, resume=found.id)
    mine.check([job])
    return mine


def _status(job: Job) -> str | None:
    from nivel.runtime.records import newest_run

    found = newest_run(Path.cwd() / "runs" / job.plan.common.name)
    return found.status if found else None


def trial_lines(checked: Checked) -> list[tuple[str, str]]:
    """The plan's lines on the trials: how many, and each with its values."""
    from nivel.compiler.trying import sweep_of

    if (found := sweep_of(checked)) is None:
        return []
    sweep, trials = found
    return [_head(sweep, len(trials)), *(("", _line(trial)) for trial in trials)]


def _head(sweep: Sweep, count: int) -> tuple[str, str]:
    ranked = f", ranked by {sweep.metric}" if sweep.metric else ""
    return "sweep", f"{sweep.type}, {count} trials{ranked}; the plan above is that of the spec"


def _line(trial: Trial) -> str:
    from nivel.compiler.sweeping import as_text

    values = ", ".join(f"{path} {as_text(value)}" for path, value in trial.values)
    return f"{trial.name}: {values}"

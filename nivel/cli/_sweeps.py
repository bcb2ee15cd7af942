"""Sweeps on the command line: their trials compiled, run in turn, and recorded as one."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from nivel.cli._again import Again
    from nivel.cli._jobs import Job
    from nivel.cli._launch import Queue
    from nivel.cli._running import Outcome
    from nivel.compiler.check import Checked
    from nivel.compiler.overrides import Overrides
    from nivel.compiler.plan import Plan
    from nivel.compiler.sweeping import Sweep, Trial

Planned = tuple["Plan | None", "Checked"]


@dataclass(frozen=True, slots=True)
class Trials:
    """A sweep that is to be run: its spec, the trials that are known, compiled, and options."""

    base: Checked
    jobs: list[Job]
    overrides: Overrides | None

    @property
    def sweep(self) -> Sweep:
        """What is varied, and how."""
        return self._found()[0]

    @property
    def known(self) -> list[Trial]:
        """The trials of the jobs, in their order."""
        return self._found()[1]

    @property
    def name(self) -> str:
        """The spec's own name, which that of each trial begins with."""
        return str((self.base.filled or {})["name"])

    @property
    def folder(self) -> Path:
        """Where the sweep as a whole is recorded."""
        return Path.cwd() / "runs" / self.name

    def _found(self) -> tuple[Sweep, list[Trial]]:
        from nivel.compiler.trying import sweep_of

        found = sweep_of(self.base)
        assert found is not None, "jobs of a sweep are made of one"
        return found


def plan_trials(spec: str, checked: Checked, overrides: Overrides | None) -> list[Planned] | None:
    """Plan the trials of a sound spec that are known; None where it is no sweep.

    What its lock says of their files was seen to with the spec itself.
    """
    from nivel.compiler.api import plan
    from nivel.compiler.trying import sweep_of

    found = sweep_of(checked)
    if found is None:
        return None
    _, trials = found
    return [plan(spec, trial.overrides(overrides)) for trial in trials]


def run_sweep(trials: Trials, again: Again, told: Mapping[str, str], queue: Queue) -> None:
    """Run the trials that have not been run, one after the other; a trial that fails stays alone.

    With `--resume latest` finished trials stay, and those that were cut off go on. With `--submit`
    they are left in the queue, side by side.
    """
    from nivel.cli._again import LATEST
    from nivel.cli._search import run_search

    if again.reuse or again.resume not in (None, LATEST):
        raise click.UsageError("a sweep goes on as a whole: --resume latest")
    if trials.sweep.searches:
        end_sweep(trials, run_search(trials, again, told, queue))
        return
    record(trials, trials.known)
    if not queue.wait:
        from nivel.cli._arrays import submit_trials

        submit_trials(trials, again, told, queue)
        return
    code = 0
    for number, job in enumerate(trials.jobs):
        outcome = run_trial(job, again, told, queue)
        if outcome.interrupted:
            stop_sweep(trials, number, len(trials.jobs), outcome.code)
        code = code or outcome.code
    end_sweep(trials, code)


def record(trials: Trials, so_far: list[Trial], search: Mapping[str, object] | None = None) -> None:
    """Write which trials the sweep has, for `nivel compare`."""
    from nivel.runtime.records import write_sweep

    write_sweep(
        trials.folder,
        metric=trials.sweep.metric,
        direction=trials.sweep.direction,
        trials=[{"name": trial.name, "values": dict(trial.values)} for trial in so_far],
        search=search,
    )


def run_trial(job: Job, again: Again, told: Mapping[str, str], queue: Queue) -> Outcome:
    """Run a trial, anew or on from where it was; one that is finished stays as it is."""
    from nivel.cli._running import Outcome, run_one

    mine, finished = how_to_run(job, again)
    if finished is not None:
        click.echo(f"{job.plan.common.name}: finished before")
        return Outcome(finished, 0)
    queue.last = None  # a trial runs whatever became of those before it
    return run_one(job, mine, told, queue)


def how_to_run(job: Job, again: Again) -> tuple[Again, Path | None]:
    """Return how a trial is run, and the folder of its run where that is finished."""
    from nivel.cli._same import is_same
    from nivel.runtime.records import newest_run

    found = newest_run(Path.cwd() / "runs" / job.plan.common.name) if again.resume else None
    if found is None or not is_same(job, found.folder):
        return replace(again, resume=None), None
    if found.status == "completed":
        return again, found.folder
    mine = replace(again, resume=found.id)
    mine.check([job])
    return mine, None


def stop_sweep(trials: Trials, ended: int, count: int, code: int) -> NoReturn:
    """Say how to go on with a sweep that a person stopped, and end."""
    spec = trials.base.included[0].home.shown
    click.echo(
        f"{trials.name}: stopped, {ended} of {count} trials have ended. Go on with: "
        f"nivel run {spec} --resume latest",
        err=True,
    )
    sys.exit(code)


def end_sweep(trials: Trials, code: int) -> None:
    """Show the trials side by side; end with the exit code of the first that failed."""
    from nivel.runtime.errors import RunError
    from nivel.runtime.records import compare_sweep

    with suppress(RunError):
        click.echo("\n" + compare_sweep(trials.folder).render_text().rstrip("\n"))
    if code:
        sys.exit(code)


def trial_lines(checked: Checked) -> list[tuple[str, str]]:
    """The plan's lines on the trials: how many, and each that is known with its values."""
    from nivel.compiler.sweeping import size
    from nivel.compiler.trying import sweep_of

    if (found := sweep_of(checked)) is None:
        return []
    sweep, trials = found
    count = size(sweep) if sweep.searches else len(trials)
    return [
        _head(sweep, count),
        *(("", _line(trial)) for trial in trials),
        *(("", line) for line in later_lines(checked)),
    ]


def later_lines(checked: Checked) -> list[str]:
    """Say what is not known of a search before it runs; nothing of another sweep."""
    from nivel.compiler.sweeping import size
    from nivel.compiler.trying import sweep_of

    if (found := sweep_of(checked)) is None or not found[0].searches:
        return []
    sweep, trials = found
    more = size(sweep) - len(trials)
    drawn = f"{len(trials)} drawn at random"
    return [f"{drawn}, then {more} chosen by {sweep.sampler} from what came of those before"]


def _head(sweep: Sweep, count: int) -> tuple[str, str]:
    ranked = f", ranked by {sweep.metric}" if sweep.metric else ""
    return "sweep", f"{sweep.type}, {count} trials{ranked}; the plan above is that of the spec"


def _line(trial: Trial) -> str:
    from nivel.compiler.sweeping import as_text

    values = ", ".join(f"{path} {as_text(value)}" for path, value in trial.values)
    return f"{trial.name}: {values}"

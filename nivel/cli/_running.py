"""One run from its folder to its end, and how it ended."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from nivel.cli._common import GATE_FAILED, RUN_FAILED
from nivel.cli._jobs import Job, why, write_run_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nivel.cli._again import Again
    from nivel.cli._launch import Queue

INTERRUPTED = 130
"""What shells call a command that an interrupt ended; the wait for a job ends so."""


class Outcome(NamedTuple):
    """How a run ended: its folder, the exit code that it asks for, whether a person stopped it."""

    folder: Path
    code: int
    interrupted: bool = False

    def require(self) -> None:
        """End with the run's exit code, where it is not 0."""
        if self.code:
            sys.exit(self.code)


def run_one(job: Job, again: Again, told: Mapping[str, str], queue: Queue) -> Outcome:
    """Write a run's folder, start its program as the spec says, and say what became of it."""
    from nivel.cli._launch import QUEUED, start

    folder = write_run_folder(job, again)
    name, shown = job.plan.common.name, folder.relative_to(Path.cwd())
    click.echo(f"\n{name}: running in {shown}")
    code = start(job, folder, told, queue)
    if code in (0, QUEUED):
        if code == 0:
            _write_footprint(job, folder)
            click.echo(f"{name}: done, see {shown}")
        return Outcome(folder, 0)
    if code == GATE_FAILED:
        click.echo(f"{name}: a gate did not hold, see {shown}", err=True)
        return Outcome(folder, GATE_FAILED)
    click.echo(f"the run did not finish ({why(code)}); what it left is in {shown}", err=True)
    if any((folder / "checkpoints").glob("step-*")):
        click.echo(f"go on with it: add --resume {folder.name}", err=True)
    return Outcome(folder, RUN_FAILED, _stopped_by_a_person(code))


def _write_footprint(job: Job, folder: Path) -> None:
    """Set what the run took beside what its plan foretells for the rows that it met."""
    from dataclasses import asdict

    from nivel.compiler.costs.parameters import count
    from nivel.compiler.costs.verified import verdict
    from nivel.compiler.plan import FinetunePlan, PretrainPlan
    from nivel.runtime.records.files import read_json, write_json
    from nivel.runtime.records.report_details import FOOTPRINT

    result = read_json(folder / "result.json")
    found = result.get("footprint") if isinstance(result, dict) else None
    if not isinstance(job.plan, FinetunePlan | PretrainPlan) or not found:
        return
    if found["seconds_per_step"] is None:  # one step alone is not timed
        return
    (known,) = count(job.plan, job.checked.project)
    write_json(folder / FOOTPRINT, asdict(verdict(job.plan, known, found)))


def _stopped_by_a_person(code: int) -> bool:
    from signal import SIGINT, SIGTERM

    return code in (-SIGINT, -SIGTERM, INTERRUPTED)

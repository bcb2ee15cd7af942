"""The trials of a sweep in Slurm's queue, as one array."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nivel.cli._jobs import environment, new_id, write_run_folder
from nivel.cli._slurm import OUTPUT, sbatch, write_queued
from nivel.cli._sweeps import Trials, how_to_run

if TYPE_CHECKING:
    from nivel.cli._again import Again
    from nivel.cli._jobs import Job
    from nivel.cli._launch import Queue


def submit_trials(trials: Trials, again: Again, told: Mapping[str, str], queue: Queue) -> None:
    """Leave all trials that are not finished in the queue, as tasks of one array.

    Trials that ask for different machines are several arrays. They begin when the job before them
    has ended well, and what comes after begins when all of them have.

    Raises:
        RunError: Slurm does not take an array.
    """
    from nivel.compiler.emit.array_script import array_scripts

    begun = [(job, folder) for job in trials.jobs if (folder := _prepared(job, again))]
    if not begun:
        click.echo(f"{trials.name}: all trials have finished before")
        return
    place = trials.folder / new_id()
    place.mkdir(parents=True)
    plans = [job.plan for job, _ in begun]
    folders = [folder.relative_to(Path.cwd()).as_posix() for _, folder in begun]
    numbers = []
    for array in array_scripts(trials.name, plans, folders, prepared=True):
        script = place / array.script.path
        script.write_text(array.script.text, encoding="utf-8", newline="\n")
        number = sbatch(script, place / OUTPUT, _known(place, told), after=queue.last)
        numbers.append(number)
        for task, index in enumerate(array.trials):
            job, folder = begun[index]
            write_queued(job, folder, f"{number}_{task}")
        click.echo(
            f"{trials.name}: {len(array.trials)} trials are in the queue as array {number}; the "
            f"output of each goes to {OUTPUT} in its folder. End them with: scancel {number}"
        )
    queue.last = ":".join(numbers)


def _prepared(job: Job, again: Again) -> Path | None:
    """Write the folder of a trial's run, or find the one to go on in; None where it is finished."""
    mine, finished = how_to_run(job, again)
    if finished is not None:
        click.echo(f"{job.plan.common.name}: finished before")
        return None
    return write_run_folder(job, mine)


def _known(place: Path, told: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of an array; its script says which folder a task has."""
    known = {**environment(place, here=False), **told, "NIVEL_PYTHON": sys.executable}
    del known["NIVEL_RUN_DIR"]
    return known

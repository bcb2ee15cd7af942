"""Runs that Slurm runs: given to its queue, and waited for."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nivel.cli._jobs import Job

OUTPUT = "slurm.out"
SECONDS_BETWEEN_LOOKS = 0.5
_EXIT = re.compile(r"\bExitCode=(\d+):(\d+)")
_STATE = re.compile(r"\bJobState=([A-Z_]+)")
_ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "OUT_OF_MEMORY",
          "BOOT_FAIL", "DEADLINE")  # fmt: skip


def check_slurm() -> None:
    """Refuse to go on where there is no Slurm to give a job to."""
    if shutil.which("sbatch") is None:
        raise click.UsageError(
            "launcher slurm needs `sbatch`, which is not here: run this on a machine that gives "
            "jobs to the cluster, or compile the spec and take the folder there"
        )


def submit(job: Job, folder: Path, known: Mapping[str, str], *, after: str | None) -> str:
    """Give the job in `folder` to the queue, to begin when the job `after` has ended well.

    Returns:
        The number of the job.

    Raises:
        RunError: Slurm does not take it.
    """
    from nivel.compiler.launching import JOB

    number = sbatch(folder / JOB, folder / OUTPUT, known, after=after)
    write_queued(job, folder, number)
    click.echo(f"job {number} is in the queue; its output goes to {folder.name}/{OUTPUT}")
    return number


def sbatch(script: Path, output: Path, known: Mapping[str, str], *, after: str | None) -> str:
    """Give a script to the queue, to run in the project; return the number of the job.

    Raises:
        RunError: Slurm does not take it.
    """
    from nivel.runtime.errors import RunError

    order = [f"--dependency=afterok:{after}", "--kill-on-invalid-dep=yes"] if after else []
    where = [f"--chdir={Path.cwd()}", f"--output={_pattern(output)}"]
    command = ["sbatch", "--parsable", *where, *order, str(script)]
    said = subprocess.run(command, env=dict(known), capture_output=True, text=True, check=False)
    if said.returncode != 0:
        raise RunError(f"Slurm does not take the job: {said.stderr.strip()}", "see hardware.slurm")
    return said.stdout.strip().partition(";")[0]


def _pattern(path: Path) -> str:
    """Write a path where Slurm takes a pattern."""
    return str(path).replace("%", "%%")


def write_queued(job: Job, folder: Path, number: str) -> None:
    """Have `nivel runs` know of the run before it begins, unless it has begun already."""
    from nivel.runtime.records import begin_queued

    begin_queued(folder, name=job.plan.common.name, level=job.plan.level, job=number)


def wait(number: str, folder: Path) -> int:
    """Show a job's output until the job has ended; return the exit code of its program.

    An interrupt leaves the job where it is.
    """
    from nivel.runtime.records.files import print_from

    shown = 0
    try:
        while True:
            state, code = _look(number)
            shown = print_from(folder / OUTPUT, shown)
            if state in _ENDED:
                print_from(folder / OUTPUT, shown)
                return code
            time.sleep(SECONDS_BETWEEN_LOOKS)
    except KeyboardInterrupt:
        click.echo(f"\njob {number} goes on; end it with: scancel {number}", err=True)
        sys.exit(130)


def _look(number: str) -> tuple[str, int]:
    """Return the state of a job and its exit code, -N for signal N.

    One that Slurm has forgotten has ended; what became of it is in its record then.
    """
    said = subprocess.run(
        ["scontrol", "show", "job", "--oneliner", number],
        capture_output=True,
        text=True,
        check=False,
    )
    state, code = _STATE.search(said.stdout), _EXIT.search(said.stdout)
    if said.returncode != 0 or state is None or code is None:
        gone = "Invalid job id" in said.stderr
        return ("FAILED", 1) if gone else ("UNKNOWN", 1)
    exited, signal = int(code[1]), int(code[2])
    if state[1] in _ENDED and state[1] != "COMPLETED":
        return state[1], -signal if signal else exited or 1
    return state[1], exited

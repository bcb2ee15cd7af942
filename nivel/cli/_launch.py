"""How a compiled program is started: by itself, by torchrun, by Slurm, or by Ray."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nivel.cli._jobs import environment, execute

if TYPE_CHECKING:
    from nivel.cli._jobs import Job
    from nivel.compiler.launching import LaunchPlan
    from nivel.compiler.launching_ray import RayPlan

QUEUED = -1000
"""In place of an exit code: the run is in a queue, and nothing waits for it."""


@dataclass(slots=True)
class Queue:
    """How runs are given to Slurm; ``last`` is the job that the next one comes after."""

    wait: bool
    last: str | None = None


def launch_of(job: Job) -> LaunchPlan | None:
    """Return how a job is started; None where its program starts its processes itself."""
    return job.plan.common.hardware.launch


def check_launchers(jobs: Sequence[Job], submit: bool) -> None:
    """Refuse what cannot be started here, before anything is written.

    Raises:
        ExtraError: Ray is not installed.
    """
    named = [launch.launcher if (launch := launch_of(job)) else "lightning" for job in jobs]
    if submit and set(named) != {"slurm"}:
        raise click.UsageError("--submit leaves runs in the queue of Slurm: `launcher: slurm`")
    for job, name in zip(jobs, named, strict=True):
        if name == "torchrun" and (nodes := job.plan.common.hardware.nodes) > 1:
            raise click.UsageError(
                f"{job.plan.common.name} is for {nodes} machines, and `nivel run` starts torchrun "
                "on this one: compile it, and start on each what the head of the program says"
            )
    if "ray" in named:
        from nivel.runtime.extras import find_extra

        for package in ("ray", "pyarrow"):
            find_extra(package, "ray", who="launcher ray")
    if "slurm" in named:
        from nivel.cli._slurm import check_slurm

        check_slurm()


def start(job: Job, folder: Path, told: Mapping[str, str], queue: Queue) -> int:
    """Start the program in `folder` as its spec says; return its exit code, or QUEUED.

    Raises:
        RunError: Slurm does not take the job.
    """
    launch = launch_of(job)
    if launch is None or (launch.ray is not None and launch.ray.answers):
        return execute(folder, told)
    if launch.ray is not None:
        return _ray(job, launch, launch.ray, folder, told)
    if launch.launcher == "torchrun":
        return _torchrun(job, launch, folder, told)
    from nivel.cli._slurm import submit, wait

    known = {**environment(folder, here=False), **told, "NIVEL_PYTHON": sys.executable}
    queue.last = submit(job, folder, known, after=queue.last)
    return wait(queue.last, folder) if queue.wait else QUEUED


def _torchrun(job: Job, launch: LaunchPlan, folder: Path, told: Mapping[str, str]) -> int:
    from nivel.cli._process import run_program
    from nivel.compiler.launching import torchrun_options

    options = torchrun_options(job.plan.common.hardware.devices, launch.restarts)
    program = [sys.executable, "-m", "torch.distributed.run", *options]
    known = {**environment(folder), **told, "NIVEL_LAUNCHER": "torchrun"}
    code = run_program([*program, str(folder / "experiment.py")], known)
    return code or said_code(folder)


def _ray(job: Job, launch: LaunchPlan, ray: RayPlan, folder: Path, told: Mapping[str, str]) -> int:
    from nivel.cli._process import run_program
    from nivel.compiler.launching_ray import MODULE, ray_options

    hardware = job.plan.common.hardware
    options = ray_options(ray, hardware.devices, hardware.nodes, launch.restarts)
    program = [sys.executable, "-m", MODULE, *options, str(folder / "experiment.py")]
    code = run_program(program, {**environment(folder), **told})
    return code or said_code(folder)


def said_code(folder: Path) -> int:
    """Return the exit code that the program of a run has left in its record; 0 where it has not.

    A program that ends with another code is started again by torchrun and Ray, whatever the reason.
    """
    try:
        found = json.loads((folder / "run.json").read_text(encoding="utf-8")).get("code", 0)
    except (OSError, ValueError):
        return 1
    return found if isinstance(found, int) else 1

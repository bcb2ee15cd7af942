"""What starts the processes of a program: one of the engines that there are.

The experiment is the same under each. A launcher decides where processes run, and what becomes of
them when one dies: the program itself goes on from its newest checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .launching_ray import MODULE, RayPlan, plan_ray, ray_lines, ray_options

if TYPE_CHECKING:
    from .machine import HardwareSpec

LIGHTNING = "lightning"
RESTARTS = 3
"""Starts after a process died where the spec does not say; a program's own fault comes back."""

PROGRAM = "experiment.py"
JOB = "job.sbatch"
ARRAY = "array.sbatch"


@dataclass(frozen=True, slots=True)
class SlurmSpec:
    """What Slurm is asked for; None leaves it to the cluster.

    ``requeue`` counts how often the job is put back into the queue, and ``stop_before`` is in
    seconds ahead of the end of its time. ``at_once`` is the most trials of a sweep that run at the
    same time.
    """

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    time: str | None = None
    memory: str | None = None
    constraint: str | None = None
    gpu_type: str | None = None
    requeue: int = 20
    stop_before: int = 120
    at_once: int | None = None


@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """How processes are started, where Lightning is not to do it itself."""

    launcher: str
    restarts: int
    slurm: SlurmSpec | None = None
    ray: RayPlan | None = None


def read_slurm(said: dict[str, Any]) -> SlurmSpec:
    """Type what the spec says of Slurm."""
    typed = dict(said)
    for key in ("requeue", "stop_before", "at_once"):
        if key in said:
            typed[key] = int(said[key])
    return SlurmSpec(**typed)


def plan_launch(machine: HardwareSpec, trains: bool) -> LaunchPlan | None:
    """Return what starts the processes; None where Lightning does."""
    if machine.launcher == LIGHTNING:
        return None
    times = RESTARTS if machine.restarts is None else machine.restarts
    if machine.launcher == "slurm":
        return LaunchPlan("slurm", times, machine.slurm or SlurmSpec())
    if machine.launcher == "ray":
        workers, kind = machine.processes, machine.accelerator
        asked = plan_ray(machine.ray, workers, not trains, kind, machine.threads)
        return LaunchPlan("ray", times, None, asked)
    return LaunchPlan(machine.launcher, times)


def torchrun_options(devices: int, restarts: int, nodes: int = 1) -> list[str]:
    """The options of `torchrun`, as it takes them on a command line.

    Several machines meet at HOST:PORT, one of theirs, which whoever starts them puts in.
    """
    alone = ["--standalone"]
    together = [f"--nnodes={nodes}", "--rdzv-backend=c10d", "--rdzv-endpoint=HOST:PORT"]
    processes = [f"--nproc-per-node={devices}", f"--max-restarts={restarts}"]
    return [*(alone if nodes == 1 else together), *processes]


def start_line(launch: LaunchPlan | None, devices: int, nodes: int = 1) -> str:
    """Say what a person types to start the program by hand."""
    if launch is None or (launch.ray is not None and launch.ray.answers):
        return f"python {PROGRAM}"
    if launch.launcher == "torchrun":
        return " ".join(["torchrun", *torchrun_options(devices, launch.restarts, nodes), PROGRAM])
    if launch.ray is not None:
        options = ray_options(launch.ray, devices, nodes, launch.restarts)
        return " ".join(["python", "-m", MODULE, *options, PROGRAM])
    return f"sbatch {JOB}"


def launch_lines(launch: LaunchPlan | None) -> list[tuple[str, str]]:
    """The plan's lines on the launcher."""
    if launch is None:
        return []
    who = "another worker" if launch.ray and launch.ray.answers else "all again"
    again = f"starts {who} when a process dies, {_times(launch.restarts)}"
    lines = [("launcher", f"{launch.launcher}, {again}")]
    if launch.ray is not None:
        lines += ray_lines(launch.ray)
    if launch.slurm is not None:
        lines += _slurm_lines(launch.slurm)
    return lines


def _times(count: int) -> str:
    words: dict[int, str] = {0: "never", 1: "once at most"}
    return words.get(count, f"{count} times at most")


def _slurm_lines(slurm: SlurmSpec) -> list[tuple[str, str]]:
    names = ("partition", "account", "qos", "time", "memory", "constraint", "gpu_type")
    said = [f"{name} {getattr(slurm, name)}" for name in names if getattr(slurm, name)]
    queued = f"back into the queue {_times(slurm.requeue)}"
    if slurm.requeue:
        queued += f", {slurm.stop_before} s before its time is up or when preempted"
    return [("slurm", ", ".join([*said, queued]))]

"""What Ray is asked for: workers that train, or workers that answer.

Where the cluster is, no spec says: it would decide where this machine's programs are sent to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MODULE = "nivel.runtime.ray"
"""What starts a program's workers, as `python -m` takes it."""


@dataclass(frozen=True, slots=True)
class RaySpec:
    """What one worker takes of the cluster; ``cpus`` is None for as many as it has threads.

    ``resources`` are (name, amount), those that the cluster's nodes were given names for.
    """

    cpus: float | None = None
    gpu_type: str | None = None
    resources: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class RayPlan:
    """The workers of a run, and what each takes.

    ``answers`` says that they answer rows and the program itself starts them; else they train.
    """

    workers: int
    answers: bool
    cpus: float
    gpus: int
    gpu_type: str | None
    resources: tuple[tuple[str, float], ...]


def read_ray(said: dict[str, Any]) -> RaySpec:
    """Type what the spec says of Ray."""
    cpus = said.get("cpus")
    named = said.get("resources", {})
    resources = tuple((str(name), float(amount)) for name, amount in sorted(named.items()))
    return RaySpec(None if cpus is None else float(cpus), said.get("gpu_type"), resources)


def plan_ray(
    said: RaySpec | None, workers: int, answers: bool, accelerator: str, threads: int | None
) -> RayPlan:
    """Return the workers; a CPU for each thread, and a GPU where they compute on one."""
    said = said or RaySpec()
    cpus = float(threads or 1) if said.cpus is None else said.cpus
    gpus = int(accelerator == "cuda")
    return RayPlan(workers, answers, cpus, gpus, said.gpu_type, said.resources)


def ray_options(ray: RayPlan, devices: int, nodes: int, restarts: int) -> list[str]:
    """The options of the module that starts workers that train."""
    found = [f"--workers={devices}", f"--restarts={restarts}", f"--cpus={ray.cpus:g}"]
    found += [f"--nodes={nodes}"] if nodes > 1 else []
    found += [f"--gpus={ray.gpus}"] if ray.gpus else []
    found += [f"--gpu-type={ray.gpu_type}"] if ray.gpu_type else []
    return [*found, *(f"--resource={name}={amount:g}" for name, amount in ray.resources)]


def ray_lines(ray: RayPlan) -> list[tuple[str, str]]:
    """The plan's line on what Ray is asked for."""
    takes = [f"{ray.cpus:g} CPU{'' if ray.cpus == 1 else 's'}"]
    if ray.gpus:
        takes.append(f"{ray.gpus} GPU" + (f" ({ray.gpu_type})" if ray.gpu_type else ""))
    takes += [f"{amount:g} {name}" for name, amount in ray.resources]
    work = "answer" if ray.answers else "train"
    many = "1 worker that" if ray.workers == 1 else f"{ray.workers} workers that"
    verb = f"{work}s, taking" if ray.workers == 1 else f"{work}, each taking"
    return [("ray", f"{many} {verb} {', '.join(takes)}")]

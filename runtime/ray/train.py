"""Start a program as the workers of a Ray cluster, and again when one dies.

    python -m nivel.runtime.ray --workers 2 --restarts 3 experiment.py

Ray Train places the workers, tells each who it is, and starts all of them again when one has died.
What they run is the same program as under every other launcher, and it goes on from its newest
checkpoint: nothing is kept in Ray. Machines of a cluster see the project under the same path, and
have this package installed.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import threading
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import RunError
from ..extras import load_extra
from ..records.files import print_from
from .cluster import WHO, Needs, connected, told
from .door import Door
from .worker import Task, work

__all__ = ["train"]

OUTPUT = "ray.out"
SECONDS_BETWEEN_LOOKS = 0.2
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def train(program: Path, needs: Needs, each: int, nodes: int, restarts: int) -> int:
    """Run a program as workers; return its exit code, 128 + N where signal N stopped it.

    Args:
        program: a compiled program, in a folder that every machine of the cluster sees.
        needs: what one worker takes.
        each: workers of one machine.
        nodes: machines.
        restarts: starts of all workers after one died.

    Raises:
        RunError: the cluster cannot run the workers.
    """
    received = _Received()
    launch = secrets.token_hex(4)
    output = _output(launch)
    with (
        received,
        connected(needs, each * nodes, each) as ray,
        received,
    ):  # again: Ray takes them over
        task = Task(
            str(program.resolve()), os.getcwd(), each, str(output), launch, restarts, told()
        )
        door = ray.remote(num_cpus=0)(Door).remote()
        trainer = _trainer(task, door, needs, nodes, output.with_name(f".ray-{launch}"))
        try:
            failed = _follow(ray, trainer, door, output, received)
            why = ray.get(door.refused.remote()) if not received.numbers else None
        finally:
            shutil.rmtree(output.with_name(f".ray-{launch}"), ignore_errors=True)
    if why:
        raise RunError(why, "say `devices` and `nodes` as the machines of the cluster have GPUs")
    if received.numbers:
        return 128 + received.numbers[0]
    return int(failed)


class _Received:
    """Signals that have come, kept until somebody looks; may be entered again."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self._before: list[tuple[int, Any]] = []

    def __enter__(self) -> _Received:
        for number in _SIGNALS:
            before = signal.signal(number, lambda n, frame: self.numbers.append(n))
            self._before.append((number, before))
        return self

    def __exit__(self, *error: object) -> None:
        for _ in _SIGNALS:
            number, handler = self._before.pop()
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _output(launch: str) -> Path:
    folder = os.environ.get("NIVEL_RUN_DIR")
    return Path(folder, OUTPUT).resolve() if folder else Path(f"ray-{launch}.out").resolve()


def _trainer(task: Task, door: Any, needs: Needs, nodes: int, storage: Path) -> Any:
    """Return Ray Train's trainer of a program that brings its own process group."""
    train_api = load_extra("ray.train", "ray", who=WHO)
    v2 = load_extra("ray.train.v2.api.data_parallel_trainer", "ray", who=WHO)
    # as many on each machine as Lightning counts on
    placed = "STRICT_PACK" if nodes == 1 else "STRICT_SPREAD" if task.each == 1 else "PACK"
    storage.mkdir(parents=True)
    return v2.DataParallelTrainer(
        partial(work, task, door),
        backend_config=_backend(),
        scaling_config=train_api.ScalingConfig(
            num_workers=task.each * nodes,
            use_gpu=needs.gpus > 0,
            resources_per_worker=needs.named(),
            placement_strategy=placed,
        ),
        run_config=train_api.RunConfig(
            name="workers",
            storage_path=str(storage),
            failure_config=train_api.FailureConfig(max_failures=task.restarts),
        ),
    )


def _backend() -> Any:
    """Return a backend that sets nothing up but lets a worker see its neighbours' GPUs.

    Lightning chooses among the GPUs of the machine by the local rank.
    """
    api = load_extra("ray.train.backend", "ray", who=WHO)

    class Neighbours(api.Backend):  # type: ignore[misc, name-defined]
        share_cuda_visible_devices = True

    class Config(api.BackendConfig):  # type: ignore[misc, name-defined]
        @property
        def backend_cls(self) -> type[Any]:
            return Neighbours

    return Config()


def _follow(ray: Any, trainer: Any, door: Any, output: Path, received: _Received) -> bool:
    """Show what the workers print until they have ended; return whether they failed.

    Raises:
        RunError: Ray itself fails.
    """
    errors: list[BaseException] = []
    thread = threading.Thread(target=_fit, args=(trainer, errors), daemon=True)
    thread.start()
    shown = told = 0
    while thread.is_alive() and len(received.numbers) < 2:
        thread.join(SECONDS_BETWEEN_LOOKS)
        shown = print_from(output, shown)
        if len(received.numbers) > told:
            told = len(received.numbers)
            ray.get(door.stop.remote(received.numbers[-1]))
    print_from(output, shown)
    if not errors:
        return False
    train_api = load_extra("ray.train.v2.api.exceptions", "ray", who=WHO)
    if isinstance(errors[0], train_api.WorkerGroupError):
        return True
    raise RunError(f"Ray could not run the workers: {errors[0]}") from errors[0]


def _fit(trainer: Any, errors: list[BaseException]) -> None:
    try:
        trainer.fit()
    except BaseException as error:
        errors.append(error)

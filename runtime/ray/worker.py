"""One worker of Ray Train: it runs the program in a process of its own, and watches over it.

Ray Train calls what it trains in a thread of an actor. Signals, which a program takes to save
itself, reach main threads alone; so the program is a process, as under every other launcher, and
dies with its worker.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..extras import load_extra
from ..records.ranks import LAUNCH, LAUNCHER, START
from .cluster import WHO

__all__ = ["Task", "work"]

SECONDS_BETWEEN_LOOKS = 0.3


class WorkerEnded(Exception):
    """The program of a worker ended without having said why; Ray starts all of them again."""


@dataclass(frozen=True, slots=True)
class Task:
    """What every worker runs.

    Attributes:
        program: its path, on every machine of the cluster.
        folder: that it runs in.
        each: workers of one machine.
        output: file that every worker's program writes to.
        launch: a name for all starts of it.
        restarts: how often Ray starts it again.
        told: its environment, beside what the worker has.
    """

    program: str
    folder: str
    each: int
    output: str
    launch: str
    restarts: int
    told: Mapping[str, str]


def work(task: Task, door: Any) -> None:
    """Be one worker: run the program until it ends, or until the worker is told to stop it.

    Raises:
        WorkerEnded: it died.
    """
    ray = load_extra("ray", "ray", who=WHO)
    me = load_extra("ray.train", "ray", who=WHO).get_context()
    place = _meet(ray, me, door)
    if me.get_local_world_size() != task.each:
        ray.get(door.refuse.remote(_uneven(me, task.each)))
        return
    if me.get_world_rank() == 0 and place["start"]:
        _say(task, f"a process ended: start {place['start']} of {task.restarts} more")
    program = _start(task, {**_clean(os.environ), **task.told, **_ranks(me, place, task.launch)})
    code, stopped = _watch(ray, door, program)
    if code and not stopped:
        raise WorkerEnded(f"process {me.get_world_rank()} ended with code {code}")


def _meet(ray: Any, me: Any, door: Any) -> dict[str, Any]:
    """Agree on where the processes meet, and on how often they have been started."""
    place = None
    if me.get_world_rank() == 0:
        start = ray.get(door.enter.remote())
        place = {"address": ray.util.get_node_ip_address(), "port": _free_port(), "start": start}
    collective = load_extra("ray.train.collective", "ray", who=WHO)
    agreed: dict[str, Any] = collective.broadcast_from_rank_zero(place)
    return agreed


def _free_port() -> int:
    with socket.create_server(("", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _uneven(me: Any, each: int) -> str:
    return (
        f"Ray put {me.get_local_world_size()} workers on machine {me.get_node_rank()}, "
        f"and the program is for {each} on each"
    )


def _ranks(me: Any, place: Mapping[str, Any], launch: str) -> dict[str, str]:
    """Return what a process is told of the others, by the names that torchrun uses."""
    return {
        "RANK": str(me.get_world_rank()),
        "WORLD_SIZE": str(me.get_world_size()),
        "LOCAL_RANK": str(me.get_local_rank()),
        "LOCAL_WORLD_SIZE": str(me.get_local_world_size()),
        "GROUP_RANK": str(me.get_node_rank()),
        "MASTER_ADDR": place["address"],
        "MASTER_PORT": str(place["port"]),
        LAUNCHER: "ray",
        LAUNCH: launch,
        START: str(place["start"]),
    }


def _clean(environment: Mapping[str, str]) -> dict[str, str]:
    """Leave out what is Ray's own, its token among it."""
    return {name: value for name, value in environment.items() if not name.startswith("RAY_")}


def _start(task: Task, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    begin = str(Path(__file__).with_name("begin.py"))
    command = [sys.executable, "-I", "-S", begin, str(os.getpid()), sys.executable, task.program]
    with open(task.output, "ab", buffering=0) as output:
        return subprocess.Popen(
            command,
            cwd=task.folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )


def _say(task: Task, text: str) -> None:
    with open(task.output, "a", encoding="utf-8") as output:
        output.write(text + "\n")


def _watch(ray: Any, door: Any, program: subprocess.Popen[bytes]) -> tuple[int, bool]:
    """Wait for the program; return its code, and whether it was told to stop."""
    told = 0
    try:
        while True:
            with suppress(subprocess.TimeoutExpired):
                return program.wait(SECONDS_BETWEEN_LOOKS), bool(told)
            asked = ray.get(door.asked.remote())
            if asked != told:
                program.send_signal(asked)
                told = asked
    finally:
        program.kill()

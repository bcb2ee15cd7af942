"""A Ray cluster: one that is there, or one of this machine for as long as a program runs.

Where a cluster is, is said by whoever runs the program, in RAY_ADDRESS, and never by a spec: what
is sent there is run there. A cluster of one's own is started by `ray.init`, whose processes end
with the program, however it ends. `ray stop` ends those of everybody on the machine, and is not
called.
"""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import FrameType
from typing import Any

from ..errors import RunError, Stopped
from ..extras import load_extra

__all__ = ["Needs", "connected", "told"]

ADDRESS = "RAY_ADDRESS"
WHO = "launcher ray"
STORE_BYTES = 128 * 2**20
"""Of shared memory for objects, in a cluster of one's own; Ray takes at least 75 MiB. What goes
through it here are numbers and answers."""

_SENT = ("NIVEL_", "OMP_", "MKL_", "TQDM_", "TOKENIZERS_", "HF_HOME", "HF_HUB_OFFLINE", "NCCL_",
         "GLOO_", "CUBLAS_", "PYTHONPATH", "PYTHONHASHSEED")  # fmt: skip
"""What programs on other machines are told of this environment; keys of services are theirs."""
_TOKENS = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # sends nothing anywhere
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # paths of a spec are relative to the project
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


@dataclass(frozen=True, slots=True)
class Needs:
    """What one worker takes of a cluster, as its nodes say what they have.

    Attributes:
        cpus: logical CPUs.
        gpus: 0 or 1.
        gpu_type: as Ray calls it, such as `A100`.
        resources: those that the cluster's nodes were given a name for.
    """

    cpus: float = 1
    gpus: int = 0
    gpu_type: str | None = None
    resources: Mapping[str, float] = field(default_factory=dict)

    def named(self) -> dict[str, float]:
        """Return everything by Ray's names; a kind of GPU is one that nodes have by a crumb."""
        found = {"CPU": self.cpus, "GPU": float(self.gpus), **self.resources}
        if self.gpu_type:
            found[f"accelerator_type:{self.gpu_type}"] = 0.001
        return {name: amount for name, amount in found.items() if amount}


def told() -> dict[str, str]:
    """Return what workers are to know of this environment beside what they have."""
    if not os.environ.get(ADDRESS):
        return {}  # they have all of it
    return {name: value for name, value in os.environ.items() if name.startswith(_SENT)}


@contextlib.contextmanager
def connected(needs: Needs, workers: int, each: int = 0) -> Iterator[Any]:
    """Give the module `ray`, in a cluster that has room for the workers.

    Args:
        needs: what one worker takes.
        workers: of all machines.
        each: of one machine, where they train together; 0 where they may be anywhere.

    Raises:
        ExtraError: Ray is not installed.
        RunError: the cluster does not answer, or never has what the workers need.
    """
    os.environ.update({name: value for name, value in _QUIET.items() if name not in os.environ})
    address = os.environ.get(ADDRESS)
    with _elsewhere(address) if address else _here(needs, workers) as ray, _ending():
        _check_room(ray, needs, workers)
        _check_places(ray, needs, workers, each)
        yield ray


@contextlib.contextmanager
def _ending() -> Iterator[None]:
    """Have SIGTERM end this program in order: Ray's own handler aborts it with a trace in C++."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise Stopped("ended by SIGTERM", 128 + number)

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextlib.contextmanager
def _elsewhere(address: str) -> Iterator[Any]:
    if address.startswith("ray://"):
        raise RunError(
            f"{ADDRESS} is {address}, a way for clients, which starts no training",
            "run this on a machine of the cluster, with the address of its head: HOST:6379",
        )
    ray = load_extra("ray", "ray", who=WHO)
    try:
        ray.init(address=address, log_to_driver=False, logging_level="error")
    except Exception as error:  # of many types, none of which says more
        raise RunError(
            f"the Ray cluster at {address} does not take this program: {error}",
            f"see {ADDRESS}; unset it for a cluster of this machine alone",
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


@contextlib.contextmanager
def _here(needs: Needs, workers: int) -> Iterator[Any]:
    """Start a cluster for these workers alone; nobody else's program is let in."""
    with _token():
        ray = load_extra("ray", "ray", who=WHO)
        # sockets lie in the folder, whose paths may be 107 bytes long
        folder = tempfile.mkdtemp(prefix="nivel-", dir="/tmp" if os.path.isdir("/tmp") else None)
        try:
            ray.init(
                address="local",
                num_cpus=max(1, math.ceil(needs.cpus * workers)),
                resources={name: workers * amount for name, amount in needs.resources.items()},
                include_dashboard=False,
                log_to_driver=False,
                logging_level="error",
                object_store_memory=STORE_BYTES,
                _temp_dir=folder,
            )
            yield ray
        finally:
            ray.shutdown()
            shutil.rmtree(folder, ignore_errors=True)


@cache
def _key() -> str:
    return secrets.token_hex(32)


@contextlib.contextmanager
def _token() -> Iterator[None]:
    """Have the environment hold a cluster's key, which Ray would else write into the home folder.

    Ray reads it once in a process, and its processes read it when they start.
    """
    before = {name: os.environ.pop(name, None) for name in _TOKENS}
    os.environ.update({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": _key()})
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            os.environ.update({} if value is None else {name: value})


def _check_room(ray: Any, needs: Needs, workers: int) -> None:
    """Refuse what the cluster will never have; what it has and others use is waited for."""
    there = ray.cluster_resources()
    for name, amount in needs.named().items():
        if there.get(name, 0) < amount * workers:
            raise RunError(
                f"{workers} workers need {amount * workers:g} {name}, "
                f"and the Ray cluster has {there.get(name, 0):g}",
                "ask for less in `hardware`, or name a larger cluster in RAY_ADDRESS",
            )


def _check_places(ray: Any, needs: Needs, workers: int, each: int) -> None:
    """Refuse workers that no machines have place for, though all of them together would."""
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    places = [_places(machine, needs) for machine in machines]
    have, wanted, what = sum(places), workers, "workers"
    if each:
        have, wanted = sum(count >= each for count in places), workers // each
        what = f"machine{'s' * (wanted > 1)} with place for {each} workers"
    if have < wanted:
        raise RunError(
            f"what is asked for takes {wanted} {what}, and the Ray cluster has {have}",
            "say `devices` and `nodes` as its machines are, or ask for less in `hardware.ray`",
        )


def _places(machine: Mapping[str, float], needs: Needs) -> int:
    """Return how many workers a machine can have at once."""
    counts = [machine.get(name, 0.0) / amount for name, amount in needs.named().items()]
    return int(min(counts) + 1e-6)

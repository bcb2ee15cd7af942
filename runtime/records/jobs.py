"""Runs that a cluster runs: which job they are, and what its queue says of it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .files import read_json, write_json
from .ranks import by_ray, by_slurm

JOB = "slurm_job"
"""Key of `run.json`: the number of the job, in Slurm; of a task of an array `JOB_TASK`."""

SECONDS_TO_ANSWER = 5.0
_WAITS = ("PENDING", "CONFIGURING", "REQUEUED", "SUSPENDED")
_RUNS = ("RUNNING", "COMPLETING", "STOPPED")
_NUMBER = re.compile(r"[0-9]{1,12}(_[0-9]{1,6})?\Z")


def where_it_runs() -> dict[str, Any]:
    """Return what `run.json` says of a process that may run elsewhere; nothing where it is here."""
    if by_slurm():
        return {"host": socket.gethostname(), JOB: _job_here()}
    return {"host": socket.gethostname()} if by_ray() else {}


def _job_here() -> str:
    """Return what Slurm calls the job of this process.

    A task of an array is not called by its number: that of one of them is the number of all.
    """
    array, task = (os.environ.get(f"SLURM_ARRAY_{part}_ID") for part in ("JOB", "TASK"))
    return f"{array}_{task}" if array and task else os.environ["SLURM_JOB_ID"]


def begin_queued(folder: Path, *, name: str, level: str, job: str) -> None:
    """Have the record of a run say that it waits for its job, unless that has begun already."""
    state = read_json(folder / "run.json") or {}
    if state.get(JOB) == job:
        return
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    head = {"name": name, "id": folder.name, "level": level}
    write_json(folder / "run.json", {**state, **head, "status": "queued", "queued": now, JOB: job})


def is_elsewhere(state: Mapping[str, Any]) -> bool:
    """Say whether a run's process number is one of another machine."""
    return state.get("host") not in (None, socket.gethostname())


def status_of_job(state: Mapping[str, Any]) -> tuple[str, str | None] | None:
    """Return status and reason of a run by its job; None where that says nothing of it."""
    job = state.get(JOB)
    status = state.get("status")
    if status not in ("queued", "running", "stopped") or not isinstance(job, str):
        return None
    found = _ask(job) if _NUMBER.match(job) else None
    if found is None:
        return (str(status), None) if status == "queued" else None
    if found in _WAITS:
        return "queued", state.get("reason")
    if found in _RUNS:
        return "running", None
    return None if status == "stopped" else ("stopped", f"its job {job} is gone")


def _ask(job: str) -> str | None:
    """Return what the queue calls the state of a job, empty where it has none; None without one."""
    try:
        said = subprocess.run(
            ["squeue", "--noheader", "--jobs", job, "--states", "all", "--format", "%T"],
            capture_output=True,
            text=True,
            timeout=SECONDS_TO_ANSWER,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    gone = said.returncode != 0 and "Invalid job id" in said.stderr
    return said.stdout.strip() if said.returncode == 0 else ("" if gone else None)

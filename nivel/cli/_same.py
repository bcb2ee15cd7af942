"""Whether a training run that was cut off can go on: it has to be the same experiment still."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from nivel.cli._jobs import Job

MOST_NAMED = 4
UNREAD = frozenset(("description", "launch"))
"""Parts of a plan that change nothing in the run: a text, and what starts its processes."""


def check_same(job: Job, folder: Path) -> None:
    """Refuse to go on in ``folder`` with another plan, other data, or beside a live process.

    Raises:
        click.UsageError: naming what differs.
    """
    _check_method(job)
    _check_plan(job, folder)
    _check_lock(job, folder)
    process = _live_process(folder)
    if process is not None:
        raise click.UsageError(f"{folder.name} still runs, as process {process}; end that first")


def _check_method(job: Job) -> None:
    """Refuse what a checkpoint does not hold whole."""
    from nivel.compiler.plan import FinetunePlan

    if isinstance(job.plan, FinetunePlan) and job.plan.method.type == "adalora":
        raise click.UsageError(
            "a run of method adalora cannot be gone on with: peft keeps the ranks that it has "
            "given out beside the weights, where no checkpoint holds them; leave out --resume"
        )


def _check_plan(job: Job, folder: Path) -> None:
    from nivel.compiler.plan import to_json

    try:
        then = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise click.UsageError(f"{folder.name} has no plan to go on with; start it anew") from None
    differences = list(_differences(then, json.loads(to_json(job.plan))))
    if differences:
        named = "; ".join(differences[:MOST_NAMED])
        more = f"; and {len(differences) - MOST_NAMED} more" if differences[MOST_NAMED:] else ""
        raise click.UsageError(
            f"{folder.name} was planned otherwise: {named}{more}. Put that back, or leave out "
            "--resume for a new run"
        )


def is_same(job: Job, folder: Path) -> bool:
    """Tell whether a run was planned as the job is."""
    from nivel.compiler.plan import to_json

    try:
        then = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return not list(_differences(then, json.loads(to_json(job.plan))))


def _differences(then: Any, now: Any, name: str = "") -> Iterator[str]:
    """Yield what differs in two plans, by the names that the plan has."""
    if isinstance(then, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*then, *now]):
            inner = f"{name}.{key}" if name else key
            if key not in UNREAD:
                yield from _differences(then.get(key), now.get(key), inner.removeprefix("common."))
    elif then != now:
        yield f"{name} was {_short(then)}, is now {_short(now)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:37] + "..."


def _check_lock(job: Job, folder: Path) -> None:
    """Hold data and model to what they were when the run began, where that was recorded."""
    from nivel.compiler.lock import find_drift

    lock = folder / "lock.json"
    drift = find_drift(job.checked, str(lock), ("data", "model")) if lock.exists() else []
    if drift:
        raise click.UsageError(f"{folder.name} cannot go on: {drift[0].message}")


def _live_process(folder: Path) -> int | None:
    """Return the process of the run, if it is still there and still runs an experiment."""
    from nivel.runtime.records import read_info

    info = read_info(folder)
    if info is None or info.status not in ("queued", "running"):
        return None
    state = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    if "slurm_job" in state:
        raise click.UsageError(f"{folder.name} is {info.status}, as job {state['slurm_job']}")
    process = state.get("process")
    try:
        command = Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return int(process)  # no such list here; the process is there, that is known
    return int(process) if b"experiment.py" in command else None

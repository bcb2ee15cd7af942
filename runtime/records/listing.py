"""Finding runs on disk."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import RunError
from .files import read_json
from .jobs import is_elsewhere, status_of_job
from .run import read_run


@dataclass(frozen=True, slots=True)
class RunInfo:
    """One run found on disk; `result` is None until it completes."""

    folder: Path
    name: str
    id: str
    level: str
    status: str  # queued, running, completed, waiting, truncated, failed or stopped
    started: str
    reason: str | None
    result: dict[str, Any] | None


def list_runs(root: str | Path) -> list[RunInfo]:
    """Return the runs under a project (`root/runs/...`) or a runs folder, oldest first."""
    root = Path(root)
    folder = root / "runs" if (root / "runs").is_dir() else root
    found = [
        info for path in sorted(folder.glob("*/*/run.json")) if (info := read_info(path.parent))
    ]
    return sorted(found, key=lambda info: (info.started, info.id, info.name))


def read_info(folder: Path) -> RunInfo | None:
    """Return the run in `folder`, or None where there is none."""
    state = read_run(folder)
    if state is None:
        return None
    result = read_json(folder / "result.json")
    status, reason = _status(state)
    return RunInfo(
        folder=folder,
        name=str(state.get("name", folder.parent.name)),
        id=str(state.get("id", folder.name)),
        level=str(state.get("level", "")),
        status=status,
        started=str(state.get("started") or state.get("queued") or ""),
        reason=reason,
        result=result if isinstance(result, dict) else None,
    )


def find_completed(path: str | Path) -> RunInfo:
    """Return the run in `path`, or the newest completed one in a folder of runs.

    Raises:
        RunError: there is none, or the run has no result.
    """
    path = Path(path)
    info = read_info(path)
    if info is None:
        done = [found for found in _children(path) if found.result is not None]
        if not done:
            raise RunError(f"no completed run in {path}; give a folder such as runs/<name>/<id>")
        return max(done, key=lambda found: (found.started, found.id))
    if info.result is None:
        why = f" ({info.reason})" if info.reason else ""
        raise RunError(f"run {path} is {info.status}{why} and has no result; run it again")
    return info


def find_any(path: str | Path) -> RunInfo:
    """Return the run in `path` whatever became of it, or of a folder of runs the newest.

    A completed one is preferred there.

    Raises:
        RunError: there is none.
    """
    path = Path(path)
    info = read_info(path)
    found = [info] if info is not None else list(_children(path))
    if not found:
        raise RunError(f"no run in {path}; give a folder such as runs/<name>/<id>")
    return max(found, key=lambda one: (one.result is not None, one.started, one.id))


def _children(path: Path) -> Iterator[RunInfo]:
    for found in sorted(path.glob("*/run.json")):
        if info := read_info(found.parent):
            yield info


def _status(state: dict[str, Any]) -> tuple[str, str | None]:
    """Return status and reason; a process that was killed could not say so itself."""
    if found := status_of_job(state):
        return found
    status, reason = str(state.get("status", "failed")), state.get("reason")
    if status == "running" and not is_elsewhere(state) and not _alive(state.get("process")):
        return "stopped", "its process is gone"
    return status, None if reason is None else str(reason)


def _alive(process: object) -> bool:
    """Say whether a process may still run; doubtful ones count as running."""
    if not isinstance(process, int) or os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True

"""The record of one run: a folder that only ever gains whole files.

`run.json` says what runs and how it ended, `environment.json` where, `metrics.jsonl`
what was logged step by step (`curves.py` has its other forms), `predictions.jsonl` what was
answered per test row, and `result.json`, written last, what was found.
"""

import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Any, final

from ..errors import NivelError, RunError, Stopped, Truncated, Waiting, show_plainly
from ..paths import project_root
from .card import write_cards
from .curves import LINES, open_logs, read_curve
from .environment import describe_environment
from .files import plain, read_json, write_json, write_json_lines
from .jobs import where_it_runs
from .memory import peak_memory
from .ranks import is_rank_zero, launch_key, restarted, starts_again
from .sending import Sending, Service, about_run, found_in

RUN_DIR = "NIVEL_RUN_DIR"
ESTIMATE = "NIVEL_ESTIMATE"
SECONDS_TO_WAIT_FOR_RANK_ZERO = 60.0


@final
class Run:
    """An open run. Use it as a context manager: an exception is recorded as the reason."""

    def __init__(
        self,
        folder: Path,
        name: str,
        level: str,
        *,
        owns_variable: bool,
        track: Sequence[Service] = (),
    ) -> None:
        """Start recording in an existing `folder`; `Run.open` chooses and makes it."""
        self.folder = folder
        self.name = name
        self.level = level
        self.id = folder.name
        self.writes = is_rank_zero()
        self._owns_variable = owns_variable
        self._started = time.perf_counter()
        self._finished = False
        self._remembered: dict[str, Any] = {}
        self._logs = open_logs(folder)
        self._sent: list[Sending] = []
        if self.writes:
            before = read_json(folder / "run.json") or {}  # of a run that goes on
            self._state = {
                "name": name,
                "id": self.id,
                "level": level,
                "status": "running",
                "started": before.get("started") or _now(),
                "process": os.getpid(),
                **where_it_runs(),
            }
            write_json(folder / "run.json", self._state)
            write_json(folder / "environment.json", describe_environment())
            about = about_run(folder, name, self.id, bool(before))
            self._sent = [Sending(service, about) for service in track]

    @classmethod
    def open(cls, name: str, level: str, *, track: Sequence[Service] = ()) -> "Run":
        """Open the run folder: $NIVEL_RUN_DIR, or a new `runs/<name>/<utc time>`.

        The variable is set for child processes and removed when the run ends. The first process
        also sends metrics to the services of `track`.

        Raises:
            NivelError: a service of `track` lacks its package, its place or its key.
            RunError: the folder already holds a finished run, or the first process of a
                distributed launch made none.
            SystemExit: torchrun starts a program again that had said why it ended.
        """
        show_plainly()
        if os.environ.get(ESTIMATE) or not is_rank_zero():
            track = ()  # what is only counted is no run, and one process speaks for all
        for service in track:
            service.check()
        given = os.environ.get(RUN_DIR)
        folder = Path(given) if given else _new_folder(project_root() / "runs" / name)
        folder.mkdir(parents=True, exist_ok=True)
        if restarted() and (code := _ended_with(folder)) is not None:
            raise SystemExit(code)
        if is_rank_zero() and (folder / "result.json").exists():
            raise RunError(f"{folder} holds a finished run; unset {RUN_DIR} or name a new folder")
        os.environ[RUN_DIR] = str(folder)
        return cls(folder, name, level, owns_variable=not given, track=track)

    def log_metrics(self, step: int, **values: Any) -> None:
        """Append one line to the metrics: step, seconds since the start, and `values`."""
        if self.writes:
            seconds = round(time.perf_counter() - self._started, 3)
            line = plain({"step": step, "seconds": seconds, **values})
            for log in self._logs:
                log.add(line)
            for each in self._sent:
                each.add(line)

    def go_on(self, step: int) -> None:
        """Drop the metrics of steps after `step`, which will be made again, and a torn last line.

        The clock of `log_metrics` goes on from the last line that stays.
        """
        if not self.writes or not (self.folder / LINES).exists():
            return
        lines = [line for line in read_curve(self.folder) if line.get("step", 0) <= step]
        for log in self._logs:
            log.go_on(step, lines)
        self._started -= lines[-1]["seconds"] if lines else 0.0

    def write_predictions(self, predictions: Iterable[Mapping[str, Any]]) -> None:
        """Write `predictions.jsonl`, one line per test row, replacing earlier ones."""
        if self.writes:
            write_json_lines(self.folder / "predictions.jsonl", predictions)

    def remember(self, **values: Any) -> None:
        """Have `values` in the result, whoever writes it."""
        self._remembered |= values

    def finish(self, **result: Any) -> None:
        """Write cards beside saved weights, then `result.json`, and mark the run completed.

        `seconds.total` is the time since the run was opened unless it is given.
        """
        self._finished = True
        if self.writes:
            total = round(time.perf_counter() - self._started, 3)
            seconds = {"total": total, **plain(result.pop("seconds", None) or {})}
            head = {"name": self.name, "level": self.level}
            whole = {
                **head,
                **result,
                **self._remembered,
                "seconds": seconds,
                "peak_memory": peak_memory(),
            }
            write_cards(self.folder, plain(whole))
            write_json(self.folder / "result.json", whole)
            self._mark("completed", found=found_in(plain(whole)))
        self._release()

    def __enter__(self) -> "Run":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._finished and self.writes:
            # Lightning turns an interrupt into an exit; what it was is then the exit's context
            if any(isinstance(e, KeyboardInterrupt) for e in (error, error and error.__context__)):
                self._mark("stopped", "interrupted")
            elif isinstance(error, Stopped):
                self._mark("stopped", error.reason)
            elif isinstance(error, Waiting):
                self._mark("waiting", error.reason)
            elif isinstance(error, Truncated):
                self._mark("truncated", error.message)
            elif kind is not None:
                self._mark("failed", f"{kind.__name__}: {error}")
            else:
                self._mark("failed", "the program ended without a result")
        self._release()
        code = _decided(error)
        if code and self.writes:
            write_json(self.folder / "run.json", {**self._state, "code": code})
        if code and starts_again():
            if self.writes and isinstance(error, NivelError):
                print(f"error: {error}", file=sys.stderr)
            raise SystemExit(0) from error  # the code above is for whoever asked the launcher

    def _mark(
        self, status: str, reason: str | None = None, found: Mapping[str, float] | None = None
    ) -> None:
        self._state |= {"status": status, "ended": _now()}
        if reason is not None:
            self._state["reason"] = reason
        write_json(self.folder / "run.json", self._state)
        for each in self._sent:
            each.close(status, found or {})

    def _release(self) -> None:
        """Let the next run of this process have a folder of its own."""
        if self._owns_variable and os.environ.get(RUN_DIR) == str(self.folder):
            del os.environ[RUN_DIR]


def _decided(error: BaseException | None) -> int | None:
    """Return the exit code of a program that has said why it ends; None where a signal ended it."""
    if isinstance(error, SystemExit) and not isinstance(error, Stopped):
        return error.code if isinstance(error.code, int) else None
    return 1 if isinstance(error, NivelError) else None


def _ended_with(folder: Path) -> int | None:
    """Return the exit code of a run that has said why it ends, or is finished; else None."""
    code = (read_run(folder) or {}).get("code")
    if isinstance(code, int):
        return code
    return 0 if (folder / "result.json").exists() else None


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _new_folder(parent: Path) -> Path:
    """Make `<parent>/<utc time>`; processes of one torchrun launch share one."""
    parent.mkdir(parents=True, exist_ok=True)
    key = launch_key()
    if key is not None and not is_rank_zero():
        return _folder_of_launch(parent, key)
    if key is not None and (begun := _begun(parent, key)):
        return begun
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    for attempt in range(1, 1000):
        parts = [stamp, str(attempt) if attempt > 1 else "", key or ""]
        folder = parent / "-".join(part for part in parts if part)
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise RunError(f"no free folder name for a run in {parent}; wait a second and retry")


def _begun(parent: Path, key: str) -> Path | None:
    """Return this launch's folder that has no result yet, as after an elastic restart."""
    found = sorted(parent.glob(f"*-{key}"), reverse=True)
    again = restarted()
    return next((path for path in found if again or not (path / "result.json").exists()), None)


def _folder_of_launch(parent: Path, key: str) -> Path:
    """Wait until the first process has made the folder of this launch."""
    deadline = time.monotonic() + SECONDS_TO_WAIT_FOR_RANK_ZERO
    while not (found := sorted(parent.glob(f"*-{key}"))):
        if time.monotonic() > deadline:
            raise RunError(f"the first process made no run folder *-{key} in {parent}; see its log")
        time.sleep(0.05)
    return found[-1]


def read_run(folder: Path) -> dict[str, Any] | None:
    """Return `run.json` of a run folder, or None where there is none to read."""
    state = read_json(folder / "run.json")
    return state if isinstance(state, dict) else None

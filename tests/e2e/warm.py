"""A process that has imported what programs import, and forks one child for each command.

Importing torch, lightning and transformers takes most of the time of a test that trains a tiny
model. A child of this process starts with them there; all else is as in a process of its own:
working folder, environment, standard streams, exit code. Programs that start further processes
start them as ever.
"""

from __future__ import annotations

import atexit
import json
import os
import runpy
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_IMPORTED = ("lightning", "transformers", "peft", "openai", "matplotlib.pyplot")
_READ_ON_IMPORT = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "TQDM_DISABLE": "1"}


class Warm:
    """The parent's side: starts the process, and runs commands in children of it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **_READ_ON_IMPORT},
            text=True,
        )

    def run(
        self, *arguments: str, cwd: Path, env: Mapping[str, str], scratch: Path, timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Run ``nivel ARGUMENTS``; its output goes through files of the folder `scratch`."""
        assert self._process.stdin is not None and self._process.stdout is not None
        streams = [scratch / "stdout.txt", scratch / "stderr.txt"]
        job = {"arguments": arguments, "cwd": str(cwd), "env": dict(env), "timeout": timeout}
        json.dump(job | {"streams": [str(stream) for stream in streams]}, self._process.stdin)
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        out, err = (stream.read_text("utf-8") for stream in streams)
        return subprocess.CompletedProcess(["nivel", *arguments], code, out, err)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def _serve() -> None:
    for name in _IMPORTED:
        __import__(name)
    for package in ("data", "evaluation", "models", "records", "training", "prompting"):
        __import__(f"nivel.runtime.{package}")
    for line in sys.stdin:
        job = json.loads(line)
        code = _wait(_forked(lambda job=job: _command(job)), job["timeout"])
        print(code, flush=True)


def _forked(work: Callable[[], None]) -> int:
    """Return the number of a child, leader of its own session, that does `work` and ends."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    os.setsid()
    os._exit(_ended(work))


def _ended(work: Callable[[], None]) -> int:
    """Do `work` and what waits for the end of a process; return the exit code."""
    code: Any = 0
    try:
        work()
    except SystemExit as error:
        code = error.code
    except BaseException:
        sys.excepthook(*sys.exc_info())  # what a program sets, to tell mistakes in a sentence
        code = 1
    if isinstance(code, str):
        print(code, file=sys.stderr)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else int(code is not None)


def _wait(child: int, timeout: float = float("inf")) -> int:
    """Return the exit code of `child`, -N for signal N; kill its session after `timeout` s."""
    end = time.monotonic() + timeout
    pid, status = os.waitpid(child, os.WNOHANG)
    while pid == 0:
        if time.monotonic() > end:
            os.killpg(child, signal.SIGKILL)
        time.sleep(0.01)
        pid, status = os.waitpid(child, os.WNOHANG)
    return os.waitstatus_to_exitcode(status)


def _command(job: dict[str, Any]) -> None:
    """Be the process ``nivel ARGUMENTS``."""
    _enter(job["env"])
    for number, stream in enumerate(job["streams"], start=1):
        os.dup2(os.open(stream, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(job["cwd"])

    from nivel.cli import _process, main

    _process.run_program = _run_program  # type: ignore[assignment]
    sys.argv = ["nivel", *job["arguments"]]
    main()


def _run_program(command: list[str], environment: Mapping[str, str], *, aside: bool = False) -> int:
    """As `nivel.cli._process.run_program`, but in a fork in place of a new interpreter."""

    def program() -> None:
        weakref.finalize._registry.clear()  # folders that the parent is to remove, and not this
        if aside:
            os.dup2(2, 1)
        _enter(environment)
        sys.argv = command[1:]
        # Only a command's own folder is searched first, as where a script is started.
        sys.path[0] = str(Path(command[1]).parent)
        runpy.run_path(command[1], run_name="__main__")

    return _wait(_forked(program))


def _enter(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


if __name__ == "__main__":
    _serve()

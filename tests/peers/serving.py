"""Starting other people's servers, each in an environment of its own.

`make peers` makes these environments in `.peers/`; a variable can name another interpreter.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

HOME = Path(__file__).parents[2] / ".peers"
SECONDS_TO_START = 180


def interpreter(name: str, variable: str, *modules: str) -> str:
    """Return the Python that has a peer's packages; skip the test where there is none."""
    path = os.environ.get(variable) or str(HOME / name / "bin" / "python")
    if not Path(path).exists():
        pytest.skip(f"needs {', '.join(modules)}: `make peers`, or {variable}=PYTHON")
    lack = f"import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, {modules!r})))"
    if subprocess.run([path, "-c", lack], capture_output=True, check=False).returncode:
        pytest.skip(f"{path} lacks one of {', '.join(modules)}")
    return path


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


@contextlib.contextmanager
def served(
    command: Sequence[str], port: int, log: Path, env: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Run a server until the block ends; give its address once it is healthy."""
    with log.open("wb") as out:
        child = subprocess.Popen(
            command,
            stdout=out,
            stderr=out,
            env={**os.environ, "OMP_NUM_THREADS": "1", **(env or {})},
        )
        try:
            _wait(child, f"http://127.0.0.1:{port}/health", log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            child.terminate()
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _wait(child: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < until:
        assert child.poll() is None, log.read_text(errors="replace")[-2000:]
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return
        time.sleep(0.2)
    raise AssertionError(f"{url} is not there: {log.read_text(errors='replace')[-2000:]}")

"""One process that judges hostile specs for all tests here; see child.py."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

CHILD = Path(__file__).with_name("child.py")
SECONDS = 1.0
"""Of the processor, that checking may take."""
PEAK = 200_000_000
"""Bytes that a process may have held when it is done, Python itself included."""
SECONDS_WITHOUT_LIBYAML = 5.0
"""PyYAML's parser in Python reads some half a megabyte a second."""
TRIES = 3
"""A machine that is busy with something else may need more than one to show what a check takes."""

Judge = Callable[[Path, str], dict[str, Any]]


class Server:
    """The child process; ``judge`` sends it one job and waits for the verdict."""

    def __init__(self, *options: str, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self.process = subprocess.Popen(
            [sys.executable, str(CHILD), *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def judge(self, folder: Path, spec: str = "x.yaml") -> dict[str, Any]:
        """Check one spec, again where it was too slow, and hold it to every limit."""
        for _ in range(TRIES):
            result = self._ask({"folder": str(folder), "spec": spec})
            assert "died" not in result, result["died"]
            if result["seconds"] < self.seconds:
                break
        assert result["seconds"] < self.seconds
        assert result["peak"] < PEAK
        assert all(located for _, _, located, _ in result["findings"]), result["findings"]
        assert result["accepted"] or result["findings"], "refused without a word"
        assert result["length"] < 200_000, "more text than a terminal should get"
        return result

    def _ask(self, job: dict[str, str]) -> dict[str, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def close(self) -> None:
        """End the process and wait for it."""
        self.process.communicate()


@pytest.fixture(scope="session")
def judge() -> Iterator[Judge]:
    """Check with the YAML parser that PyYAML has here."""
    server = Server()
    yield server.judge
    server.close()


@pytest.fixture(scope="session")
def judge_without_libyaml() -> Iterator[Judge]:
    """Check with PyYAML's parser in Python, as where PyYAML was built without libyaml."""
    server = Server("--pure", seconds=SECONDS_WITHOUT_LIBYAML)
    yield server.judge
    server.close()

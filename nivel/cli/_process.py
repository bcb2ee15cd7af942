"""Execution of an emitted program in a process group of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from types import FrameType

_FORWARDED = (signal.SIGINT, signal.SIGTERM)


def run_program(command: list[str], environment: Mapping[str, str], *, aside: bool = False) -> int:
    """Run `command` on this terminal until it ends; return its exit code.

    With ``aside`` what it prints goes to standard error, all of it. The code is -N when signal N
    ended it, or asked it to end and it did not finish its work.

    Interrupts are passed to the whole group: with several processes, one that stops alone leaves
    the others waiting for it in a collective operation for ever. A second interrupt ends the
    group, a third kills it. Nothing of the group outlives the call.
    """
    received: list[int] = []
    process: subprocess.Popen[bytes] | None = None

    def forward(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if process is not None:
            _signal_group(process.pid, _escalate(number, len(received)))

    # The handlers stand before the process does, so that no interrupt falls between the two.
    previous = {number: signal.signal(number, forward) for number in _FORWARDED}
    try:
        process = subprocess.Popen(
            command,
            env=dict(environment),
            start_new_session=True,
            stdout=sys.stderr if aside else None,
        )
        if received:
            _signal_group(process.pid, received[-1])
        code = process.wait()
        return -received[0] if code > 0 and received else code
    finally:
        if process is not None:
            _signal_group(process.pid, signal.SIGTERM)
        for number, handler in previous.items():
            signal.signal(number, handler)


def _escalate(number: int, times: int) -> int:
    if number != signal.SIGINT or times == 1:
        return number
    return signal.SIGTERM if times == 2 else signal.SIGKILL


def _signal_group(group: int, number: int) -> None:
    # The group may be gone already, which is what is wanted.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)

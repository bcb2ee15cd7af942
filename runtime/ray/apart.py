"""A process whose signals reach it alone, and not what it starts."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

from .begin import end_with

__all__ = ["run_apart"]

_PASSED_ON = (signal.SIGINT, signal.SIGTERM)


def run_apart(work: Callable[[], int]) -> int:
    """Do `work` in a process group of its own; return its code, 128 + N where signal N ended it.

    Whoever ends a program ends its whole group at once. Ray's processes are of the group of the one
    that starts them, and would be gone before the workers could save anything. So what starts them
    is a child in another group, which is told by this process.
    """
    parent = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    held = signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)  # until there is who to tell
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
        end_with(parent)
        os._exit(_ended(work))

    def pass_on(number: int, frame: FrameType | None) -> None:
        os.kill(child, number)

    for number in _PASSED_ON:
        signal.signal(number, pass_on)
    signal.pthread_sigmask(signal.SIG_SETMASK, held)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if code >= 0 else 128 - code


def _ended(work: Callable[[], int]) -> int:
    """Do `work` and say why where it fails; return the exit code."""
    code = 1
    try:
        code = work()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    sys.stdout.flush()
    sys.stderr.flush()
    return code

"""Launchers: keys that belong to another one, and what none of them can do."""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..words import show
from .base import Context, error, rule

LAUNCHER = ("hardware", "launcher")


@rule("NV620", "key of another launcher")
def check_keys(context: Context) -> Iterator[Diagnostic]:
    """A key that only some launchers read would otherwise do nothing, without a word."""
    launcher = context.get(*LAUNCHER)
    if not isinstance(launcher, str):
        return
    related = context.related((LAUNCHER, "this one"))
    if launcher == "lightning" and context.has("hardware", "restarts"):
        message = "Lightning's own launcher starts nothing again: with one process gone, all end"
        cure = "add `launcher: torchrun`, or remove `restarts` and go on by `nivel run --resume`"
        yield error("NV620", message, context.key("hardware", "restarts"), cure, related)
    for name in ("slurm", "ray"):
        if launcher == name or not context.has("hardware", name):
            continue
        message = f"`{name}` says what {name.title()} is asked for, "
        message += f"but the launcher is {show(launcher)}"
        cure = f"add `launcher: {name}`, or remove `{name}`"
        yield error("NV620", message, context.key("hardware", name), cure, related)


@rule("NV621", "time of a job that is shorter than its warning")
def check_time(context: Context) -> Iterator[Diagnostic]:
    """A job that is told to stop before it begins would go back into the queue for ever."""
    said = context.get("hardware", "slurm", "time")
    before = context.get("hardware", "slurm", "stop_before")
    if not isinstance(said, str) or before is None:
        return
    seconds = slurm_seconds(said)
    if seconds > 2 * before:
        return
    message = f"the time {said} is {seconds} s, and the job is told to stop {int(before)} s before "
    message += "its end: it would hardly begin"
    related = context.related((("hardware", "slurm", "stop_before"), "seconds before the end"))
    cure = f"write a `time` of more than {2 * int(before)} s, or a smaller `stop_before`"
    yield error("NV621", message, context.where("hardware", "slurm", "time"), cure, related)


def slurm_seconds(text: str) -> int:
    """Return the seconds of a time as Slurm writes it (sbatch(1), --time).

    >>> slurm_seconds("90"), slurm_seconds("1:30"), slurm_seconds("04:00:00")
    (5400, 90, 14400)
    >>> slurm_seconds("1-12"), slurm_seconds("1-12:30")
    (129600, 131400)
    """
    days, dash, rest = text.rpartition("-")
    parts = [int(part) for part in rest.split(":")]
    if dash:
        hours, minutes, seconds = [*parts, 0, 0][:3]
    elif len(parts) == 1:
        hours, minutes, seconds = 0, parts[0], 0
    else:
        hours, minutes, seconds = [0, *parts][-3:]
    return int(days or 0) * 86400 + hours * 3600 + minutes * 60 + seconds

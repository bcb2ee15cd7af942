"""Check specs that mean harm, each in its own process, and say what that cost.

Run as a program: a job in JSON on each line of stdin gives a result in JSON on each line of
stdout. A job names a folder to stand in and a spec; ``--pure`` first takes libyaml away, so
that PyYAML's own parser is used as where it was built without. The process that is measured
is forked from this one with nivel imported, so its time is what checking takes and its memory
is everything that it holds, interpreter included.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
import traceback
from typing import Any

ADDRESS_SPACE = 1_000_000_000
"""Bytes after which an allocation fails, so that a bomb cannot take the machine with it."""
PATIENCE = 60
"""Seconds after which a job that hangs is killed, on a busy machine too."""


def without_libyaml() -> None:
    """Make ``import yaml`` find no libyaml."""
    sys.modules["yaml._yaml"] = None  # type: ignore[assignment]


def judge(job: dict[str, Any]) -> dict[str, Any]:
    """Check the spec as ``nivel validate`` does, rendering included.

    Seconds are of the processor, so that what else the machine does is not counted.
    """
    from nivel.compiler.check import check
    from nivel.compiler.render import render_json, render_text

    os.chdir(job["folder"])
    start = time.process_time()
    checked = check(job["spec"])
    text = render_text(checked.diagnostics, checked.sources)
    render_json(checked.diagnostics)
    seconds = time.process_time() - start
    text.encode("utf-8")  # a terminal has to be able to show it
    findings = [
        [found.code, found.severity, found.location is not None, found.message]
        for found in checked.diagnostics[:1000]
    ]
    return {
        "findings": findings,
        "count": len(checked.diagnostics),
        "accepted": checked.spec is not None,
        "seconds": seconds,
        "text": text[:2000],
        "length": len(text),
    }


def in_a_child(job: dict[str, Any]) -> dict[str, Any]:
    """Fork, judge, and add what the child cost: CPU seconds, and peak memory in bytes."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _limit()
        _send(writing, job)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        raw = pipe.read()
    _, status, usage = os.wait4(child, 0)
    died = {"died": f"status {status}", "findings": [], "count": 0, "accepted": False}
    result: dict[str, Any] = json.loads(raw) if raw else {**died, "seconds": float(PATIENCE)}
    cpu = usage.ru_utime + usage.ru_stime
    return {**result, "cpu": cpu, "peak": usage.ru_maxrss * 1024}


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(PATIENCE)


def _send(pipe: int, job: dict[str, Any]) -> None:
    """Write the verdict, or the traceback that should not have been, and end this process."""
    try:
        result = judge(job)
    except BaseException:
        result = {"died": traceback.format_exc()[-3000:], "findings": [], "count": 0}
        result |= {"accepted": False, "seconds": 0.0}
    with os.fdopen(pipe, "wb") as out:
        out.write(json.dumps(result).encode("utf-8", "surrogatepass"))
    os._exit(0)


def main() -> None:
    """Serve jobs until stdin ends."""
    if "--pure" in sys.argv:
        without_libyaml()
    import nivel.compiler.check
    import nivel.compiler.render  # noqa: F401

    for line in sys.stdin:
        print(json.dumps(in_a_child(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()

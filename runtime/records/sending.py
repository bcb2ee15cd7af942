"""Metrics to a tracking service, from a thread of its own, so that no service stops a training.

What cannot be sent is said once and then left: the run folder has everything. A service is a class
with the methods of `Service`, in a file of its own, exported to programs by `records`.
"""

import contextlib
import json
import re
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Full, Queue
from typing import Any, Protocol

from ..redact import redact
from .files import read_json
from .numbers import part

WAITING = 10_000
"""Lines that may wait to be sent; more are left out, so that memory does not grow."""

PATIENCE = 30.0
"""Seconds that the end of a run waits for what is not sent yet."""

LONGEST_WHY = 300
"""Characters of a library's error."""

LONGEST_SETTING = 200
"""Characters; longer texts of a plan, such as templates, stay at home."""


@dataclass(frozen=True, slots=True)
class About:
    """What a service is told of a run.

    `key` names it for good, `title` is what a reader sees unless the spec says otherwise.
    `settings` are the plan's numbers and short texts by their place, such as `batch.micro_batch`.
    """

    key: str
    title: str
    folder: Path
    again: bool
    settings: Mapping[str, str | int | float | bool]


class Session(Protocol):
    """A run as a service has it; every method may raise."""

    def add(self, line: Mapping[str, Any]) -> None:
        """Send a line of metrics: `step` and numbers by name."""

    def close(self, status: str, found: Mapping[str, float]) -> None:
        """Send what was found in the end, and how it ended: completed, failed or stopped."""


class Service(ABC):
    """Where metrics go, as an emitted program says it: a class, so that several have one type."""

    __slots__ = ()

    @property
    @abstractmethod
    def title(self) -> str:
        """Its name, for messages."""

    @abstractmethod
    def check(self) -> None:
        """Raise an error of nivel where its package, its place or its key is missing."""

    @abstractmethod
    def open(self, about: About) -> Session:
        """Begin a run there, or go on with it."""


class Sending:
    """Hands lines to a service as they come; nothing here raises or waits, but `close` a while."""

    def __init__(self, service: Service, about: About) -> None:
        self.title = service.title
        self._lines: Queue[Mapping[str, Any] | None] = Queue(WAITING)
        self._end: tuple[str, Mapping[str, float]] = ("stopped", {})
        self._closing = threading.Event()
        self._failed = False
        self._thread = threading.Thread(
            target=self._work, args=(service, about), name=f"nivel-{service.title}", daemon=True
        )
        self._thread.start()

    def add(self, line: Mapping[str, Any]) -> None:
        """Have a line sent."""
        if not self._failed:
            with self._said():
                self._lines.put_nowait(line)

    def close(self, status: str, found: Mapping[str, float]) -> None:
        """Have the end of the run sent, and wait for it up to `PATIENCE` seconds."""
        self._end = (status, found)
        self._closing.set()
        with contextlib.suppress(Full):
            self._lines.put_nowait(None)
        self._thread.join(PATIENCE)
        if self._thread.is_alive() and not self._failed:
            self._give_up(f"it did not take everything within {PATIENCE:.0f} s")

    def _work(self, service: Service, about: About) -> None:
        with self._said():
            session = service.open(about)
            while (line := self._next()) is not None:
                session.add(line)
            session.close(*self._end)

    def _next(self) -> Mapping[str, Any] | None:
        """Wait for the next line; None at the end, also where the queue was too full to say so."""
        while True:
            with contextlib.suppress(Empty):
                return self._lines.get(timeout=1.0)
            if self._closing.is_set():
                return None

    @contextlib.contextmanager
    def _said(self) -> Iterator[None]:
        """Turn any error into one line: a service is never worth a run."""
        try:
            yield
        except Full:
            self._give_up("it is slower than the training")
        except Exception as error:  # of libraries that raise what they like
            self._give_up(f"{type(error).__name__}: {' '.join(str(error).split())}"[:LONGEST_WHY])

    def _give_up(self, why: str) -> None:
        self._failed = True
        text = redact(f"{self.title}: {why}; nothing more is sent there, the run folder has it all")
        print(text, file=sys.stderr, flush=True)


def about_run(folder: Path, name: str, run_id: str, again: bool) -> About:
    """Return what services are told of a run in `folder`."""
    plan = read_json(folder / "plan.json")
    settings = dict(_settings(plan)) if isinstance(plan, dict) else {}
    return About(plain_key(f"{name}/{run_id}"), f"{name} {run_id}", folder, again, settings)


def plain_key(text: str) -> str:
    """Return a text of letters, digits and `-_./` alone, which every service takes as a name."""
    return re.sub(r"[^A-Za-z0-9_./-]", "-", text)


def found_in(result: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of a result that runs are compared by."""
    metrics = part(result, "metrics") or {}
    found = {f"test/{name}": part(one, "value") for name, one in metrics.items()}
    found["bits_per_byte"] = part(result, "pretraining", "bits_per_byte")
    for group in ("seconds", "parameters", "tokens"):
        found |= {f"{group}/{name}": one for name, one in (part(result, group) or {}).items()}
    return {
        plain_key(name): float(value)
        for name, value in found.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _settings(value: Any, place: str = "") -> Iterator[tuple[str, str | int | float | bool]]:
    """Yield numbers, truth values and short texts with their places."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _settings(inner, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list):
        yield from _settings(json.dumps(value, ensure_ascii=False), place)
    elif isinstance(value, str):
        if 0 < len(value) <= LONGEST_SETTING:
            yield plain_key(place), redact(value)
    elif value is not None:
        yield plain_key(place), value

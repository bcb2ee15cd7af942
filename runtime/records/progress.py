"""Progress of a long step: a bar on a terminal, a line now and then elsewhere."""

import math
import sys
import time
from types import TracebackType
from typing import Any, TextIO, final

from .memory import most_held
from .numbers import byte_count
from .ranks import is_rank_zero

SECONDS_BETWEEN_LINES = 5.0
MOST_BETWEEN_LINES = 60.0
"""Seconds; the lines of a log stand the further apart the longer the step takes, up to this."""


@final
class Progress:
    """Shows how much of `total` is done, how fast, and when it will end.

    Only the first process of a distributed run shows anything. Everything goes to
    standard error, so that a program's output stays its own.
    """

    def __init__(
        self,
        title: str,
        total: int,
        unit: str = "steps",
        *,
        done: int = 0,
        stream: TextIO | None = None,
    ) -> None:
        """Start showing; `unit` is a plural such as rows, steps or tokens.

        `done` are those of an earlier process, whose time is not known here.
        """
        self.title, self.total, self.unit = title, total, unit
        self.stream = stream or sys.stderr
        self._shown = is_rank_zero()
        self._closed = False
        self._started = self._last_line = time.monotonic()
        self._done = self._begun = done
        self._waits: list[tuple[float, int]] = []
        self._updated = self._started
        self._printed: int | None = None  # how much the last line said was done
        self._values: dict[str, Any] = {}
        self._bar: Any = None
        if self._shown and self.stream.isatty():
            self._bar, self._task = self._open_bar()

    def update(self, done: int, **values: Any) -> None:
        """Say that `done` of the total are done; `values` (a loss, say) are shown beside it."""
        now = time.monotonic()
        if self.unit == "rows":
            self._waits.append((now - self._updated, done - self._done))
        self._done, self._updated = done, now
        self._values |= values
        if not self._shown or self._closed:
            return
        if self._bar is not None:
            rate = self._rate(time.monotonic() - self._started)
            shown = [rate, *_written(self._values)] if rate else _written(self._values)
            self._bar.update(self._task, completed=done, values="  ".join(shown))
        elif time.monotonic() - self._last_line >= self._pause():
            self._print_line()

    def waits(self) -> dict[str, float]:
        """Return the median and the 95th percentile of the seconds that a row took.

        What was done together is waited for together: each row of a batch takes the batch's time.
        """
        waits = sorted(wait for wait, rows in self._waits for _ in range(rows))
        if not waits:
            return {}
        return {"row_median": _quantile(waits, 0.5), "row_p95": _quantile(waits, 0.95)}

    def close(self) -> None:
        """Show the last state. Closing twice is harmless."""
        if self._closed:
            return
        self._closed = True
        if self._bar is not None:
            self._bar.stop()
        elif self._shown and self._printed != self._done:
            self._print_line()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _open_bar(self) -> tuple[Any, Any]:
        from rich import progress as rich_progress
        from rich.console import Console
        from rich.markup import escape

        bar = rich_progress.Progress(
            rich_progress.TextColumn("[bold]{task.description}"),
            rich_progress.BarColumn(bar_width=28),
            rich_progress.MofNCompleteColumn(),
            rich_progress.TextColumn(escape(self.unit)),
            rich_progress.TimeElapsedColumn(),
            rich_progress.TextColumn("left"),
            rich_progress.TimeRemainingColumn(),
            rich_progress.TextColumn("{task.fields[values]}", markup=False),
            console=Console(file=self.stream),
        )
        bar.start()
        task = bar.add_task(escape(self.title), total=self.total, completed=self._begun, values="")
        return bar, task

    def _pause(self) -> float:
        """Return the seconds between two lines at this moment."""
        elapsed = self._last_line - self._started
        return min(max(SECONDS_BETWEEN_LINES, elapsed / 20), MOST_BETWEEN_LINES)

    def _rate(self, elapsed: float) -> str:
        """Write how fast it goes: in a second, or, where one takes longer, the time of each."""
        done = self._done - self._begun
        if done <= 0:
            return ""
        rate = done / max(elapsed, 1e-9)
        if rate < 0.95:
            return f"{_clock(1 / rate, 1)} a {self.unit.removesuffix('s')}"
        return f"{rate:,.1f}/s" if rate < 100 else f"{rate:,.0f}/s"

    def _print_line(self) -> None:
        self._last_line = time.monotonic()
        self._printed = self._done
        elapsed = max(self._last_line - self._started, 1e-9)
        done = self._done - self._begun
        parts = [f"{self._done:,}/{self.total:,} {self.unit}"]
        if self.total > 0:
            parts.append(f"{self._done / self.total:.0%}")
        if rate := self._rate(elapsed):
            parts.append(rate)
        if self._done < self.total and done > 0:
            parts.append(f"{_clock((self.total - self._done) * elapsed / done)} left")
        else:
            parts.append(f"{_clock(elapsed)} in all")
        line = "  ".join([f"{self.title}: {', '.join(parts)}", *_written(self._values)])
        print(line, file=self.stream, flush=True)


def _quantile(ordered: list[float], share: float) -> float:
    """Return the smallest value that at least a share of them do not exceed."""
    return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 3)


def _clock(seconds: float, digits: int = 0) -> str:
    """Write a duration the way a clock does: 42 s, 3:07 min, 2:15 h."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.{digits}f} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"


def _written(values: dict[str, Any]) -> list[str]:
    """Return what is shown beside: the values, and the most memory that was held so far."""
    held = most_held()
    memory = [] if held is None else [f"memory {byte_count(held)}"]
    return [*(f"{name} {_short(value)}" for name, value in values.items()), *memory]


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)

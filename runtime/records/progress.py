"""Progress of a long step: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from types import TracebackType
from typing import Any, TextIO, final

from .ranks import is_rank_zero

SECONDS_BETWEEN_LINES = 5.0


@final
class Progress:
    """Shows how much of `total` is done, how fast, and when it will end.

    Only the first process of a distributed run shows anything. Everything goes to
    standard error, so that a program's output stays its own.
    """

    def __init__(
        self, title: str, total: int, unit: str = "steps", *, stream: TextIO | None = None
    ) -> None:
        """Start showing; `unit` is a plural such as rows, steps or tokens."""
        self.title, self.total, self.unit = title, total, unit
        self.stream = stream or sys.stderr
        self._shown = is_rank_zero()
        self._closed = False
        self._started = self._last_line = time.monotonic()
        self._done = 0
        self._printed: int | None = None  # how much the last line said was done
        self._values: dict[str, Any] = {}
        self._bar: Any = None
        if self._shown and self.stream.isatty():
            self._bar, self._task = self._open_bar()

    def update(self, done: int, **values: Any) -> None:
        """Say that `done` of the total are done; `values` (a loss, say) are shown beside it."""
        self._done = done
        self._values |= values
        if not self._shown or self._closed:
            return
        if self._bar is not None:
            self._bar.update(self._task, completed=done, values=_written(self._values))
        elif time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._print_line()

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
        return bar, bar.add_task(escape(self.title), total=self.total, values="")

    def _print_line(self) -> None:
        self._last_line = time.monotonic()
        self._printed = self._done
        elapsed = max(self._last_line - self._started, 1e-9)
        rate = self._done / elapsed
        parts = [f"{self._done:,}/{self.total:,} {self.unit}"]
        if self.total > 0:
            parts.append(f"{self._done / self.total:.0%}")
        if rate > 0:
            parts.append(f"{rate:,.1f}/s" if rate < 100 else f"{rate:,.0f}/s")
        if self._done < self.total and rate > 0:
            parts.append(f"{_clock((self.total - self._done) / rate)} left")
        else:
            parts.append(f"{_clock(elapsed)} in all")
        line = f"{self.title}: {', '.join(parts)}  {_written(self._values)}"
        print(line.rstrip(), file=self.stream, flush=True)


def _clock(seconds: float) -> str:
    """Write a duration the way a clock does: 42 s, 3:07 min, 2:15 h."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"


def _written(values: dict[str, Any]) -> str:
    return "  ".join(f"{name} {_short(value)}" for name, value in values.items())


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)

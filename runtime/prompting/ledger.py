"""The record of what was asked and what came back, of which nothing is lost.

`ledger.jsonl` only grows. Before a cell is sent, an `intent` line is on the disk; after, a
`result`. A run that was killed therefore knows three kinds of cells: answered, never sent, and sent
with no result, whose answer may have been paid. A line that a crash cut off is taken away when the
ledger is opened again; damage anywhere else is refused, not passed over.

Lines are written at once and made durable together: whoever waits shares one fsync with all others
that wait. Being killed loses no written line; only a power failure can, and then a result of the
last moments, which makes its cell one of the third kind.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Any, final

from ..errors import RunError
from .entries import VERSION, Entry, read_ledger
from .redact import redact
from .types import Answer, Cell

__all__ = ["Entry", "Ledger", "read_ledger"]

FLUSH_SECONDS = 0.05  # that a result may wait for company on its way to the disk
_NAMES = tuple(field.name for field in fields(Answer))


@final
class Ledger:
    """An open ledger. One process at a time has it; use it as a context manager.

    Args:
        path: the file; made where it is missing.

    Raises:
        RunError: another process has it open, or it is damaged before its last line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            _lock(self._file, path)
            _repair(self._file)
            self.entries, self.seconds = read_ledger(path)
        except BaseException:
            os.close(self._file)
            raise
        lock = threading.Lock()
        self._state = threading.Condition(lock)  # told to who waits for the disk
        self._work = threading.Condition(lock)  # told to the flusher
        self._buffer: list[str] = []
        self._told = self._synced = 0  # how many times lines were added; of these, on the disk
        self._busy = self._closed = False
        self._waiting = 0  # threads, for their lines to be on the disk
        self._broken: RunError | None = None
        self._flusher = threading.Thread(target=self._flush, name="ledger", daemon=True)
        self._flusher.start()

    def session(self, **facts: Any) -> None:
        """Record that a process goes on here, with what it asks and pays."""
        self._tell([{"type": "session", "version": VERSION, "process": os.getpid(), **facts}])
        self.commit()

    def intend(self, cells: Sequence[Cell]) -> None:
        """Record that cells are about to be sent; returns once that is on the disk."""
        for cell in cells:
            self._entry(cell).sent += 1
        self._tell([_intent(cell) for cell in cells])
        self.commit()

    def settle(self, cell: Cell, answer: Answer) -> None:
        """Record what came back; it is written now, and soon on the disk."""
        self._entry(cell).results.append(answer)
        self._tell([{"type": "result", **{name: getattr(answer, name) for name in _NAMES}}])
        with self._state:
            if self._buffer and not self._busy:
                self._put(durable=False)

    def commit(self) -> None:
        """Wait until all that was told before this call is on the disk.

        Raises:
            RunError: the disk refuses.
        """
        with self._state:
            wanted = self._told
            while self._synced < wanted:
                if self._busy:
                    self._waiting += 1
                    self._state.wait()  # whoever wakes us counts us out
                else:
                    self._put(durable=True)

    def close(self) -> None:
        """Put everything on the disk and let others have the ledger."""
        with self._state:
            if self._closed:
                return
            self._closed = True
            self._work.notify()
        self._flusher.join()
        try:
            self.commit()
        finally:
            os.close(self._file)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _entry(self, cell: Cell) -> Entry:
        found = self.entries.get(cell.id)
        if found is None:
            found = self.entries[cell.id] = Entry(cell.model, cell.variant)
        return found

    def _tell(self, records: list[dict[str, Any]]) -> None:
        now = round(time.time(), 3)
        text = redact("".join(_line({**record, "at": now}) for record in records))
        with self._state:
            if self._closed:
                raise RunError(f"{self.path} is closed")
            self._buffer.append(text)
            self._told += 1
            self._work.notify()

    def _put(self, *, durable: bool) -> None:
        """Write what is told; called and left with the lock held, but lets others tell meanwhile.

        Raises:
            RunError: the disk refuses, now or before.
        """
        if self._broken is not None:
            raise self._broken
        self._busy = True
        try:
            self._put_all(durable)
            # Results that were told meanwhile: nobody may be waiting who would write them.
            while self._buffer and not self._waiting:
                self._put_all(False)
        except OSError as error:
            cure = "make room and run again; it goes on from here"
            self._broken = RunError(f"{self.path} cannot be written: {error.strerror}", cure)
            raise self._broken from error
        finally:
            self._busy = False
            # All that still wait are not on the disk yet, and one of them writes for all.
            self._wake(1 if self._broken is None else self._waiting)

    def _put_all(self, durable: bool) -> None:
        lines, self._buffer, target = self._buffer, [], self._told
        self._state.release()
        try:
            self._to_file("".join(lines).encode("utf-8", "surrogatepass"), durable)
        finally:
            self._state.acquire()
        if durable:
            self._synced = target
            self._wake(self._waiting)

    def _wake(self, count: int) -> None:
        self._state.notify(count)
        self._waiting = max(0, self._waiting - count)

    def _to_file(self, data: bytes, durable: bool) -> None:
        whole = os.fstat(self._file).st_size
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError:
            os.ftruncate(self._file, whole)  # half a line must not end up in the middle
            raise
        if durable:
            os.fsync(self._file)

    def _flush(self) -> None:
        """Make results durable that nobody waits for, unless others' waiting does it first."""
        while True:
            with self._state:
                self._work.wait_for(lambda: self._closed or self._synced < self._told)
                seen = self._told
                self._work.wait_for(
                    lambda: self._closed or self._synced >= seen,  # noqa: B023, used at once
                    timeout=FLUSH_SECONDS,
                )
                if self._closed:
                    return
                if self._synced >= seen:
                    continue
            try:
                self.commit()
            except RunError:
                return  # whoever waits for the disk next meets the same error and reports it


def _intent(cell: Cell) -> dict[str, Any]:
    return {
        "type": "intent",
        "cell": cell.id,
        "row": cell.row,
        "model": cell.model,
        "variant": cell.variant,
        "repeat": cell.repeat,
    }


_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def _line(record: dict[str, Any]) -> str:
    return _encoder.encode(record) + "\n"


def _lock(file: int, path: Path) -> None:
    """Have the file to ourselves; the system lets go when a process ends, however it ends."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        cure = "wait until it has ended, or name another run folder"
        raise RunError(f"another process is writing {path}", cure) from error


def _repair(file: int) -> None:
    """Take away what follows the last whole line: a record that a crash cut off."""
    size = os.fstat(file).st_size
    end, step = size, 1 << 16
    while end > 0:
        begin = max(0, end - step)
        block = os.pread(file, end - begin, begin)
        if (at := block.rfind(b"\n")) >= 0:
            end = begin + at + 1
            break
        end = begin
    if end < size:
        os.ftruncate(file, end)
        os.fsync(file)

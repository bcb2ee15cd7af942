"""TensorBoard's event files, written record by record as the steps come.

A file is a row of records, each framed by its length and two checksums (TFRecord, as
tensorflow/core/lib/io/record_writer.h says); a record is an `Event` in protocol buffers. The
messages and the checksum are tensorboardX's. Its own writer hands records to a thread, which a
killed process takes with it, so that the framing is done here and a record is written at once.
"""

import struct
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

VERSION = "brain.Event:2"
"""Written first. From it on, readers know that a new start replaces steps after its own."""

NOT_MEASURED = frozenset(("step", "seconds"))


class EventLog:
    """Event files beside the run's other records: one for each process that trained."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path: Path | None = None
        self._written = _is_there()

    def add(self, line: Mapping[str, Any]) -> None:
        """Append a record with every number of a line, under the name that it has there."""
        numbers = {
            name: float(value)
            for name, value in line.items()
            if name not in NOT_MEASURED and isinstance(value, int | float)
        }
        if numbers and self._written:
            self._write(step=line["step"], numbers=numbers)

    def go_on(self, step: int, lines: Sequence[Mapping[str, Any]]) -> None:
        """Have readers forget the steps after `step`, which will be written again.

        A record that a crash cut off ends what is read of its file, so a new process begins a
        new one.
        """
        if not self._written:
            return
        from tensorboardX.proto import event_pb2

        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self._write(step=step + 1, session_log=start)

    def _write(self, *, numbers: Mapping[str, float] | None = None, **fields: Any) -> None:
        # with protobuf, which reading records does without
        from tensorboardX.proto import event_pb2, summary_pb2

        if numbers is not None:
            values = [
                summary_pb2.Summary.Value(tag=name, simple_value=value)
                for name, value in numbers.items()
            ]
            fields["summary"] = summary_pb2.Summary(value=values)
        records = [event_pb2.Event(wall_time=time.time(), **fields)]
        if self._path is None:
            self._path = self._new_path()
            records.insert(0, event_pb2.Event(wall_time=time.time(), file_version=VERSION))
        with self._path.open("ab") as file:
            file.write(b"".join(framed(record.SerializeToString()) for record in records))

    def _new_path(self) -> Path:
        """Name a file that TensorBoard reads after those that are there: it goes by the name."""
        before = len(list(self.folder.glob("events.out.tfevents.*")))
        return self.folder / f"events.out.tfevents.{int(time.time()):010}.{before:03}"


def _is_there() -> bool:
    """Say whether the package is: a program may be run where only what it trains with is."""
    return find_spec("tensorboardX") is not None


def framed(record: bytes) -> bytes:
    """Return a record as it stands in a file: length, its checksum, the bytes, their checksum."""
    from tensorboardX.record_writer import masked_crc32c

    length = struct.pack("<Q", len(record))
    checks = [struct.pack("<I", masked_crc32c(part)) for part in (length, record)]
    return length + checks[0] + record + checks[1]

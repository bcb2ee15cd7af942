"""Adding a question of a chat to the test rows of its spec."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..data.rows import load_rows
from ..errors import DataError
from ..paths import inside_project, project_root, write_atomically
from ..prompting.redact import redact

__all__ = ["TestRows"]

LABEL = "label"


@dataclass(frozen=True, slots=True)
class TestRows:
    """The test rows of a spec, as far as a chat can add to them.

    Attributes:
        builtin, path: what `data.test` says; one of them, or neither without test rows.
        columns: `data.columns`, name in templates to column of the file.
        labels: of a classification; a row with another could not be read again.
        json: whether right answers are JSON, as those of `extract`.
    """

    __test__ = False  # no test class, though pytest would take it for one

    builtin: str | None = None
    path: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    json: bool = False

    def refusal(self) -> str | None:
        """Say why no row can be added, or None where one can."""
        if self.builtin is not None:
            return f"data.test is the built-in corpus {self.builtin}, which has no file here"
        if self.path is None:
            return "the spec names no test rows (data.test)"
        if Path(self.path).suffix not in _WRITERS:
            return f"data.test is {self.path}; rows are added to .jsonl and .csv"
        names = [name for name in self.columns if name != LABEL]
        if len(names) != 1:
            return (
                f"a row has {len(names)} columns beside its answer ({', '.join(names) or 'none'}), "
                "and a question of a chat fills one"
            )
        return None

    @property
    def needs_label(self) -> bool:
        """Whether rows have a right answer."""
        return LABEL in self.columns

    def add(self, question: str, label: str) -> tuple[str, int]:
        """Append one row and return the file, as the spec names it, and the number of its rows.

        The file is replaced in one step: a reader or a crash never meets half a row.

        Raises:
            DataError: no row can be added, this one could not be read again, or the file cannot be
                read or written.
        """
        if (why := self.refusal()) is not None:
            raise DataError(why)
        row = self._row(redact(question), redact(label.strip()))
        file = inside_project(str(self.path), DataError)
        try:
            with _alone(file) as before, write_atomically(file) as temporary:
                after = before + _WRITERS[file.suffix](before, row, str(self.path))
                temporary.write_bytes(after)
                rows = self._read_back(file, temporary, row)
                temporary.chmod(file.stat().st_mode & 0o7777)
        except FileNotFoundError as error:
            raise DataError(f"{self.path} does not exist", "check data.test.path") from error
        except OSError as error:
            raise DataError(f"{self.path} cannot be written: {error.strerror}") from error
        return str(self.path), rows

    def _read_back(self, file: Path, temporary: Path, row: Mapping[str, str]) -> int:
        """Count the rows of the new file, once its last one is seen to be `row`.

        What a file held before decides too: in an open quotation the row would be lost.
        """
        copy = temporary.with_name(temporary.name + file.suffix)  # read by its suffix
        try:
            shutil.copyfile(temporary, copy)
            shown = copy.relative_to(project_root()).as_posix()
            found = load_rows(path=shown, columns=self.columns)
        except DataError as error:
            said = error.message.replace(shown, str(self.path))
            raise DataError(f"the row could not be read again: {said}", "mend the file") from error
        finally:
            copy.unlink(missing_ok=True)
        wanted = {name: row[column] for name, column in self.columns.items()}
        label = wanted.pop(LABEL, None)
        if not any(one.fields == wanted and one.label == label for one in found):
            raise DataError(f"the row would be lost in {self.path}", "mend the file's last line")
        return len(found)

    def _row(self, question: str, label: str) -> dict[str, str]:
        [name] = [name for name in self.columns if name != LABEL]
        row = {self.columns[name]: question}
        if LABEL not in self.columns:
            return row
        if self.labels and label not in self.labels:
            known = ", ".join(self.labels)
            raise DataError(
                f"the right answer cannot be {label[:60]!r}: task.labels are {known}",
                f"name one of them: /save {self.labels[0]}",
            )
        if not label:
            raise DataError("the right answer is empty", "give one: /save ANSWER")
        if self.json:
            _check_json(label)
        return {**row, self.columns[LABEL]: label}


def _check_json(label: str) -> None:
    try:
        json.loads(label)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"the right answer of an extraction is JSON, and this is none: {error}",
            "give it: /save {...}",
        ) from error


@contextlib.contextmanager
def _alone(file: Path) -> Iterator[bytes]:
    """Give the file's bytes, and keep other chats from it until the block ends."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield file.read_bytes()
        return
    while True:
        with file.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            # Whoever had it may have put another file in its place.
            if os.fstat(stream.fileno()).st_ino != file.stat().st_ino:
                continue
            yield stream.read()
            return


def _as_jsonl(before: bytes, row: Mapping[str, str], shown: str) -> bytes:
    return _line_end(before) + json.dumps(row, ensure_ascii=False).encode() + b"\n"


def _as_csv(before: bytes, row: Mapping[str, str], shown: str) -> bytes:
    try:
        head = next(csv.reader(io.StringIO(before.decode("utf-8-sig")), strict=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{shown} cannot be read: {error}", "mend the file") from error
    if missing := [column for column in row if column not in head]:
        have = ", ".join(head) or "nothing"
        raise DataError(f"{shown} has no column {missing[0]!r}", f"its header has: {have}")
    ends = "\r\n" if b"\r\n" in before else "\n"
    line = io.StringIO()
    # By itself the writer leaves a lone carriage return bare, which then ends the row.
    bare = "\r" in "".join(row.values())
    writer = csv.writer(
        line, lineterminator=ends, quoting=csv.QUOTE_ALL if bare else csv.QUOTE_MINIMAL
    )
    writer.writerow([row.get(column, "") for column in head])
    return _line_end(before, ends.encode()) + line.getvalue().encode()


def _line_end(before: bytes, ends: bytes = b"\n") -> bytes:
    """Return what a file's last line lacks."""
    return ends if before and not before.endswith(b"\n") else b""


_WRITERS = {".jsonl": _as_jsonl, ".csv": _as_csv}

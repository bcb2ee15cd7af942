"""What a program does instead of asking, where the environment says so.

The same program makes the cells whatever becomes of them, so that what is estimated or written for
a batch is what would be asked:

    NIVEL_ESTIMATE=1        say what asking would take, and end
    NIVEL_BATCH_OUT=PATH    write the requests, and end: a folder, or FILE.jsonl for one model
    NIVEL_BATCH_MODEL=NAME  those of this model alone
    NIVEL_BATCH_IN=PATHS    take the answers in these files (between them os.pathsep), ask nothing
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..errors import DataError, RunError, Waiting
from ..records.files import read_json, write_json
from .batch import take_batch, write_batch
from .types import Backend, Cell

__all__ = ["Instead"]

RECORD = "batch.json"
MOST_REQUESTS = 50_000  # in one file, at OpenAI's service
MOST_BYTES = 200_000_000


class _HasFolder(Protocol):
    folder: Path


@dataclass(frozen=True, slots=True)
class Instead:
    """What the environment says."""

    estimate: bool
    out: Path | None
    model: str | None
    answers: tuple[Path, ...]

    @classmethod
    def told(cls) -> Instead:
        """Read the environment."""
        out, found = os.environ.get("NIVEL_BATCH_OUT"), os.environ.get("NIVEL_BATCH_IN")
        return cls(
            os.environ.get("NIVEL_ESTIMATE") == "1",
            Path(out) if out else None,
            os.environ.get("NIVEL_BATCH_MODEL") or None,
            tuple(Path(path) for path in found.split(os.pathsep)) if found else (),
        )

    def chosen(self, cells: Sequence[Cell]) -> list[Cell]:
        """Return the cells that are meant."""
        return [cell for cell in cells if self.model in (None, cell.model)]

    def take(self, run: _HasFolder, backends: Sequence[Backend], cells: Sequence[Cell]) -> None:
        """Put the files of answers into the run's ledger.

        Raises:
            DataError: a file cannot be read, is another run's, or answers a cell twice.
        """
        prices = {backend.name: getattr(backend, "batch_price", None) for backend in backends}
        for path in self.answers:
            batch = take_batch(run, path, cells, prices)
            failed = [answer for answer in batch.answers.values() if answer.error]
            said = f"{path.name}: {len(batch.answers):,} answers"
            said += f", {len(failed):,} of them errors; first {failed[0].error}" if failed else ""
            print(said, file=sys.stderr)
        if self.answers:
            record = _record(run.folder) | {"read": [path.name for path in self.answers]}
            write_json(run.folder / RECORD, record)

    def wait(self, run: _HasFolder, backends: Sequence[Backend], pending: Sequence[Cell]) -> None:
        """End the program where nothing is to be asked.

        Raises:
            Waiting: that is so.
            DataError: requests cannot be written for a model.
            RunError: calls would be made for requests that went into a batch, which was not read.
        """
        if self.estimate:
            raise Waiting("only estimated: nothing was asked")
        if self.out is not None:
            raise Waiting(self._write(run, backends, pending))
        if self.answers and pending:
            text = f"{len(pending):,} cells have no answer in the files; --resume asks them live"
            print(text, file=sys.stderr)
            raise Waiting(text, code=3)
        _check_read(run.folder, pending)

    def _write(self, run: _HasFolder, backends: Sequence[Backend], pending: Sequence[Cell]) -> str:
        """Write a file for each model that is meant; return what the run now waits for."""
        assert self.out is not None
        mine = self.chosen(pending)
        names = list(dict.fromkeys(cell.model for cell in mine))
        by_name = {backend.name: backend for backend in backends}
        for name in names:
            _check_remote(by_name[name])
        paths = _paths(self.out, names)
        for name, path in paths.items():
            backend: Any = by_name[name]
            cells = [cell for cell in mine if cell.model == name]
            write_batch(cells, path, backend.model, backend.limit_name)
            _say(path, cells)
        models = {**_record(run.folder).get("models", {}), **{n: p.name for n, p in paths.items()}}
        write_json(run.folder / RECORD, {"models": models, "read": []})
        return f"a batch of {len(mine):,} requests to {', '.join(names) or 'nobody'}"


def _check_read(folder: Path, pending: Sequence[Cell]) -> None:
    record = _record(folder)
    waiting = {cell.model for cell in pending} & set(record.get("models", ()))
    if waiting and not record.get("read"):
        raise RunError(
            f"the requests to {min(waiting)} were written for a batch whose answers were not "
            "read: to ask now could pay them twice",
            f"read them with `nivel batch read`, or delete {RECORD} in the run's folder if the "
            "batch was never sent",
        )


def _check_remote(backend: Backend) -> None:
    if not hasattr(backend, "limit_name"):
        raise DataError(
            f"{backend.name} is a local model, which takes no batch files",
            "name an endpoint with --model; `nivel run --resume` then asks the local one",
        )


def _paths(out: Path, names: Sequence[str]) -> dict[str, Path]:
    if out.suffix != ".jsonl":
        return {name: out / f"requests-{_file_name(name)}.jsonl" for name in names}
    if len(names) > 1:
        cure = "name one with --model, or leave the file out: there is then one for each"
        raise DataError(f"{out.name} cannot hold the requests to {', '.join(names)}", cure)
    return dict.fromkeys(names, out)


def _file_name(name: str) -> str:
    """Return a model's name as part of a file's; such names may hold slashes."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name)


def _say(path: Path, cells: Sequence[Cell]) -> None:
    size = path.stat().st_size
    print(f"wrote {len(cells):,} requests, {size / 1e6:,.1f} MB, to {path}", file=sys.stderr)
    if len(cells) > MOST_REQUESTS or size > MOST_BYTES:
        print(
            "note: OpenAI's service takes 50,000 requests and 200 MB in one file", file=sys.stderr
        )
    if any(cell.text is not None for cell in cells):
        _note("these continue a text (task.format plain), which `vllm run-batch` does not do")


def _note(text: str) -> None:
    print(f"note: {text}", file=sys.stderr)


def _record(folder: Path) -> dict[str, Any]:
    found = read_json(folder / RECORD)
    return found if isinstance(found, dict) else {}

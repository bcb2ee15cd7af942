"""Cells as a file of requests, and the file of answers, in OpenAI's Batch format.

The same file is taken by OpenAI's Batch service and by `vllm run-batch`. A cell's id is the
request's `custom_id`, so that answers find their cells in whatever order they come.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from ..errors import DataError
from ..paths import write_atomically
from .failures import Failure, refused
from .ledger import Ledger
from .price import Price
from .redact import redact
from .transport import Reply
from .types import JSON, Answer, Cell
from .wire import encode, path_of, read_body, request_body

__all__ = ["Batch", "read_batch", "take_batch", "write_batch"]


class _HasFolder(Protocol):
    folder: Path


@dataclass(frozen=True, slots=True)
class Batch:
    """What a file of answers holds.

    Attributes:
        answers: by cell id; of two lines for one cell, the first.
        missing: ids of cells that have no line.
        unknown: ids in the file that are no cell's.
        doubled: ids that have more than one line.
    """

    answers: Mapping[str, Answer]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    doubled: tuple[str, ...]

    def problems(self) -> list[str]:
        """Return what does not match, as lines of text."""
        found = []
        for what, ids in (
            ("cells have no answer in the file", self.missing),
            ("answers belong to no cell", self.unknown),
            ("cells have more than one answer; the first counts", self.doubled),
        ):
            if ids:
                more = ", ..." if len(ids) > 3 else ""
                found.append(f"{len(ids):,} {what}: {', '.join(ids[:3])}{more}")
        return found


def write_batch(
    cells: Sequence[Cell], path: Path, model: str, limit_name: str = "max_tokens"
) -> None:
    """Write the requests for cells, one a line, in one step.

    Args:
        cells: what is wanted.
        path: the file to write.
        model: the model's name at the service.
        limit_name: the field for the longest answer; OpenAI's own is `max_completion_tokens`.
    """
    with write_atomically(path) as temporary, temporary.open("wb") as file:
        for cell in cells:
            request: dict[str, JSON] = {
                "custom_id": cell.id,
                "method": "POST",
                "url": f"/v1/{path_of(cell)}",
                "body": request_body(cell, model, limit_name),
            }
            file.write(encode(request) + b"\n")


def read_batch(path: Path, cells: Sequence[Cell], price: Price | None = None) -> Batch:
    """Read a file of answers to cells.

    Args:
        path: what the service gave back.
        cells: what was wanted.
        price: for the dollars; that of the batch service, where it is another.

    Raises:
        DataError: the file cannot be read, or a line of it is no answer in this format.
    """
    wanted = {cell.id for cell in cells}
    answers: dict[str, Answer] = {}
    unknown, doubled = [], []
    for number, record in _records(path):
        identity = record.get("custom_id")
        if not isinstance(identity, str):
            raise DataError(f"{path}:{number} has no custom_id", "give the file of answers")
        if identity not in wanted:
            unknown.append(redact(identity))
        elif identity in answers:
            doubled.append(identity)
        else:
            answers[identity] = _answer(identity, record, price)
    missing = tuple(cell.id for cell in cells if cell.id not in answers)
    return Batch(answers, missing, tuple(unknown), tuple(doubled))


def take_batch(
    run: _HasFolder, path: Path, cells: Sequence[Cell], price: Price | None = None
) -> Batch:
    """Put a file's answers into a run's ledger, where `ask` finds them; twice does no harm.

    Raises:
        DataError: as `read_batch`.
        RunError: the ledger is damaged or in use.
    """
    batch = read_batch(path, cells, price)
    with Ledger(run.folder / "ledger.jsonl") as ledger:
        fresh = [cell for cell in cells if cell.id in batch.answers and not _has(ledger, cell)]
        ledger.session(batch=path.name)
        ledger.intend(fresh)
        for cell in fresh:
            ledger.settle(cell, batch.answers[cell.id])
    return batch


def _has(ledger: Ledger, cell: Cell) -> bool:
    entry = ledger.entries.get(cell.id)
    return entry is not None and entry.answer is not None and entry.answer.error is None


def _answer(identity: str, record: dict[str, Any], price: Price | None) -> Answer:
    try:
        answer = read_body(identity, _body(record), 0.0)
    except Failure as failure:
        return Answer(identity, None, None, None, None, None, None, 0.0, str(failure), None,
                      lost=failure.paid)  # fmt: skip
    return replace(answer, usd=None if price is None else price.usd(answer))


def _body(record: dict[str, Any]) -> Any:
    """Return the completion in a line.

    Raises:
        Failure: the line says that there is none.
    """
    response = record.get("response")
    if not isinstance(response, dict):
        error = json.dumps(record.get("error"), ensure_ascii=False)
        raise Failure("batch", f"not answered: {error[:600]}")
    status, body = response.get("status_code"), response.get("body")
    if status != 200:
        said = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        raise refused(Reply(status if isinstance(status, int) else 500, {}, said))
    return body


def _records(path: Path) -> list[tuple[int, dict[str, Any]]]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    found = []
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise DataError(f"{path}:{number} is no JSON: {error}") from error
        if not isinstance(record, dict):
            raise DataError(f"{path}:{number} is no object")
        found.append((number, record))
    return found

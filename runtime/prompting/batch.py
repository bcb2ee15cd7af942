"""Cells as a file of requests, and the file of answers, in OpenAI's Batch format.

The same file is taken by OpenAI's Batch service and by `vllm run-batch` (which answers chats alone:
requests to `/v1/completions` come back as errors). A cell's id is the request's `custom_id`, so
that answers find their cells in whatever order they come. OpenAI gives failed requests in a file
of their own, in the same form; both are read alike. See
https://platform.openai.com/docs/api-reference/batch and vLLM's `entrypoints/openai/run_batch.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeAlias

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


Prices: TypeAlias = "Price | Mapping[str, Price | None] | None"


class _HasFolder(Protocol):
    folder: Path


@dataclass(frozen=True, slots=True)
class Batch:
    """What a file of answers holds.

    Attributes:
        answers: by cell id; of two lines for one cell, the first.
        missing: ids of cells that have no line.
        unknown: ids in the file that are no cell's, each with its line.
        doubled: ids that have more than one line, each with the second one's line.
    """

    answers: Mapping[str, Answer]
    missing: tuple[str, ...]
    unknown: Mapping[str, int]
    doubled: Mapping[str, int]

    def check(self, path: Path) -> None:
        """Refuse a file that cannot be this run's, or of which it is not clear what it says.

        Raises:
            DataError: answers belong to no cell of the run, or a cell has two.
        """
        if self.unknown:
            name, line = next(iter(self.unknown.items()))
            total = len(self.unknown) + len(self.answers)
            all_of = "none" if not self.answers else f"{len(self.unknown):,} of {total:,}"
            are = "of its answers belongs" if not self.answers else "answers do not belong"
            raise DataError(
                f"{path}:{line}: custom_id {name!r} is no cell of this run ({all_of} {are} to it)",
                "read it into the run whose requests it answers, with the spec as it was then",
            )
        if self.doubled:
            name, line = next(iter(self.doubled.items()))
            raise DataError(
                f"{path}:{line}: a second answer to {name!r} ({len(self.doubled):,} such cells)",
                "leave one line for each custom_id, the one that you mean",
            )


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


def read_batch(path: Path, cells: Sequence[Cell], price: Prices = None) -> Batch:
    """Read a file of answers to cells.

    Args:
        path: what the service gave back.
        cells: what was wanted.
        price: for the dollars, that of the batch service; or that of each model by its name.

    Raises:
        DataError: the file cannot be read, or a line of it is no answer in this format.
    """
    wanted = {cell.id: cell for cell in cells}
    answers: dict[str, Answer] = {}
    unknown: dict[str, int] = {}
    doubled: dict[str, int] = {}
    for number, record in _records(path):
        identity = record.get("custom_id")
        if not isinstance(identity, str):
            raise DataError(f"{path}:{number}: no custom_id", "give the file of answers")
        if "method" in record and "response" not in record:
            raise DataError(f"{path}:{number}: this is a request", "give the file of answers")
        if (cell := wanted.get(identity)) is None:
            unknown.setdefault(redact(identity), number)
        elif identity in answers:
            doubled.setdefault(identity, number)
        else:
            of_cell = price.get(cell.model) if isinstance(price, Mapping) else price
            answers[identity] = _answer(cell, record, of_cell)
    missing = tuple(cell.id for cell in cells if cell.id not in answers)
    return Batch(answers, missing, unknown, doubled)


def take_batch(run: _HasFolder, path: Path, cells: Sequence[Cell], price: Prices = None) -> Batch:
    """Put a file's answers into a run's ledger, where `ask` finds them; twice does no harm.

    Raises:
        DataError: as `read_batch` and `Batch.check`; nothing of the file is taken then.
        RunError: the ledger is damaged or in use.
    """
    batch = read_batch(path, cells, price)
    batch.check(path)
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


def _answer(cell: Cell, record: dict[str, Any], price: Price | None) -> Answer:
    try:
        answer = read_body(cell, _body(record), None)
    except Failure as failure:
        return Answer(cell.id, None, None, None, None, None, None, None, str(failure), None,
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
        # vLLM leaves the body empty then and says what was wrong beside the response.
        said = json.dumps(body or record.get("error"), ensure_ascii=False).encode(
            "utf-8", "replace"
        )
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
        except (ValueError, RecursionError) as error:
            cure = "give the file of answers as the service wrote it"
            raise DataError(f"{path}:{number}: no JSON: {error}", cure) from error
        if not isinstance(record, dict):
            raise DataError(f"{path}:{number}: no JSON object", "give the file of answers")
        found.append((number, record))
    return found

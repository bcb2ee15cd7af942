"""Asking: every cell once, whatever happens in between."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Protocol, final

from ..errors import NivelError, RunError
from ..paths import write_atomically
from ..records.files import write_json
from ..records.progress import Progress
from .accounts import Accounts
from .before import weigh
from .budget import Budget, Meter
from .entries import Entry
from .failures import ASK_AGAIN, kind_of
from .instead import Instead
from .ledger import Ledger
from .promises import Promises
from .redact import redact
from .types import JSON, Answer, Backend, Cell

__all__ = ["Answers", "ask"]

SECONDS_BETWEEN_UPDATES = 0.1
_CELL = tuple(field.name for field in fields(Cell))


class _HasFolder(Protocol):
    folder: Path


@final
class Answers(Mapping[str, Answer]):
    """The answers to a run's cells, by cell id; a cell that was never answered is not in it.

    Attributes:
        truncated: why cells are left without an answer, or None. Scores of such a run would be
            those of another question, and are withheld.
        accounts: what all of it cost.
        missing: ids of the cells without an answer, in the cells' order.
        seconds: of the wall clock that asking took; None where some answers were there before.
    """

    def __init__(
        self, found: Mapping[str, Answer], missing: tuple[str, ...], truncated: str | None,
        accounts: Accounts, seconds: float | None = None,
    ) -> None:  # fmt: skip
        self._found = dict(found)
        self.missing, self.truncated, self.accounts = missing, truncated, accounts
        self.seconds = seconds

    def __getitem__(self, cell: str) -> Answer:
        return self._found[cell]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def ask(
    run: _HasFolder,
    backends: Sequence[Backend],
    cells: Sequence[Cell],
    *,
    budget: Budget | None = None,
    retry_errors: bool = False,
    progress: Progress | None = None,
    part: str = "",
) -> Answers:
    """Answer the cells, those that the run's ledger holds no answer to.

    The run's folder gets `cells.jsonl`, what was asked; `estimate.json`, what that would take;
    `ledger.jsonl`; and `accounts.json`. A run that asks twice has one ledger, and so one budget,
    for both.

    Args:
        run: whose folder is written; opened again after a crash, it goes on where it was.
        backends: who answers; each cell names one of them.
        cells: what is wanted, each once.
        budget: when to stop.
        retry_errors: ask again where the answer was an error, as NIVEL_RETRY_ERRORS=1 in the
            environment says too. Errors that say nothing of the cell,
            such as a missing key, are asked again in any case.
        progress: shown while asking; None makes one.
        part: before the names of the files that say what was asked, for what is asked once the
            answers are there; no batch is written of it.

    Raises:
        RunError: the ledger is damaged or in use, or the budget cannot be kept.
        Waiting: the environment says to do something else instead; see `instead`.
        ModelError: a backend cannot go on; the answers of the others are in the ledger.
    """
    _check(backends, cells)
    retry_errors = retry_errors or _told("NIVEL_RETRY_ERRORS")
    instead = Instead.told() if not part else Instead(False, None, None, ())
    instead.take(run, backends, cells)
    _write_cells(run.folder / f"{part}cells.jsonl", cells)
    with Ledger(run.folder / "ledger.jsonl") as ledger:
        pending = [cell for cell in cells if _wanted(ledger.entries.get(cell.id), retry_errors)]
        _say_resumed(ledger, cells, pending)
        meter = Meter(budget, ledger.entries.values(), ledger.seconds)
        found = weigh(run.folder, instead, backends, pending, budget, meter, part)
        instead.wait(run, backends, pending)
        ledger.session(
            backends={backend.name: backend.identity() for backend in backends},
            prices=_prices(backends),
            budget=None if budget is None else asdict(budget),
            estimate=found,
        )
        shown = progress or Progress("asking", len(cells), "answers")
        promises = _promises(ledger, cells)
        done = _Done(ledger, meter, promises, shown, len(cells) - len(pending))
        stop = _Stop(meter, promises)
        began = time.monotonic()
        try:
            with shown:
                errors = _ask_all(backends, pending, _Intent(ledger, meter), done, stop)
        finally:
            ledger.commit()
            accounts = _account(run.folder, ledger, backends)
    if errors:
        raise errors[0]
    promises.check()
    took = time.monotonic() - began if len(pending) == len(cells) else None
    return _gather(ledger.entries, cells, meter.reason, accounts, took)


def _told(name: str) -> bool:
    return os.environ.get(name) == "1"


def _promises(ledger: Ledger, cells: Sequence[Cell]) -> Promises:
    """Return what the answers so far show of the models."""
    promises = Promises()
    for cell in cells:
        entry = ledger.entries.get(cell.id)
        if entry is not None and entry.answer is not None:
            promises.see(cell, entry.answer)
    return promises


@final
class _Intent:
    """Writes down what is about to be sent."""

    def __init__(self, ledger: Ledger, meter: Meter) -> None:
        self._ledger, self._meter = ledger, meter

    def __call__(self, cell: Cell) -> None:
        self.many([cell])

    def many(self, cells: Sequence[Cell]) -> None:
        """Write several down and put them on the disk together."""
        self._meter.sent(len(cells))
        self._ledger.intend(cells)


@final
class _Stop:
    """Says whether to send no more."""

    def __init__(self, meter: Meter, promises: Promises) -> None:
        self._meter, self._promises = meter, promises

    def __call__(self) -> bool:
        return self._promises.hopeless() or self._meter.over()

    def grant(self) -> bool:
        """Reserve one call; False to send no more."""
        return not self._promises.hopeless() and self._meter.grant()


@final
class _Done:
    """Writes down what came back, and shows how far it is."""

    def __init__(
        self, ledger: Ledger, meter: Meter, promises: Promises, shown: Progress, done: int
    ) -> None:
        self._ledger, self._meter, self._shown = ledger, meter, shown
        self._promises = promises
        self._count, self._updated = done, 0.0

    def __call__(self, cell: Cell, answer: Answer) -> None:
        self._ledger.settle(cell, answer)
        self._meter.came(answer)
        self._promises.see(cell, answer)
        self._count += 1
        now = time.monotonic()
        if now - self._updated >= SECONDS_BETWEEN_UPDATES:
            self._updated = now
            self.show()

    def show(self) -> None:
        self._shown.update(self._count)


def _ask_all(
    backends: Sequence[Backend],
    pending: Sequence[Cell],
    intent: _Intent,
    done: _Done,
    stop: _Stop,
) -> list[NivelError]:
    """Let each backend answer its cells; one that fails does not keep the others from theirs."""
    errors: list[NivelError] = []
    for backend in backends:
        mine = [cell for cell in pending if cell.model == backend.name]
        if not mine or stop():
            continue
        try:
            backend.answer(mine, intent, done, stop)
        except RunError:
            raise  # the ledger itself fails
        except NivelError as error:
            errors.append(error)
    done.show()
    return errors


def _wanted(entry: Entry | None, retry_errors: bool) -> bool:
    answer = None if entry is None else entry.answer
    if answer is None:
        return True
    if answer.error is None:
        return False
    return retry_errors or kind_of(answer.error) in ASK_AGAIN


def _write_cells(path: Path, cells: Sequence[Cell]) -> None:
    """Write down what is asked, one cell a line, in one step."""
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    said = {id(cell.generation): cell.generation for cell in cells}
    spelt = {key: asdict(generation) for key, generation in said.items()}
    with write_atomically(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for cell in cells:
            record = {name: getattr(cell, name) for name in _CELL}
            record["generation"] = spelt[id(cell.generation)]
            record["messages"] = [dict(message) for message in cell.messages]
            file.write(redact(encode(record)) + "\n")
        temporary.chmod(0o644)  # the temporary file is its owner's alone; records are for the team


def _gather(
    entries: Mapping[str, Entry],
    cells: Sequence[Cell],
    reason: str | None,
    accounts: Accounts,
    seconds: float | None,
) -> Answers:
    found = {
        cell.id: answer
        for cell in cells
        if (entry := entries.get(cell.id)) is not None and (answer := entry.answer) is not None
    }
    missing = tuple(
        cell.id
        for cell in cells
        if (answer := found.get(cell.id)) is None or kind_of(answer.error or "") == "stopped"
    )
    truncated = None
    if missing:
        why = reason or "the backend left them out"
        truncated = f"{len(missing):,} of {len(cells):,} cells are not answered: {why}"
    return Answers(found, missing, truncated, accounts, seconds)


def _account(folder: Path, ledger: Ledger, backends: Sequence[Backend]) -> Accounts:
    accounts = Accounts(ledger.entries.values(), _prices(backends))
    write_json(folder / "accounts.json", accounts.record())
    print("\n".join(accounts.lines()), file=sys.stderr)
    return accounts


def _prices(backends: Sequence[Backend]) -> dict[str, dict[str, JSON] | None]:
    return {backend.name: _price(backend) for backend in backends}


def _price(backend: Backend) -> dict[str, JSON] | None:
    """Return what dollars are counted by; `batch` is what answers of a batch are."""
    live, batch = getattr(backend, "price", None), getattr(backend, "batch_price", None)
    found: dict[str, JSON] = {} if live is None else live.record()
    if batch is not None:
        found["batch"] = batch.record()
    return found or None


def _say_resumed(ledger: Ledger, cells: Sequence[Cell], pending: Sequence[Cell]) -> None:
    """Say what an earlier session left, where there was one."""
    if not any(cell.id in ledger.entries for cell in cells):
        return
    cut = sum(1 for cell in pending if (e := ledger.entries.get(cell.id)) is not None and e.open)
    found = len(cells) - len(pending)
    text = f"going on: {found:,} of {len(cells):,} cells are answered"
    if cut:
        text += f"; {cut:,} were cut off before their answer and are asked again, maybe paid twice"
    print(text, file=sys.stderr)


def _check(backends: Sequence[Backend], cells: Sequence[Cell]) -> None:
    names = {backend.name for backend in backends}
    seen: set[str] = set()
    for cell in cells:
        if cell.model not in names:
            raise RunError(f"cell {cell.id} is for {cell.model!r}, which is no backend here")
        if cell.id in seen:
            raise RunError(f"cell {cell.id} is wanted twice", "make cells with make_cells")
        seen.add(cell.id)

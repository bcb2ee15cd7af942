"""Many rows, several workers: a local model in each, and one ledger that all answers go to.

Ray Data hands on what an actor has made in blocks, when a task over a block has ended, and takes
more from its source than it works on. A ledger needs to know what is about to be asked, and holds
each answer as soon as it is there. So the workers are actors, each with a model of its own; their
answers stream back one by one, and what a dead one had in work is asked of the next.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, final

from ..errors import ModelError, NivelError
from ..extras import load_extra
from ..prompting.types import JSON, Answer, Cell, announce
from .cluster import WHO, Needs, connected, told

__all__ = ["RayModel"]

BATCHES = 8
"""Batches that a worker is given at once, at most: the answers of a batch do not end together, and
while there is more the next ones begin in their places."""


@final
class RayModel:
    """A causal language model in every worker of a Ray cluster; else as `LocalModel`.

    Answers are those of `LocalModel`, up to rounding: which cells are in a batch together differs.

    Args:
        name, path, revision, dtype, device, batch_size: as `LocalModel`; the last is each worker's.
        workers: models.
        restarts: workers that may die before the model is given up.
        threads: of each on the CPU; None for as many as `cpus`.
        cpus, gpu_type, resources: what each takes of the cluster, beside a GPU with device `cuda`.
    """

    def __init__(
        self,
        name: str,
        path: str,
        revision: str | None = None,
        *,
        dtype: str = "fp32",
        device: str = "cpu",
        batch_size: int = 16,
        workers: int,
        restarts: int = 3,
        threads: int | None = None,
        cpus: float = 1,
        gpu_type: str | None = None,
        resources: Mapping[str, float] | None = None,
    ) -> None:
        self.name, self.workers, self.restarts = name, workers, restarts
        self._batch, self._threads = batch_size, threads
        self._made = {"dtype": dtype, "device": device, "batch_size": batch_size}
        self._where = (name, path, revision)
        self._needs = Needs(cpus, int(device == "cuda"), gpu_type, dict(resources or {}))
        from ..generation import LocalModel  # asked who it is and how long prompts are: no weights

        self._local = LocalModel(name, path, revision, dtype=dtype, device=device)

    def identity(self) -> dict[str, JSON]:
        """Return what `LocalModel` says: how many answer shapes no answer."""
        return self._local.identity()

    def measure(self, cell: Cell) -> tuple[int, int]:
        """Return the tokens of a cell's prompt, and the most that its answer can have."""
        return self._local.measure(cell)

    def answer(
        self,
        cells: Sequence[Cell],
        intent: Callable[[Cell], None],
        done: Callable[[Cell, Answer], None],
        stop: Callable[[], bool],
    ) -> None:
        """Answer the cells; see `prompting.Backend`.

        Raises:
            DataError, ModelError: as `LocalModel.answer`, or workers die again and again.
            RunError: the cluster cannot run the workers.
        """
        workers = min(self.workers, -(-len(cells) // self._batch))
        print(f"{self.name}: Ray starts {workers} worker{'s' * (workers > 1)}", file=sys.stderr)
        with connected(self._needs, workers) as ray:
            pool = _Pool(ray, self._actor(ray), workers, self.restarts)
            pool.check([cells[first::workers] for first in range(workers)])
            left = deque(cells)
            grant: Callable[[], bool] = getattr(stop, "grant", lambda: not stop())

            def more() -> list[Cell]:
                taken = _take(left, -(-len(left) // (2 * workers)), self._batch, grant)
                announce(intent, taken)
                return taken

            by_id = {cell.id: cell for cell in cells}
            for answer in pool.answers(more, left.extendleft):
                done(by_id[answer.cell], answer)

    def _actor(self, ray: Any) -> Callable[[], Any]:
        """Return what starts a worker."""
        needs = self._needs
        kind = ray.remote(
            num_cpus=needs.cpus,
            num_gpus=needs.gpus,
            resources=dict(needs.resources),
            accelerator_type=needs.gpu_type,
        )(_Worker)
        known, folder = told(), os.getcwd()
        return lambda: kind.remote(self._where, self._made, self._threads, known, folder)


def _take(left: deque[Cell], share: int, batch: int, grant: Callable[[], bool]) -> list[Cell]:
    """Take cells for one worker: much at first, little in the end, so that all end together."""
    taken: list[Cell] = []
    most = min(max(share, batch), BATCHES * batch)
    while left and len(taken) < most and grant():
        taken.append(left.popleft())
    return taken


class _Worker:
    """An actor: one model, and the cells that it is given."""

    def __init__(
        self,
        where: tuple[str, str, str | None],
        made: Mapping[str, Any],
        threads: int | None,
        known: Mapping[str, str],
        folder: str,
    ) -> None:
        os.environ.update(known)
        os.chdir(folder)
        import torch

        from ..generation import LocalModel

        if threads is not None:
            torch.set_num_threads(threads)
        self._model = LocalModel(*where, **made)

    def check(self, cells: Sequence[Cell]) -> None:
        self._model.check(cells)

    def answers(self, cells: Sequence[Cell]) -> Iterator[Answer]:
        for _, answer in self._model.answers(cells, lambda cell: None, lambda: False):
            yield answer


class _Pool:
    """Workers of a cluster, each in work on some cells; one that dies is followed by another."""

    def __init__(self, ray: Any, start: Callable[[], Any], count: int, restarts: int) -> None:
        self._ray, self._start, self._restarts = ray, start, restarts
        self._workers = [start() for _ in range(count)]
        self._died = 0
        self._exceptions = load_extra("ray.exceptions", "ray", who=WHO)

    def check(self, parts: Sequence[Sequence[Cell]]) -> None:
        """Have each worker look at a part of the cells before any is answered."""
        looks = [w.check.remote(part) for w, part in zip(self._workers, parts, strict=True)]
        for place, part in enumerate(parts):
            while not self._finished(place, looks[place]):
                looks[place] = self._workers[place].check.remote(part)

    def _finished(self, place: int, reference: Any) -> bool:
        try:
            self._get(reference)
        except _Died as died:
            self._replace(place, died)
            return False
        return True

    def answers(
        self, more: Callable[[], list[Cell]], back: Callable[[Iterable[Cell]], None]
    ) -> Iterator[Answer]:
        """Yield answers as they come, until there are no more cells and all are answered.

        Args:
            more: takes cells for a worker, or none.
            back: is given those that a dead worker has left; it had been told of them.

        Raises:
            NivelError: what a worker raised, or too many died.
        """
        busy: dict[Any, tuple[int, dict[str, Cell]]] = {}
        for place in range(len(self._workers)):
            self._give(place, more(), busy)
        while busy:
            [stream, *_], _ = self._ray.wait(list(busy), num_returns=1)
            place, open_cells = busy[stream]
            try:
                answer = self._get(next(stream))
            except StopIteration:
                del busy[stream]
                self._give(place, more(), busy)
                continue
            except _Died as died:
                del busy[stream]
                self._replace(place, died)
                back(reversed(open_cells.values()))
                self._give(place, more(), busy)
                continue
            del open_cells[answer.cell]
            yield answer

    def _give(
        self, place: int, cells: list[Cell], busy: dict[Any, tuple[int, dict[str, Cell]]]
    ) -> None:
        if not cells:
            return
        method = self._workers[place].answers.options(num_returns="streaming")
        busy[method.remote(cells)] = place, {cell.id: cell for cell in cells}

    def _get(self, reference: Any) -> Any:
        """Return what a worker has made.

        Raises:
            _Died: the worker has gone.
            NivelError: what it raised.
        """
        try:
            return self._ray.get(reference)
        except self._exceptions.RayActorError as error:
            raise _Died(str(error)) from error
        except self._exceptions.RayTaskError as error:
            if isinstance(error.cause, NivelError):
                raise error.cause from None
            raise

    def _replace(self, place: int, died: _Died) -> None:
        self._died += 1
        if self._died > self._restarts:
            raise ModelError(
                f"{self._died} workers have died, the last with: {died}",
                "give each more memory, or allow more deaths: hardware.restarts",
            )
        self._workers[place] = self._start()


class _Died(Exception):
    """A worker's process has gone."""

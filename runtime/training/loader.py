"""The loader of a training process: it begins at the counter, which is its whole state."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import lightning
from torch.utils.data import DataLoader, Sampler

from .batches import Batch, MicroBatches, Rows
from .divergence import roll_backs
from .footprint import steps_to_verify
from .ramp import BatchRamp
from .sharding import turn_of


class FromCounter(Sampler[int]):
    """Counts from ``start``; its length is the total, which Lightning compares on resume."""

    def __init__(self, start: int, total: int) -> None:
        self.start, self.total = start, total

    def __len__(self) -> int:
        return self.total

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.total))


def step_loader(
    rows: Rows,
    trainer: lightning.Trainer,
    *,
    batch: int,
    micro_batch: int,
    steps: int,
    seed: int,
    epochs: int | None = None,
    ramp: BatchRamp | None = None,
) -> DataLoader[Batch]:
    """A loader over the micro-batches of the trainer's process that are not yet behind it.

    With ``epochs`` the stream ends after that many passes over the rows; without, it fills every
    step whole.
    """
    positions = None if epochs is None else len(rows) * epochs
    verifying = steps_to_verify() > 0
    rolled = roll_backs(trainer)
    rank, world = turn_of(trainer)
    data = MicroBatches(
        rows,
        batch=batch,
        micro_batch=micro_batch,
        steps=steps,
        seed=seed,
        rank=rank,
        world=world,
        positions=positions,
        skipped=rolled.skipped if rolled else None,
        ramp=None if verifying else ramp,
        order=longest_first(rows) if verifying else None,
    )
    rest = FromCounter(batches_done(trainer), len(data))
    return DataLoader(data, batch_size=None, sampler=rest)


def longest_first(rows: Rows) -> Callable[[int, int], int] | None:
    """Return an order that begins with the longest rows; None where rows do not say a length."""
    length = getattr(rows, "length", None)
    if length is None:
        return None
    order = sorted(range(len(rows)), key=lambda index: (-length(index), index))
    return lambda seed, position: order[position % len(order)]


def batches_done(trainer: lightning.Trainer) -> int:
    """Return how many micro-batches of each process are behind; 0 in a run that starts anew."""
    return int(trainer.fit_loop.epoch_loop.batch_progress.total.ready)

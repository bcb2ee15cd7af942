"""Batches as a pure function of (seed, position): the loader's whole state is one counter.

Optimizer step ``s`` takes the stream positions ``s * batch .. (s + 1) * batch - 1``. Position ``p``
is row ``permutation(seed, p // rows)[p % rows]``. How a step is cut into micro-batches and spread
over processes changes nothing about which rows it holds, so neither layout nor a restart can change
the experiment. Which rows of a step are computed together, their lengths say: `data.dealing`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from ..data.dealing import by_length, by_tokens, in_turn, permutation
from .ramp import BatchRamp

Batch = dict[str, torch.Tensor]
"""``input_ids`` and ``labels`` (rows, length), and what a collator adds; or what a step gives."""

IGNORED = -100  # the label that torch's cross-entropy leaves out
PADDING_ROW = -1  # fills a last step that has fewer rows than the batch; trains nothing


class Rows(Protocol):
    """Rows that can be drawn by index and put together as one micro-batch.

    A loss is a mean over `unit`: over trained tokens, unless the rows say otherwise.
    Rows of different lengths say with ``deal(indices, parts)`` which of a step belong together;
    others are taken in turn. Rows that are not all seen equally often say with ``order(seed,
    position)`` which one stands where in the stream; others are permuted anew in each epoch. Rows
    that may be short say ``length(index)`` in tokens.
    """

    def __len__(self) -> int: ...

    def trained_tokens(self, index: int) -> int:
        """How many tokens of row ``index`` carry a loss."""

    def collate(self, indices: Sequence[int]) -> Batch:
        """One micro-batch; index -1 stands for a row that trains nothing."""


class LabelledRows:
    """Rows of different lengths with a label per token, -100 where the token is context only.

    Args:
        pad_id: fills up the shorter rows of a micro-batch, on the right.
        packing: the rows of a micro-batch are joined into one sequence, with no padding.
    """

    def __init__(
        self,
        input_ids: Sequence[Sequence[int]],
        labels: Sequence[Sequence[int]],
        pad_id: int,
        *,
        packing: bool = False,
    ) -> None:
        self.input_ids, self.labels, self.pad_id = input_ids, labels, pad_id
        self.packing = packing
        self._trained = [sum(label != IGNORED for label in row[1:]) for row in labels]

    def __len__(self) -> int:
        return len(self.input_ids)

    def trained_tokens(self, index: int) -> int:
        return self._trained[index]

    def length(self, index: int) -> int:
        """How many tokens row ``index`` has."""
        return len(self.input_ids[index])

    def deal(self, indices: Sequence[int], parts: int) -> list[list[int]]:
        lengths = [0 if one == PADDING_ROW else self.length(one) for one in indices]
        dealt = by_tokens(lengths, parts) if self.packing else by_length(lengths, parts)
        return [[indices[place] for place in part] for part in dealt]

    def collate(self, indices: Sequence[int]) -> Batch:
        """Ids, ``position_ids`` and ``labels``, each (rows, longest row) or (1, all tokens).

        With padding there is ``attention_mask``, 1 at real tokens; joined rows have
        ``documents``, the number of the row of each token.
        """
        if self.packing:
            indices = [index for index in indices if index != PADDING_ROW] or [PADDING_ROW]
        rows = [self._row(index) for index in indices]
        return _joined(rows) if self.packing else _padded(rows, self.pad_id)

    def _row(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Ids and labels; of the row that fills up a step, one token that trains nothing."""
        if index == PADDING_ROW:
            return torch.tensor([self.pad_id]), torch.tensor([IGNORED])
        return torch.tensor(self.input_ids[index]), torch.tensor(self.labels[index])


def join(rows: Sequence[torch.Tensor]) -> Batch:
    """Return `input_ids`, `position_ids` and `documents` of rows side by side, (1, length)."""
    lengths = [row.numel() for row in rows]
    return {
        "input_ids": torch.cat([row.flatten() for row in rows])[None],
        "position_ids": torch.cat([torch.arange(length) for length in lengths])[None],
        "documents": torch.arange(len(rows)).repeat_interleave(torch.tensor(lengths))[None],
    }


def _joined(rows: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> Batch:
    """One sequence of all rows; none learns to follow the row before it."""
    first = torch.tensor([IGNORED])
    labels = torch.cat([part for _, wanted in rows for part in (first, wanted[1:])])
    return {**join([ids for ids, _ in rows]), "labels": labels[None]}


def _padded(rows: Sequence[tuple[torch.Tensor, torch.Tensor]], pad_id: int) -> Batch:
    """Rows under one another, padded on the right."""
    ids = pad_sequence([row for row, _ in rows], batch_first=True, padding_value=pad_id)
    mask = pad_sequence([torch.ones_like(row) for row, _ in rows], batch_first=True)
    labels = pad_sequence([each for _, each in rows], batch_first=True, padding_value=IGNORED)
    positions = torch.arange(ids.shape[1]).expand_as(ids)
    return {"input_ids": ids, "attention_mask": mask, "position_ids": positions, "labels": labels}


class TokenSource(Protocol):
    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> np.ndarray: ...


class TokenRows:
    """Sequences of equal length cut from a token store; every token but the first is trained.

    Args:
        document_end: the token that ends a document, where each document is to see itself alone;
            then the first token of none is trained, and the sequences of a micro-batch are joined.
    """

    def __init__(self, store: TokenSource, document_end: int | None = None) -> None:
        self.store, self.document_end = store, document_end
        self.order = getattr(store, "order", None)

    def __len__(self) -> int:
        return len(self.store)

    def trained_tokens(self, index: int) -> int:
        ids = self.store[index]
        return len(ids) - 1 - int((ids[:-1] == self.document_end).sum())

    def documents(self, index: int) -> list[torch.Tensor]:
        """Return a sequence cut into its documents, whole or not, each with its end."""
        ids = torch.from_numpy(self.store[index]).long()
        ends = torch.from_numpy(np.flatnonzero(ids[:-1].numpy() == self.document_end) + 1)
        return list(torch.tensor_split(ids, ends))

    def _alone(self, indices: Sequence[int]) -> Batch:
        """One sequence of all documents; ``documents`` numbers them, positions begin again."""
        parts = [one for index in indices if index != PADDING_ROW for one in self.documents(index)]
        if not parts:  # a row that fills up a step: one token that trains nothing
            parts = [torch.from_numpy(self.store[0][:1]).long()]
        return _joined([(part, part) for part in parts])

    def collate(self, indices: Sequence[int]) -> Batch:
        """``input_ids`` and ``labels``: (rows, sequence length); of joined documents (1, all)."""
        if self.document_end is not None:
            return self._alone(indices)
        ids = torch.from_numpy(np.stack([self.store[max(index, 0)] for index in indices])).long()
        labels = ids.clone()
        for line, index in enumerate(indices):
            if index == PADDING_ROW:
                labels[line] = IGNORED
        return {"input_ids": ids, "labels": labels}


def count_steps(rows: int, epochs: int, batch: int) -> int:
    """Optimizer steps that see every row ``epochs`` times; a last step may hold fewer rows."""
    return -(-rows * epochs // batch)


class MicroBatches(Dataset[Batch]):
    """Item ``k`` is the ``k``-th micro-batch of process ``rank``.

    ``step_tokens`` in each item counts the trained tokens of the whole optimizer step, over all its
    micro-batches and processes: the number that the loss of the step is divided by. Rows whose
    loss is a mean over something else, such as pairs, name it as their ``unit``: ``step_pairs``.

    ``skipped`` says how many steps' rows are passed over before those of a step. With a ``ramp``
    the first steps have fewer rows, in as many micro-batches. ``order(seed, position)`` stands in
    for that of the rows.

    Raises:
        ValueError: if ``batch`` is no multiple of ``micro_batch * world``, or the ramp's smallest
            batch none of the micro-batches of a step.
    """

    def __init__(
        self,
        rows: Rows,
        *,
        batch: int,
        micro_batch: int,
        steps: int,
        seed: int,
        rank: int,
        world: int,
        positions: int | None = None,
        skipped: Callable[[int], int] | None = None,
        ramp: BatchRamp | None = None,
        order: Callable[[int, int], int] | None = None,
    ) -> None:
        if batch % (micro_batch * world):
            raise ValueError(f"batch {batch} is no multiple of {micro_batch} x {world}")
        self.rows, self.batch, self.micro_batch, self.seed = rows, batch, micro_batch, seed
        self.rank, self.world = rank, world
        self.accumulation = batch // (micro_batch * world)
        if ramp is not None and (ramp.start % (self.accumulation * world) or batch % ramp.start):
            raise ValueError(f"{ramp.start} sequences are not {self.accumulation * world} parts")
        self.ramp = ramp
        self.steps = steps
        self.positions = steps * batch if positions is None else positions
        self.skipped = skipped or (lambda step: 0)
        self._order = order or getattr(rows, "order", None) or self._permuted

    def __len__(self) -> int:
        return self.steps * self.accumulation

    def step_indices(self, step: int) -> list[int]:
        """The row indices of one optimizer step, -1 beyond the end of the stream."""
        start, batch = self._drawn(step)
        first = self._drawn(step + self.skipped(step))[0]
        ends = self.positions + first - start
        return [
            self._order(self.seed, position) if position < ends else PADDING_ROW
            for position in range(first, first + batch)
        ]

    def _drawn(self, step: int) -> tuple[int, int]:
        """Return how many rows are drawn before a step, and in it."""
        if self.ramp is None:
            return step * self.batch, self.batch
        return self.ramp.first(step, self.batch), self.ramp.batch(step, self.batch)

    def _permuted(self, seed: int, position: int) -> int:
        count = len(self.rows)
        return int(permutation(seed, position // count, count)[position % count])

    def __getitem__(self, k: int) -> Batch:
        step, turn = divmod(k, self.accumulation)
        indices = self.step_indices(step)
        trained = sum(self.rows.trained_tokens(i) for i in indices if i != PADDING_ROW)
        dealt = getattr(self.rows, "deal", in_turn)(indices, self.accumulation * self.world)
        batch = self.rows.collate(dealt[turn * self.world + self.rank])
        return {**batch, divisor_of(self.rows): torch.tensor(trained)}


def divisor_of(rows: Rows) -> str:
    """Return the name, in a batch, of what the loss of a step is divided by."""
    return f"step_{unit_of(rows)}"


def unit_of(rows: Rows) -> str:
    """Return what a loss is a mean over."""
    return str(getattr(rows, "unit", "tokens"))

"""Rows as token ids and targets, and the rules that they are held to before training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..errors import DataError

__all__ = ["IGNORED", "EncodedRows", "Encoding", "fit", "refuse_long", "settle"]

SHOWN = 5
"""Rows named in a message."""

# The target that torch's cross entropy leaves out.
IGNORED = -100


@dataclass(frozen=True, slots=True)
class EncodedRows:
    """Rows as token ids, unpadded.

    Attributes:
        input_ids: per row, prompt, label and end-of-sequence.
        labels: per row, of the same length: `IGNORED` over the prompt, then the ids to learn.
            Not shifted: Transformers' models shift by themselves.
        truncated: how many rows were cut.
        dropped: how many rows were left out because they are too long.
        row_ids: of the rows, where these are known.
        ends: tokens that end a trained answer.
    """

    input_ids: list[list[int]]
    labels: list[list[int]]
    truncated: int = 0
    dropped: int = 0
    row_ids: tuple[str, ...] = ()
    ends: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.input_ids)


@dataclass(frozen=True, slots=True)
class Encoding:
    """One row: `labels` are `ids` where they are learned and `IGNORED` elsewhere.

    `ends` are the tokens that end its trained turns; with a `fault` there are no tokens. `note`
    says what the row is to become where that is no token, for readers.
    """

    id: str
    ids: tuple[int, ...] = ()
    labels: tuple[int, ...] = ()
    ends: frozenset[int] = frozenset()
    fault: DataError | None = None
    note: str = ""

    @property
    def trained(self) -> int:
        """How many tokens carry a loss; the first of a row is predicted by nothing."""
        return sum(label != IGNORED for label in self.labels[1:])


def settle(
    found: Sequence[Encoding], max_length: int, too_long: str, too_long_at_most: float
) -> EncodedRows:
    """Return what is trained on of the encoded rows.

    Raises:
        DataError: rows have faults or no trained token, or too many of them are too long.
    """
    faults = [one for one in found if one.fault is not None]
    if faults:
        fault = faults[0].fault
        assert fault is not None
        more = f" ({len(faults)} of {len(found)} rows have a fault)" if len(faults) > 1 else ""
        raise DataError(fault.message + more, fault.cure)
    kept, dropped, cut = fit(found, max_length, too_long)
    ids, lengths = [one.id for one in found], [len(one.ids) for one in found]
    refuse_long(ids, lengths, max_length, too_long, too_long_at_most)
    idle = [one.id for one in kept if not one.trained]
    if idle:
        raise DataError(
            f"{len(idle)} of {len(kept)} rows have no trained token: {_listed(idle)}",
            "take them out, or give objective.train_on or train.max_length another value",
        )
    if not kept:
        raise DataError("no row is left to train on")
    return EncodedRows(
        [list(one.ids) for one in kept],
        [list(one.labels) for one in kept],
        truncated=cut,
        dropped=dropped,
        row_ids=tuple(one.id for one in kept),
        ends=frozenset(token for one in kept for token in one.ends),
    )


def fit(
    found: Sequence[Encoding], max_length: int, too_long: str
) -> tuple[list[Encoding], int, int]:
    """Return the rows as they are trained on, and how many were dropped and cut."""
    long = sum(len(one.ids) > max_length for one in found)
    if too_long == "cut":
        return [_shortened(one, max_length) for one in found], 0, long
    return [one for one in found if len(one.ids) <= max_length], long, 0


def _shortened(one: Encoding, max_length: int) -> Encoding:
    if len(one.ids) <= max_length:
        return one
    return replace(one, ids=one.ids[:max_length], labels=one.labels[:max_length])


def refuse_long(
    ids: Sequence[str], lengths: Sequence[int], max_length: int, too_long: str, at_most: float
) -> None:
    """Refuse rows, each by its id and its tokens, where too many are longer than allowed.

    Raises:
        DataError: that names the longest.
    """
    longer = sum(length > max_length for length in lengths)
    if not longer or (too_long != "refuse" and longer <= at_most * len(ids)):
        return
    longest = max(lengths)
    where = f"row {ids[lengths.index(longest)]} has {longest} tokens"
    more = "" if too_long == "refuse" else f", more than the share of {at_most:g} that may be"
    raise DataError(
        f"{longer} of {len(ids)} rows are longer than max_length {max_length}{more}; {where}",
        f"set train.max_length to {longest}, or "
        + ("train.too_long to drop or cut" if not more else "raise train.too_long_at_most"),
    )


def _listed(names: Sequence[str]) -> str:
    rest = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + rest

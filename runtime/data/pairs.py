"""Token ids and targets of judged answers: both answers of a pair, or one with its verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..errors import DataError
from .encodings import IGNORED, EncodedRows, Encoding, settle
from .judged import Pair, Verdict
from .sft import encodings_of_conversations

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = [
    "EncodedPairs",
    "EncodedVerdicts",
    "encode_pairs",
    "encode_verdicts",
    "encodings_of_pairs",
]


@dataclass(frozen=True, slots=True)
class EncodedPairs:
    """Pairs as token ids; row k of `chosen` and of `rejected` have one prompt.

    Attributes:
        chosen, rejected: labels are those of the answer's tokens and of its end.
        dropped: pairs left out because one of the two is too long.
        truncated: pairs of which one was cut.
        margins: by how much each chosen answer is said to be better, where the rows say so.
    """

    chosen: EncodedRows
    rejected: EncodedRows
    dropped: int
    truncated: int
    row_ids: tuple[str, ...]
    margins: tuple[float, ...] | None = None

    def __len__(self) -> int:
        return len(self.row_ids)


def encode_pairs(
    pairs: Sequence[Pair],
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_length: int,
    too_long: str = "refuse",
    too_long_at_most: float = 0.1,
    margins: bool = False,
) -> EncodedPairs:
    """Encode pairs with the tokenizer's chat template; what follows the prompt is learned.

    Args:
        max_length: most tokens of a prompt with one of its answers.
        too_long, too_long_at_most: as `encode_conversations`; a pair is dropped whole.
        margins: whether a `margin` of the rows is read.

    Raises:
        DataError: a row cannot be rendered or masked exactly, or is longer; or two answers that
            were cut are the same; or a margin is no number, or some rows have none.
    """
    found = encodings_of_pairs(pairs, tokenizer)
    longer = [max(pair, key=lambda one: len(one.ids)) for pair in found]
    faulty = [next((one for one in pair if one.fault is not None), None) for pair in found]
    whole = [fault or one for fault, one in zip(faulty, longer, strict=True)]
    settled = settle(whole, max_length, too_long, too_long_at_most)
    kept = set(settled.row_ids)
    chosen, rejected = (
        settle([pair[side] for pair in found if pair[side].id in kept], max_length, too_long, 1.0)
        for side in (0, 1)
    )
    _refuse_same(chosen, rejected)
    ahead = _margins([pair for pair in pairs if pair.chosen.id in kept]) if margins else None
    counts = settled.dropped, settled.truncated
    return EncodedPairs(chosen, rejected, *counts, chosen.row_ids, ahead)


def _margins(pairs: Sequence[Pair]) -> tuple[float, ...] | None:
    """Return the margins of all pairs, or None where no pair has one."""
    found = {pair.id: pair.margin for pair in pairs if pair.margin not in (None, "")}
    without = [pair.id for pair in pairs if pair.id not in found]
    if found and without:
        raise DataError(
            f"{len(found)} of {len(pairs)} rows have a `margin`; the first without is {without[0]}",
            "give all rows one, 0 where nothing is known, or none",
        )
    return tuple(_number(*one) for one in found.items()) if found else None


def _number(identity: str, said: Any) -> float:
    """Return a margin as a number; in a CSV file it is a text."""
    try:
        found = math.nan if isinstance(said, bool) else float(said)
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found):
        raise DataError(f"{identity}: its `margin` {said!r:.40} is no number", "mend the row")
    return found


def encodings_of_pairs(
    pairs: Sequence[Pair], tokenizer: PreTrainedTokenizerBase
) -> list[tuple[Encoding, Encoding]]:
    """Return every pair encoded, chosen first, or with its faults."""
    chosen, rejected = (
        encodings_of_conversations(side, tokenizer, "assistant", True)
        for side in ([pair.chosen for pair in pairs], [pair.rejected for pair in pairs])
    )
    return list(zip(chosen, rejected, strict=True))


def _refuse_same(chosen: EncodedRows, rejected: EncodedRows) -> None:
    rows = zip(chosen.row_ids, chosen.input_ids, rejected.input_ids, strict=True)
    same = [name for name, one, other in rows if one == other]
    if same:
        raise DataError(
            f"{len(same)} pairs have two answers of the same tokens; the first is {same[0]}",
            "raise train.max_length, or take them out",
        )


@dataclass(frozen=True, slots=True)
class EncodedVerdicts:
    """Judged answers as token ids.

    Attributes:
        answers: labels are those of the answer's tokens and of its end.
        others: the same prompts, each with the next row's answer, cut at the longest length: what
            the model is measured on to tell how far it has moved.
        good: what was said of each answer.
        dropped, truncated: answers left out, and cut, for their length.
    """

    answers: EncodedRows
    others: EncodedRows
    good: tuple[bool, ...]
    dropped: int
    truncated: int
    row_ids: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.row_ids)


def encode_verdicts(
    verdicts: Sequence[Verdict],
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_length: int,
    too_long: str = "refuse",
    too_long_at_most: float = 0.1,
) -> EncodedVerdicts:
    """Encode judged answers; the arguments and errors are those of `encode_pairs`.

    Raises:
        DataError: as there; or only good answers, or only bad ones, are left.
    """
    found = encodings_of_conversations(
        [one.answered for one in verdicts], tokenizer, "assistant", True
    )
    named = [replace(one, id=judged.id) for one, judged in zip(found, verdicts, strict=True)]
    rows = settle(named, max_length, too_long, too_long_at_most)
    verdict = {one.id: one.good for one in verdicts}
    good = tuple(verdict[name] for name in rows.row_ids)
    if len(set(good)) == 1:
        kind = "good" if good[0] else "bad"
        raise DataError(f"only {kind} answers are left", "raise train.max_length")
    others = [
        _crossed(rows, place, (place + 1) % len(rows), max_length) for place in range(len(rows))
    ]
    crossed = EncodedRows([ids for ids, _ in others], [labels for _, labels in others])
    return EncodedVerdicts(rows, crossed, good, rows.dropped, rows.truncated, rows.row_ids)


def _crossed(
    rows: EncodedRows, asked: int, answered: int, max_length: int
) -> tuple[list[int], list[int]]:
    """Return the prompt of one row with the answer of another."""
    before, start = _first_label(rows, asked), _first_label(rows, answered)
    ids = rows.input_ids[asked][:before] + rows.input_ids[answered][start:]
    labels = [IGNORED] * before + rows.labels[answered][start:]
    return ids[:max_length], labels[:max_length]


def _first_label(rows: EncodedRows, place: int) -> int:
    return next(at for at, label in enumerate(rows.labels[place]) if label != IGNORED)

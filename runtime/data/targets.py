"""Rows for a head: token ids and what its outputs should be, one a row or one a word."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..errors import DataError
from .encodings import refuse_long
from .prompt import Prompt
from .rows import Row

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["EncodedTargets", "TargetEncoder", "encode_targets", "read_words"]


@dataclass(frozen=True, slots=True)
class EncodedTargets:
    """Rows as token ids, unpadded, with targets.

    Attributes:
        input_ids: per row, as the tokenizer gives them by default.
        targets: per row, places of labels, or one number; of `tag` one for each labelled word.
        places: of `tag`, where in `input_ids` each target's token stands; else empty tuples.
        row_ids: of the rows.
        dropped, truncated: how many rows were left out, and cut, for their length.
    """

    input_ids: tuple[tuple[int, ...], ...]
    targets: tuple[tuple[float, ...], ...]
    places: tuple[tuple[int, ...], ...]
    row_ids: tuple[str, ...]
    dropped: int = 0
    truncated: int = 0

    def __len__(self) -> int:
        return len(self.input_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetEncoder:
    """How rows become what a head learns; the arguments are those of :func:`encode_targets`."""

    tokenizer: PreTrainedTokenizerBase
    task: str
    prompt: Prompt | None = None
    labels: Sequence[str] = ()

    def encode(
        self,
        rows: Sequence[Row],
        max_length: int | None = None,
        *,
        too_long: str = "refuse",
        too_long_at_most: float = 0.1,
    ) -> EncodedTargets:
        """Encode rows; see :func:`encode_targets`."""
        return encode_targets(
            rows,
            self.tokenizer,
            task=self.task,
            prompt=self.prompt,
            labels=self.labels,
            max_length=max_length,
            too_long=too_long,
            too_long_at_most=too_long_at_most,
        )


@dataclass(frozen=True, slots=True)
class _One:
    id: str
    ids: tuple[int, ...]
    targets: tuple[float, ...]
    places: tuple[int, ...] = ()


def encode_targets(
    rows: Sequence[Row],
    tokenizer: PreTrainedTokenizerBase,
    *,
    task: str,
    prompt: Prompt | None = None,
    labels: Sequence[str] = (),
    max_length: int | None = None,
    too_long: str = "refuse",
    too_long_at_most: float = 0.1,
) -> EncodedTargets:
    """Encode rows for a head.

    Texts become what the tokenizer makes of them with its own special tokens, which is what a
    pipeline of Transformers does.

    Args:
        task: `classify`, `regress`, or `tag`.
        prompt: how a row is read; none for `tag`, whose rows hold words in the column `text`.
        labels: in the order of the head's outputs.
        max_length: most tokens of a row; None sets no limit.
        too_long: `refuse` a longer row, `drop` it, or `cut` its end off.
        too_long_at_most: largest share of the rows that may be dropped or cut.

    Raises:
        DataError: a row has no target, no token, or one that is not of the task; or is too long.
    """
    if not rows:
        raise DataError("there are no rows")
    encode = _encoder(tokenizer, task, prompt, labels)
    found = [encode(row) for row in rows]
    empty = [one.id for one in found if not one.ids]
    if empty:
        raise DataError(f"row {empty[0]} has no token", "check task.input, or take the row out")
    lengths = [len(one.ids) for one in found]
    max_length = max(lengths) if max_length is None else max_length
    refuse_long([one.id for one in found], lengths, max_length, too_long, too_long_at_most)
    long = sum(length > max_length for length in lengths)
    if too_long == "cut":
        kept, dropped, cut = [_shortened(one, max_length) for one in found], 0, long
    else:
        kept, dropped, cut = [one for one in found if len(one.ids) <= max_length], long, 0
    return EncodedTargets(
        tuple(one.ids for one in kept),
        tuple(one.targets for one in kept),
        tuple(one.places for one in kept),
        tuple(one.id for one in kept),
        dropped,
        cut,
    )


def _shortened(one: _One, length: int) -> _One:
    within = [place for place in one.places if place < length]
    targets = one.targets[: len(within)] if one.places else one.targets
    return replace(one, ids=one.ids[:length], targets=targets, places=tuple(within))


def _encoder(
    tokenizer: PreTrainedTokenizerBase, task: str, prompt: Prompt | None, labels: Sequence[str]
) -> Callable[[Row], _One]:
    places = {label: place for place, label in enumerate(labels)}
    if task == "tag":
        return lambda row: _tagged(tokenizer, row, places)
    assert prompt is not None, "texts are read by a prompt"

    def encode(row: Row) -> _One:
        target = _number(row) if task == "regress" else _place(row, row.label, places)
        return _One(row.id, tuple(_read(tokenizer, prompt, row)), (float(target),))

    return encode


def _read(tokenizer: PreTrainedTokenizerBase, prompt: Prompt, row: Row) -> list[int]:
    if prompt.format == "chat":  # the chat template writes its own special tokens
        return prompt.encode(tokenizer, row.fields)
    return list(tokenizer(prompt.text(row.fields), verbose=False)["input_ids"])


def _place(row: Row, label: str | None, places: dict[str, int]) -> int:
    if label not in places:
        raise DataError(
            f"row {row.id} has label {label!r}, not one of the task's",
            "add it to task.labels or take the row out",
        )
    return places[label]


def _number(row: Row) -> float:
    try:
        value = float(row.label or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"row {row.id} has label {row.label!r}, which is no number")
    return value


def read_words(row: Row) -> tuple[list[str], list[str]]:
    """Return the words of a row and their labels, each a list in its column.

    Raises:
        DataError: they are no lists of texts, are empty, or differ in length.
    """
    words, labels = (_list(row, said) for said in (row.fields.get("text"), row.label))
    if len(words) != len(labels):
        raise DataError(f"row {row.id} has {len(words)} words and {len(labels)} labels")
    if not words:
        raise DataError(f"row {row.id} has no words", "take it out")
    return words, labels


def _list(row: Row, said: str | None) -> list[str]:
    try:
        found = json.loads(said or "")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise DataError(
            f"row {row.id} is no pair of a list of words and a list of labels",
            "name the columns of both lists in data.columns as text and label",
        )
    return found


def _tagged(tokenizer: PreTrainedTokenizerBase, row: Row, places: dict[str, int]) -> _One:
    """Give each word's label to its first token; the others of a word have none (1810.04805).

    Words are joined by spaces, so that they are cut into tokens as in running text.
    """
    words, labels = read_words(row)
    if not tokenizer.is_fast:
        raise DataError("the tokenizer does not say which letters its tokens stand for")
    text = " ".join(words)
    encoded = tokenizer(text, return_offsets_mapping=True, verbose=False)
    first = _first_tokens(text, words, encoded["offset_mapping"])
    missing = [word for word, place in zip(words, first, strict=True) if place is None]
    if missing:
        raise DataError(f"row {row.id}: the word {missing[0]!r} has no token of its own",
                        "take the word out")  # fmt: skip
    known = tuple(float(_place(row, label, places)) for label in labels)
    found = tuple(place for place in first if place is not None)
    return _One(row.id, tuple(encoded["input_ids"]), known, found)


def _first_tokens(
    text: str, words: Sequence[str], offsets: Sequence[tuple[int, int]]
) -> list[int | None]:
    """Return of each word the first token that holds one of its letters and no earlier word's."""
    owner = [place for place, word in enumerate(words) for _ in range(len(word) + 1)][:-1]
    found: list[int | None] = [None] * len(words)
    for token, (start, end) in enumerate(offsets):
        inside = [at for at in range(start, end) if not text[at].isspace()]
        if inside and found[owner[inside[0]]] is None:
            found[owner[inside[0]]] = token
    return found

"""Token ids and targets of labelled rows, for training on the label alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..errors import DataError
from .encodings import IGNORED, EncodedRows, Encoding, settle
from .prompt import Prompt
from .rows import Row

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["IGNORED", "EncodedRows", "encode_training_rows", "encodings_of_labels"]


def encode_training_rows(
    rows: Sequence[Row],
    prompt: Prompt,
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    *,
    train_on: str = "assistant",
    train_end: bool = True,
    too_long: str = "refuse",
    too_long_at_most: float = 0.1,
) -> EncodedRows:
    """Encode rows so that the label's tokens and the end are learned, the prompt only read.

    Args:
        max_length: most tokens of one row, its label and end included.
        train_on: `all` learns the prompt as well; the other values are the same for one answer.
        train_end: whether the end is learned too.
        too_long, too_long_at_most: what becomes of longer rows, as `encode_conversations` says.

    Raises:
        DataError: when a row is longer, has no known label, or the tokenizer has no end.
    """
    found = list(encodings_of_labels(rows, prompt, tokenizer, train_on, train_end))
    return settle(found, max_length, too_long, too_long_at_most)


def encodings_of_labels(
    rows: Sequence[Row],
    prompt: Prompt,
    tokenizer: PreTrainedTokenizerBase,
    train_on: str,
    train_end: bool,
) -> Iterator[Encoding]:
    """Yield every row encoded, or with its fault.

    Raises:
        DataError: when the tokenizer has no end.
    """
    end = tokenizer.eos_token_id
    if end is None:
        raise DataError("the tokenizer has no end-of-sequence token to learn")
    answers = prompt.label_ids(tokenizer)
    for row in rows:
        if row.label not in answers:
            fault = DataError(f"row {row.id} has label {row.label!r}, not one of the task's")
            yield Encoding(row.id, fault=fault)
            continue
        asked, answer = prompt.encode(tokenizer, row.fields), answers[row.label]
        read = asked if train_on == "all" else [IGNORED] * len(asked)
        labels = (*read, *answer, end if train_end else IGNORED)
        yield Encoding(row.id, (*asked, *answer, end), labels, frozenset([end]))

"""Token ids and targets of labelled rows, for training on the label alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import DataError
from .prompt import Prompt
from .rows import Row

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["IGNORED", "EncodedRows", "encode_training_rows"]

# The target that torch's cross entropy leaves out.
IGNORED = -100


@dataclass(frozen=True, slots=True)
class EncodedRows:
    """Rows as token ids, unpadded.

    Attributes:
        input_ids: per row, prompt, label and end-of-sequence.
        labels: per row, of the same length: `IGNORED` over the prompt, then the ids to learn.
            Not shifted: Transformers' models shift by themselves.
        truncated: how many rows were cut; always 0, since a long row is refused.
    """

    input_ids: list[list[int]]
    labels: list[list[int]]
    truncated: int = 0

    def __len__(self) -> int:
        return len(self.input_ids)


def encode_training_rows(
    rows: Sequence[Row],
    prompt: Prompt,
    tokenizer: "PreTrainedTokenizerBase",
    max_length: int,
) -> EncodedRows:
    """Encode rows so that the label's tokens and the end are learned, the prompt only read.

    Args:
        max_length: most tokens of one row, its label and end included.

    Raises:
        DataError: when a row is longer, has no known label, or the tokenizer has no end.
    """
    if tokenizer.eos_token_id is None:
        raise DataError("the tokenizer has no end-of-sequence token to learn")
    answers = prompt.label_ids(tokenizer)
    inputs: list[list[int]] = []
    targets: list[list[int]] = []
    for row in rows:
        if row.label not in answers:
            raise DataError(f"row {row.id} has label {row.label!r}, not one of the task's")
        asked = prompt.encode(tokenizer, row.fields)
        answer = [*answers[row.label], tokenizer.eos_token_id]
        inputs.append(asked + answer)
        targets.append([IGNORED] * len(asked) + answer)
    _refuse_long(rows, inputs, max_length)
    return EncodedRows(inputs, targets)


def _refuse_long(rows: Sequence[Row], inputs: Sequence[Sequence[int]], max_length: int) -> None:
    lengths = [len(ids) for ids in inputs]
    longer = sum(length > max_length for length in lengths)
    if longer:
        longest = max(lengths)
        raise DataError(
            f"{longer} of {len(rows)} rows are longer than max_length {max_length}; "
            f"row {rows[lengths.index(longest)].id} has {longest} tokens",
            f"set train.max_length to {longest} or shorten the rows",
        )

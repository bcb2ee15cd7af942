"""Rows of texts that belong together, for learning to embed: anchor, positive, and a negative."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import DataError
from .encodings import refuse_long
from .rows import Row

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["PARTS", "EncodedAnchors", "encode_anchors"]

PARTS = ("anchor", "positive", "negative")
"""Columns of a row, by the names in `data.columns`; the last may be left out."""


@dataclass(frozen=True, slots=True)
class EncodedAnchors:
    """Rows as token ids, unpadded: of each row the ids of its anchor, positive and negative.

    `dropped` and `truncated` count rows that were left out, and cut, for their length.
    """

    texts: tuple[tuple[tuple[int, ...], ...], ...]
    row_ids: tuple[str, ...]
    dropped: int = 0
    truncated: int = 0

    def __len__(self) -> int:
        return len(self.texts)


def encode_anchors(
    rows: Sequence[Row],
    tokenizer: PreTrainedTokenizerBase,
    max_length: int | None = None,
    *,
    too_long: str = "refuse",
    too_long_at_most: float = 0.1,
) -> EncodedAnchors:
    """Encode the texts of rows with the tokenizer's own special tokens.

    Args:
        max_length: most tokens of a text; None sets no limit.
        too_long: `refuse` a row with a longer text, `drop` it, or `cut` the text's end off.
        too_long_at_most: largest share of the rows that may be dropped or cut.

    Raises:
        DataError: there are no rows, a text has no tokens, or too many are too long.
    """
    if not rows:
        raise DataError("there are no rows")
    found = [_texts(row, tokenizer) for row in rows]
    ids, longest = [row.id for row in rows], [max(map(len, texts)) for texts in found]
    limit = max(longest) if max_length is None else max_length
    refuse_long(ids, longest, limit, too_long, too_long_at_most)
    long = sum(length > limit for length in longest)
    if too_long == "cut":
        cut = tuple(tuple(text[:limit] for text in texts) for texts in found)
        return EncodedAnchors(cut, tuple(ids), truncated=long)
    kept = [place for place, length in enumerate(longest) if length <= limit]
    texts = tuple(found[place] for place in kept)
    return EncodedAnchors(texts, tuple(ids[place] for place in kept), dropped=long)


def _texts(row: Row, tokenizer: PreTrainedTokenizerBase) -> tuple[tuple[int, ...], ...]:
    said = [row.fields[name] for name in PARTS if name in row.fields]
    found = tuple(tuple(tokenizer(text, verbose=False)["input_ids"]) for text in said)
    if not all(found):
        raise DataError(f"row {row.id} has a text without tokens", "take the row out")
    return found

"""Rows of texts that belong together, for learning to embed: anchor, positive, and a negative."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import DataError
from .encodings import refuse_long
from .rows import Row

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["PARTS", "EncodedAnchors", "encode_anchors", "read_texts"]

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


def read_texts(
    fields: Mapping[str, str], query_prefix: str = "", document_prefix: str = ""
) -> tuple[str, ...]:
    """Return what a model reads of a row: its anchor, its positive, and its negative if any."""
    before = (query_prefix, document_prefix, document_prefix)
    said = zip(PARTS, before, strict=True)
    return tuple(prefix + fields[name] for name, prefix in said if name in fields)


def encode_anchors(
    rows: Sequence[Row],
    tokenizer: PreTrainedTokenizerBase,
    max_length: int | None = None,
    *,
    query_prefix: str = "",
    document_prefix: str = "",
    too_long: str = "refuse",
    too_long_at_most: float = 0.1,
) -> EncodedAnchors:
    """Encode the texts of rows with the tokenizer's own special tokens.

    Args:
        max_length: most tokens of a text; None sets no limit.
        query_prefix, document_prefix: what is put before anchors, and before the other texts.
        too_long: `refuse` a row with a longer text, `drop` it, or `cut` the text's end off.
        too_long_at_most: largest share of the rows that may be dropped or cut.

    Raises:
        DataError: there are no rows, a text is empty or has no tokens, or too many are too long.
    """
    if not rows:
        raise DataError("there are no rows")
    before = query_prefix, document_prefix
    found = [_texts(row, tokenizer, *before) for row in rows]
    ids, longest = [row.id for row in rows], [max(map(len, texts)) for texts in found]
    limit = max(longest) if max_length is None else max_length
    refuse_long(ids, longest, limit, too_long, too_long_at_most)
    long = sum(length > limit for length in longest)
    if too_long == "cut":  # by the tokenizer, which keeps the tokens that begin and end a text
        cut = tuple(_texts(row, tokenizer, *before, limit) for row in rows)
        return EncodedAnchors(cut, tuple(ids), truncated=long)
    kept = [place for place, length in enumerate(longest) if length <= limit]
    if not kept:
        raise DataError("no row is left to train on")
    texts = tuple(found[place] for place in kept)
    return EncodedAnchors(texts, tuple(ids[place] for place in kept), dropped=long)


def _texts(
    row: Row,
    tokenizer: PreTrainedTokenizerBase,
    query_prefix: str,
    document_prefix: str,
    limit: int | None = None,
) -> tuple[tuple[int, ...], ...]:
    said = read_texts(row.fields, query_prefix, document_prefix)
    how: dict[str, Any] = {} if limit is None else {"truncation": True, "max_length": limit}
    empty = [name for name in PARTS if name in row.fields and not row.fields[name].strip()]
    found = tuple(tuple(tokenizer(text, verbose=False, **how)["input_ids"]) for text in said)
    if empty or not all(found):
        name = empty[0] if empty else PARTS[[bool(one) for one in found].index(False)]
        raise DataError(f"row {row.id} has no text as its {name}", "take the row out, or mend it")
    return found

"""Rows of texts that belong together, for learning to embed: anchor, positive, and a negative."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import DataError
from .encodings import refuse_long
from .rows import Row

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["PARTS", "AnchorEncoder", "EncodedAnchors"]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorEncoder:
    """How texts become token ids: with the tokenizer's own special tokens, behind a prefix.

    Args:
        max_length: most tokens of a text.
        query_prefix, document_prefix: what is put before anchors, and before the other texts.
    """

    tokenizer: PreTrainedTokenizerBase
    max_length: int
    query_prefix: str = ""
    document_prefix: str = ""

    def encode(
        self, rows: Sequence[Row], *, too_long: str = "refuse", too_long_at_most: float = 0.1
    ) -> EncodedAnchors:
        """Encode rows of texts.

        Args:
            too_long: `refuse` a row with a longer text, `drop` it, or `cut` the text's end off.
            too_long_at_most: largest share of the rows that may be dropped or cut.

        Raises:
            DataError: there are no rows, a text is empty or has no tokens, or too many are long.
        """
        if not rows:
            raise DataError("there are no rows")
        found = [self._texts(row) for row in rows]
        ids, longest = [row.id for row in rows], [max(map(len, texts)) for texts in found]
        refuse_long(ids, longest, self.max_length, too_long, too_long_at_most)
        long = sum(length > self.max_length for length in longest)
        if too_long == "cut":  # by the tokenizer, which keeps what begins and ends every text
            cut = tuple(self._texts(row, truncation=True) for row in rows)
            return EncodedAnchors(cut, tuple(ids), truncated=long)
        kept = [place for place, length in enumerate(longest) if length <= self.max_length]
        if not kept:
            raise DataError("no row is left to train on")
        texts = tuple(found[place] for place in kept)
        return EncodedAnchors(texts, tuple(ids[place] for place in kept), dropped=long)

    def read(self, row: Row) -> tuple[str, ...]:
        """Return what a model reads of a row: its anchor, its positive, its negative if any."""
        before = (self.query_prefix, self.document_prefix, self.document_prefix)
        said = zip(PARTS, before, strict=True)
        return tuple(prefix + row.fields[name] for name, prefix in said if name in row.fields)

    def _texts(self, row: Row, **how: Any) -> tuple[tuple[int, ...], ...]:
        if how:
            how["max_length"] = self.max_length
        empty = [name for name in PARTS if name in row.fields and not row.fields[name].strip()]
        found = tuple(
            tuple(self.tokenizer(text, verbose=False, **how)["input_ids"])
            for text in self.read(row)
        )
        if empty or not all(found):
            name = empty[0] if empty else PARTS[[bool(one) for one in found].index(False)]
            raise DataError(
                f"row {row.id} has no text as its {name}", "take the row out, or mend it"
            )
        return found

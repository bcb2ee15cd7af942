"""The text of an answer while it grows, and where a stop text cuts it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["GrowingText"]

# Tokens before a stop text that are decoded with it: a character may be cut at the window's edge.
MARGIN = 8


class GrowingText:
    """Tokens of one answer as text.

    Args:
        tokenizer: decodes; special tokens are no part of the text.
        before: the prompt's last token. Some tokenizers drop a leading space from what is decoded
            alone, so the answer is decoded after its neighbour.
        stops: texts that end the answer; the first one found cuts it, itself left out.
    """

    def __init__(self, tokenizer: Any, before: int, stops: Sequence[str] = ()) -> None:
        self._tokenizer = tokenizer
        self._before = before
        self._stops = tuple(stops)
        self._special = frozenset(tokenizer.all_special_ids)
        self._shown: list[int] = []
        # A token is at least one byte, so a stop text ends within so many of the last ones.
        self._window = max((len(text.encode()) for text in self._stops), default=0) + MARGIN

    def add(self, token: int) -> bool:
        """Take the next token; say whether the answer now holds a stop text."""
        if token in self._special:
            return False
        self._shown.append(token)
        if not self._stops:
            return False
        recent = self._decode(self._shown[-self._window :])
        if not any(text in recent for text in self._stops):
            return False
        return self._cut(self._whole()) is not None

    def text(self) -> tuple[str, bool]:
        """Return the answer, cut before the first stop text, and whether one was found."""
        whole = self._whole()
        place = self._cut(whole)
        return (whole, False) if place is None else (whole[:place], True)

    def _cut(self, whole: str) -> int | None:
        places = [place for text in self._stops if (place := whole.find(text)) >= 0]
        return min(places) if places else None

    def _whole(self) -> str:
        lead = self._decode([self._before])
        both = self._decode([self._before, *self._shown])
        return both[len(lead) :] if both.startswith(lead) else self._decode(self._shown)

    def _decode(self, ids: Sequence[int]) -> str:
        text = self._tokenizer.decode(
            list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return str(text)

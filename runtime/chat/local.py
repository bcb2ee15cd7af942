"""A model in this process, streamed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING, final

from ..data.prompt import encode_chat, encode_text
from ..errors import DataError, ModelError
from ..prompting.types import Answer, Cell, Generation
from .streaming import End, Stop, Words

if TYPE_CHECKING:
    from ..generation import LocalModel

__all__ = ["Flow", "LocalStreamer"]

_SHORT = {"float32": "fp32", "bfloat16": "bf16"}


@final
class Flow:
    """A growing text as pieces that will not change any more.

    Its end is held back while it may be half a character, or the beginning of a stop text.
    """

    def __init__(self, stops: tuple[str, ...] = ()) -> None:
        self._stops = stops
        self.shown = ""

    def take(self, whole: str) -> str:
        """Return what can be shown of `whole` beyond what was shown before."""
        return self._show(self._held_back(whole.rstrip("\ufffd")))

    def end(self, whole: str) -> str:
        """Return what is left of the final text."""
        return self._show(whole)

    def _held_back(self, whole: str) -> str:
        longest = max((len(stop) for stop in self._stops), default=1) - 1
        for length in range(min(longest, len(whole)), 0, -1):
            if any(stop.startswith(whole[-length:]) for stop in self._stops):
                return whole[:-length]
        return whole

    def _show(self, text: str) -> str:
        # Bytes that seemed to be characters may turn out to be none; they may yet be again.
        if not text.startswith(self.shown):
            return ""
        piece = text[len(self.shown) :]
        self.shown = text
        return piece


@final
class LocalStreamer:
    """Streams the answers of a `LocalModel`: those that it writes for the same cells.

    Several conversations may ask at once: they take turns token by token.

    Args:
        model: loaded when `load` is called, or when it is first needed.
    """

    def __init__(self, model: LocalModel) -> None:
        self.model, self.name = model, model.name
        self.where = f"{model.device}, {_SHORT.get(model.dtype, model.dtype)}"
        self._turn = threading.Lock()  # neither tokenizer nor model is made for two threads

    def load(self) -> None:
        """Load weights and tokenizer.

        Raises:
            ModelError: they cannot be loaded, or the device is not here.
        """
        import torch

        if self.model.device.startswith("cuda") and not torch.cuda.is_available():
            raise ModelError(
                "the model is to run on cuda, and there is none on this machine",
                "choose another place with --hardware cpu",
            )
        self.model.model, self.model.tokenizer  # noqa: B018 - both are loaded when first named

    @cached_property
    def plain(self) -> bool:
        return self.model.tokenizer.chat_template is None

    @property
    def positions(self) -> int | None:
        limit: int | None = getattr(self.model.model.config, "max_position_embeddings", None)
        return limit

    def in_force(self, said: Generation) -> Generation:
        from ..generation import settle

        return Generation(**asdict(settle(said)))

    def stream(self, cell: Cell, stop: Stop) -> Iterator[str | End]:
        began = time.monotonic()
        self._check_room(cell)
        flow = Flow(cell.generation.stop)
        for tokens, found in enumerate(self._in_turn(self.model.stream(cell)), start=1):
            if isinstance(found, Answer):
                yield from _piece(flow.end(found.text or ""))
                yield _end(found)
                return
            yield from _piece(flow.take(found))
            if stop:
                seconds = time.monotonic() - began
                yield End(flow.shown, "stopped", self.count(cell), tokens, seconds)
                return

    def _in_turn(self, pieces: Iterator[str | Answer]) -> Iterator[str | Answer]:
        while True:
            with self._turn:
                found = next(pieces, None)
            if found is None:
                return
            yield found

    def count(self, cell: Cell) -> int:
        with self._turn:
            return len(self._ids(cell))

    def next_words(self, cell: Cell, top: int) -> Words:
        from ..evaluation.next_word import next_words

        with self._turn:
            ids = self._ids(cell)
        limit = self.positions
        if not ids:
            raise DataError("the text has no tokens", "give at least one character")
        if limit is not None and len(ids) > limit:
            raise DataError(
                f"the text has {len(ids):,} tokens, and {self.name} reads {limit:,} at most",
                "look at a shorter text",
            )
        with self._turn:
            rows, vocabulary = next_words(self.model.model, self.model.tokenizer, ids, top)
        return Words(tuple((row["token"], row["probability"]) for row in rows), vocabulary)

    def _ids(self, cell: Cell) -> list[int]:
        if cell.text is None:
            return encode_chat(self.model.tokenizer, cell.messages)
        return encode_text(self.model.tokenizer, cell.text)

    def _check_room(self, cell: Cell) -> None:
        """Refuse what does not fit; nothing of a conversation is ever left out unsaid."""
        from ..generation import settle

        limit, longest = self.positions, settle(cell.generation).max_tokens
        if limit is None:
            return
        have = self.count(cell)
        room = limit - have + 1  # the last token of an answer is never read
        if longest <= room:
            return
        shorter = f"allow at most {room:,} tokens (max_tokens), " if room > 0 else ""
        raise DataError(
            f"the conversation has {have:,} tokens and the answer may have {longest:,}; "
            f"{self.name} has {limit:,} positions",
            f"{shorter}take back the last question (undo) or begin anew (reset)",
        )


def _piece(text: str) -> Iterator[str]:
    if text:
        yield text


def _end(answer: Answer) -> End:
    return End(
        answer.text or "",
        answer.finish or "stop",
        answer.input_tokens,
        answer.output_tokens,
        answer.seconds or 0.0,
    )

"""A chat under way: who answers, what was said, and what can be done about it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import final

from ..errors import DataError
from ..prompting.types import Generation
from .bars import Bars, bars
from .conversation import Conversation, Turn, changed
from .save import TestRows
from .streaming import End, Stop, Streamer

__all__ = ["Chat", "introduction"]

WORDS = 10  # next words that are shown


@final
class Chat:
    """One conversation with one model, for a terminal or a page.

    Whatever changes it or asks the model has it alone; what is asked for meanwhile is refused.

    Args:
        streamer: who answers.
        system: message before all others, or None.
        generation: how answers are written, until that is changed.
        tests: where questions are saved as test rows.

    Raises:
        DataError: a system message is given, and the model has no place for one; or it cannot keep
            to a setting.
        ModelError: the model cannot be loaded.
    """

    def __init__(
        self,
        streamer: Streamer,
        *,
        system: str | None = None,
        generation: Generation | None = None,
        tests: TestRows | None = None,
    ) -> None:
        streamer.load()
        self.streamer, self.tests = streamer, tests or TestRows()
        empty = Conversation(plain=streamer.plain, generation=generation or Generation())
        self.conversation = empty.under(system) if system else empty
        streamer.in_force(self.conversation.generation)  # refused now, not at the first question
        self._busy = threading.Lock()
        self._saved: tuple[Turn, ...] = ()  # the turns up to what was saved last
        self.last: End | None = None

    @property
    def in_force(self) -> Generation:
        """Return how answers are written now, with the model's own defaults where it has some."""
        return self.streamer.in_force(self.conversation.generation)

    def another(self) -> Chat:
        """Return a new conversation with the same model, system message and settings."""
        now = self.conversation
        return Chat(self.streamer, system=now.system, generation=now.generation, tests=self.tests)

    def answer(self, question: str, stop: Stop | None = None) -> Generator[str | End, None, None]:
        """Yield the answer piece by piece, and last how it ended.

        What was said is kept when the answer ends, is stopped, or is left where it is (close the
        iterator). A question whose answer failed or never began is not kept.

        Raises:
            DataError, ModelError: as `Streamer.stream`.
        """
        with self._alone():
            before, said = self.conversation, ""
            cell = before.ask(question)
            pieces = self.streamer.stream(cell, Stop() if stop is None else stop)
            try:
                for found in pieces:
                    if isinstance(found, End):
                        self._keep(before, question, found)
                    else:
                        said += found
                    yield found
            except (KeyboardInterrupt, GeneratorExit):
                if self.conversation is before:
                    self._keep(before, question, End(said, "stopped", None, None, 0.0))
                raise

    def _keep(self, before: Conversation, question: str, end: End) -> None:
        self.last = end
        if end.text or end.finish != "stopped":
            self.conversation = before.after(Turn(question, end.text, end.finish))

    def set(self, name: str, said: str) -> None:
        """Change `temperature`, `max_tokens`, `top_p` or `seed`; empty leaves it to the model.

        Raises:
            DataError: to no such number.
        """
        with self._alone():
            generation = changed(self.conversation.generation, name, said)
            self.conversation = replace(self.conversation, generation=generation)

    def say_first(self, system: str) -> None:
        """Change the system message; empty takes it away.

        Raises:
            DataError: the model has no place for one.
        """
        with self._alone():
            self.conversation = self.conversation.under(system)

    def undo(self) -> str:
        """Take back the last question and its answer; return the question.

        Raises:
            DataError: nothing was asked yet.
        """
        with self._alone():
            shorter = self.conversation.before_last()
            question = self.conversation.turns[-1].question
            self.conversation, self.last = shorter, None
            return question

    def reset(self) -> None:
        """Begin anew with the same settings."""
        with self._alone():
            self.conversation, self.last = self.conversation.begun_anew(), None

    def words(self, text: str | None = None, top: int = WORDS) -> Bars:
        """Return the distribution of the next word, ready to show.

        Args:
            text: a text to continue; None stands for this point of the conversation, that is,
                where the answer to the last question begins.

        Raises:
            DataError: there is nothing to continue.
            ModelError: the model does not tell.
        """
        with self._alone():
            if text is not None:
                plain = Conversation(plain=True, generation=self.conversation.generation)
                return bars("after", text, self.streamer.next_words(plain.ask(text), top))
            cell = self.conversation.point()
            if cell is None:
                raise DataError("nothing was asked yet", "ask first, or give a text to continue")
            words = self.streamer.next_words(cell, top)
            if cell.text is None:
                return bars("the answer to", cell.messages[-1]["content"], words)
            return bars("after", cell.text, words)

    def save(self, label: str | None = None) -> str:
        """Append the last question to the test rows; return what was done.

        Args:
            label: the right answer; None takes the model's.

        Raises:
            DataError: there is no question, it was saved before, or no row can be added.
        """
        with self._alone():
            turns = self.conversation.turns
            if (why := self.tests.refusal()) is not None:
                raise DataError(f"cannot save: {why}")
            if not turns:
                raise DataError("nothing was asked yet", "ask first, then save")
            if turns == self._saved:
                raise DataError("this question was saved already", "ask another")
            asked = self.conversation.last_question()
            file, rows = self.tests.add(asked, turns[-1].answer if label is None else label)
            self._saved = turns
            return f"added to {file}, which has {rows:,} rows now"

    def tokens(self) -> str:
        """Say how many tokens the conversation holds, and how many the model reads."""
        with self._alone():
            have = self.streamer.count(self.conversation.whole()) if self._holds else 0
            limit = self.streamer.positions
        if have is None:
            return self._tokens_told()
        if limit is None:
            return f"{have:,} tokens; the model names no limit"
        return f"{have:,} tokens of the {limit:,} that the model reads; {limit - have:,} are left"

    @property
    def _holds(self) -> bool:
        return bool(self.conversation.turns or self.conversation.system)

    def _tokens_told(self) -> str:
        if self.last is None or self.last.input_tokens is None:
            return "the endpoint has not told how many tokens there are, nor its limit"
        wrote = self.last.output_tokens or 0
        return (
            f"{self.last.input_tokens + wrote:,} tokens by the endpoint's own count "
            f"({self.last.input_tokens:,} read and {wrote:,} written); its limit is not known"
        )

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._busy.acquire(blocking=False):
            raise DataError("the model is at work", "wait for the answer, or stop it")
        try:
            yield
        finally:
            self._busy.release()


def introduction(chat: Chat) -> list[str]:
    """Return what to know before the first question."""
    streamer = chat.streamer
    size = "" if streamer.positions is None else f", reads {streamer.positions:,} tokens"
    lines = [f"{streamer.name} ({streamer.where}{size})"]
    if streamer.plain:
        lines.append(
            "This model has no chat template: it does not answer, it continues your text. "
            "Each message is added to the text; an empty one lets it go on."
        )
    return lines

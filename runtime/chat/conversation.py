"""What was said so far, and the next thing to ask: values, changed by making new ones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ..errors import DataError
from ..prompting.types import Cell, Generation, Message

__all__ = ["SETTINGS", "Conversation", "Turn", "changed", "describe", "how_it_ended"]

LONGEST_MESSAGE = 1_000_000  # characters


@dataclass(frozen=True, slots=True)
class Setting:
    """A number that can be changed while talking, with the limits that specs have too."""

    kind: type[int] | type[float]
    least: float
    most: float
    wanted: str

    def read(self, said: str) -> float | None:
        """Return the number that was written, or None where it is none that fits."""
        try:
            value = self.kind(said)
        except ValueError:
            return None
        return value if self.least <= value <= self.most else None  # NaN does not


SETTINGS = {
    "temperature": Setting(float, 0.0, 2.0, "a number from 0 to 2, such as 0.7"),
    "max_tokens": Setting(int, 1, 2**31 - 1, "a whole number from 1, such as 128"),
    "top_p": Setting(float, 1e-6, 1.0, "a number above 0 and at most 1, such as 0.9"),
    "seed": Setting(int, 0, 2**32 - 1, "a whole number from 0, such as 7"),
}


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and its answer; `finish` is why that ended: `stop`, `length`, `stopped`, ..."""

    question: str
    answer: str
    finish: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """All that shapes the next answer.

    Attributes:
        plain: for models without a chat template: not messages but one text, which questions and
            answers in turn make longer. Each question begins a new line of it; an empty one lets
            the model go on where it ended.
        system: the message before all others, or None; not where `plain`.
        turns: questions and answers, oldest first.
        generation: how answers are written from now on.
    """

    plain: bool = False
    system: str | None = None
    turns: tuple[Turn, ...] = ()
    generation: Generation = field(default_factory=Generation)

    def ask(self, question: str) -> Cell:
        """Return the cell of the answer to `question` at this point.

        Its id, which decides what is drawn, depends on the messages and settings alone: the same
        question at the same point of the same conversation has the same answer.

        Raises:
            DataError: there is nothing to answer, or the question is no text that can be sent.
        """
        _check(question)
        if not question.strip() and not (self.plain and self.turns):
            raise DataError("the message is empty", "write something for the model to answer")
        return self._cell(self.turns, question)

    def point(self) -> Cell | None:
        """Return the cell of what comes next here, for looking at its first word.

        That is the answer to the last question, or the next word of a plain text. None where
        nothing was asked yet.
        """
        if not self.turns:
            return None
        if self.plain:
            return self._cell(self.turns, "")
        return self._cell(self.turns[:-1], self.turns[-1].question)

    def whole(self) -> Cell:
        """Return the cell whose messages or text are the conversation as it stands."""
        if self.plain:
            return self._cell(self.turns, "")
        return _cell(tuple(self._messages(self.turns)), None, self.generation)

    def last_question(self) -> str:
        """Return what the last answer followed: the question, or the whole text before it.

        Raises:
            DataError: nothing was asked yet.
        """
        before = self.before_last()
        return (
            _joined(before.turns, self.turns[-1].question)
            if self.plain
            else self.turns[-1].question
        )

    def after(self, turn: Turn) -> Conversation:
        return replace(self, turns=(*self.turns, turn))

    def before_last(self) -> Conversation:
        """Return the conversation without its last question and answer.

        Raises:
            DataError: there is none.
        """
        if not self.turns:
            raise DataError("nothing was asked yet", "there is nothing to take back")
        return replace(self, turns=self.turns[:-1])

    def begun_anew(self) -> Conversation:
        """Return the conversation without questions and answers; the settings stay."""
        return replace(self, turns=())

    def under(self, system: str | None) -> Conversation:
        """Return the conversation with another system message; empty is none.

        Raises:
            DataError: the model has no place for one.
        """
        if self.plain:
            raise DataError(
                "this model has no chat template, and so no system message",
                "begin the text with what the model should know",
            )
        _check(system or "")
        return replace(self, system=system or None)

    def _cell(self, turns: Sequence[Turn], question: str) -> Cell:
        if self.plain:
            return _cell((), _joined(turns, question), self.generation)
        asked = {"role": "user", "content": question}
        return _cell((*self._messages(turns), asked), None, self.generation)

    def _messages(self, turns: Sequence[Turn]) -> list[Message]:
        found: list[Message] = []
        if self.system is not None:
            found.append({"role": "system", "content": self.system})
        for turn in turns:
            found.append({"role": "user", "content": turn.question})
            found.append({"role": "assistant", "content": turn.answer})
        return found


def _check(text: str) -> None:
    if len(text) > LONGEST_MESSAGE:
        raise DataError(f"a message is longer than {LONGEST_MESSAGE:,} characters")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError("the message is not UTF-8", "save or send it as UTF-8") from error


def _joined(turns: Sequence[Turn], question: str) -> str:
    whole = ""
    for turn in turns:
        whole = _on_a_new_line(whole, turn.question) + turn.answer
    return _on_a_new_line(whole, question)


def _on_a_new_line(whole: str, question: str) -> str:
    return f"{whole}\n{question}" if whole and question else whole + question


def _cell(messages: tuple[Message, ...], text: str | None, generation: Generation) -> Cell:
    shape = [[dict(message) for message in messages], text, asdict(generation)]
    digest = hashlib.sha256(json.dumps(shape, sort_keys=True).encode("ascii")).hexdigest()
    return Cell(digest[:32], "chat", "chat", "chat", 0, messages, text, generation, None)


def changed(generation: Generation, name: str, said: str) -> Generation:
    """Return the settings with one of `SETTINGS` as a person wrote it; empty leaves it unsaid.

    Raises:
        DataError: that is no such number.
    """
    setting = SETTINGS[name]
    value = setting.read(said.strip())
    if said.strip() and value is None:
        raise DataError(f"{name} cannot be {said[:60]!r}", f"give {setting.wanted}")
    said_now: dict[str, Any] = {name: value}
    return replace(generation, **said_now)


def describe(generation: Generation) -> str:
    """Return the settings in force, such as `temperature 0.7, at most 128 tokens`.

    What stands nowhere is left to the endpoint; that a share of 1 may be drawn from goes unsaid.
    """
    heat, longest, share = generation.temperature, generation.max_tokens, generation.top_p
    first = "the endpoint's own temperature" if heat is None else f"temperature {heat:g}"
    second = "the endpoint's own length" if longest is None else f"at most {_tokens(longest)}"
    third = "" if share is None or share == 1.0 else f", top_p {share:g}"
    return f"{first}, {second}{third}"


def how_it_ended(finish: str, generation: Generation) -> str | None:
    """Say why an answer ended, where that was not by the model's own choice.

    Args:
        generation: the settings in force.
    """
    longest = generation.max_tokens
    limit = "the endpoint's own length" if longest is None else _tokens(longest)
    said = {
        "stop": None,
        "length": f"cut at {limit}",
        "stopped": "stopped",
        "content_filter": "ended by the endpoint's filter",
    }
    return said.get(finish, finish)


def _tokens(count: int) -> str:
    return f"{count:,} token" + ("" if count == 1 else "s")

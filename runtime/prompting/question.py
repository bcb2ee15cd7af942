"""How a row is asked about: as text to continue, or as the messages of a chat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

from ..data.examples import Examples
from ..data.prompt import Template
from ..data.rows import Row
from ..errors import DataError
from .types import Message

__all__ = ["Question"]

ROLES = ("system", "user", "assistant", "developer")


@final
class Question:
    """One way of asking, for every row.

    Args:
        template: Jinja text over a row's fields; None where `messages` are given.
        format: `plain` is text to continue, `chat` a list of messages.
        system: message before all others, for `chat` only; taken as it stands.
        messages: `{role, content}` with a template as content, in place of `template`.
        examples: solved rows shown, in this order, before the question; `label` is the answer. Or
            a choice that differs from question to question.

    Raises:
        DataError: these do not go together, or a template does not parse.
    """

    def __init__(
        self,
        template: str | None,
        format: str = "chat",
        system: str | None = None,
        messages: Sequence[Message] = (),
        examples: Sequence[Row] | Examples = (),
    ) -> None:
        if format not in ("plain", "chat"):
            raise DataError(f"no prompt format {format!r}", "use plain or chat")
        if (template is None) != bool(messages):
            raise DataError("a question is either a template or messages", "give one of the two")
        if format == "plain" and (messages or system is not None):
            raise DataError("messages need the chat format", "set task.format to chat")
        self.format = format
        self._examples = examples if isinstance(examples, Examples) else Examples(examples)
        self._system = system
        self._parts = _parts(template, messages)
        self._asked: dict[str, tuple[list[dict[str, str]], str]] = {}
        for row in () if isinstance(examples, Examples) else examples:
            self._solved(row)  # a fault is told of now

    def shown(self, fields: Mapping[str, str]) -> tuple[str, ...]:
        """Return the ids of the rows shown before the question about `fields`."""
        return tuple(row.id for row in self._examples.before(fields))

    def render(self, fields: Mapping[str, str]) -> tuple[tuple[Message, ...], str | None]:
        """Return the messages of a chat and None, or no messages and the text to continue.

        Raises:
            DataError: a template fails on these fields.
        """
        asked = self._ask(fields)
        solved = [self._solved(row) for row in self._examples.before(fields)]
        if self.format == "plain":
            shown = "".join(f"{each[0]['content']} {answer}\n\n" for each, answer in solved)
            return (), shown + asked[0]["content"]
        found = [] if self._system is None else [_message("system", self._system)]
        # Messages that open the conversation stand once, before the examples.
        opening = [each for each in asked if each["role"] in ("system", "developer")]
        found += opening
        for question, answer in solved:
            found += [each for each in question if each["role"] not in ("system", "developer")]
            found.append(_message("assistant", answer))
        return (*found, *asked[len(opening) :]), None

    def _solved(self, row: Row) -> tuple[list[dict[str, str]], str]:
        if row.id not in self._asked:
            self._asked[row.id] = (self._ask(row.fields), _answer(row))
        return self._asked[row.id]

    def _ask(self, fields: Mapping[str, str]) -> list[dict[str, str]]:
        return [_message(role, template.render(fields)) for role, template in self._parts]


def _parts(template: str | None, messages: Sequence[Message]) -> list[tuple[str, Template]]:
    if template is not None:
        return [("user", Template(template))]
    roles = [message["role"] for message in messages]
    if unknown := [role for role in roles if role not in ROLES]:
        raise DataError(f"no role {unknown[0]!r}", f"use one of {', '.join(ROLES)}")
    opening = [role in ("system", "developer") for role in roles]
    if opening != sorted(opening, reverse=True):
        raise DataError("a system message stands after others", "put it first")
    if roles[-1] in ("system", "developer"):
        raise DataError("the messages hold no question", "add one with role user")
    return [
        (role, Template(message["content"])) for role, message in zip(roles, messages, strict=True)
    ]


def _answer(row: Row) -> str:
    if row.label is None:
        raise DataError(f"row {row.id} is an example, but has no answer", "choose a solved row")
    return row.label


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}

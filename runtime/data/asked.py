"""What a row is asked with: text to continue, or the messages of a chat.

Labels that are scored, answers that are written and rows that are trained on are asked about in
the same words: all of them are made here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

from ..errors import DataError
from .examples import Examples
from .rows import Row
from .template import Template

__all__ = ["ROLES", "Asked"]

ROLES = ("system", "developer", "user", "assistant")
OPENING = ("system", "developer")


@final
class Asked:
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
        format: str,
        system: str | None = None,
        messages: Sequence[Mapping[str, str]] = (),
        examples: Sequence[Row] | Examples = (),
    ) -> None:
        if format not in ("plain", "chat"):
            raise DataError(f"no prompt format {format!r}", "use plain or chat")
        if (template is None) != bool(messages):
            raise DataError("a question is either a template or messages", "give one of the two")
        if format == "plain" and messages:
            raise DataError("messages need the chat format", "set task.format to chat")
        if format == "plain" and system is not None:
            raise DataError("a system message needs the chat format", "set task.format to chat")
        self.format = format
        self.system = system
        self._parts = _parts(template, messages)
        if system is not None and self._parts[0][0] in OPENING:
            raise DataError("there are two system messages", "give one of them")
        self._examples = examples if isinstance(examples, Examples) else Examples(examples)
        self._known: dict[str, tuple[list[dict[str, str]], str]] = {}
        for row in () if isinstance(examples, Examples) else examples:
            self._solved(row)  # a fault is told of now

    def shown(self, fields: Mapping[str, str]) -> tuple[str, ...]:
        """Return the ids of the rows shown before the question about `fields`."""
        return tuple(row.id for row in self._examples.before(fields))

    def text(self, fields: Mapping[str, str]) -> str:
        """Return the text to continue; for the plain format.

        Raises:
            DataError: a template fails on these fields.
        """
        shown = "".join(f"{each[0]['content']} {label}\n\n" for each, label in self._before(fields))
        return shown + self._ask(fields)[0]["content"]

    def messages(self, fields: Mapping[str, str]) -> list[dict[str, str]]:
        """Return the messages, up to where the assistant answers; for the chat format.

        Raises:
            DataError: a template fails on these fields.
        """
        asked = self._ask(fields)
        found = [] if self.system is None else [message("system", self.system)]
        # Messages that open the conversation stand once, before the examples.
        opening = [each for each in asked if each["role"] in OPENING]
        found += opening
        for question, answer in self._before(fields):
            found += [each for each in question if each["role"] not in OPENING]
            found.append(message("assistant", answer))
        return found + asked[len(opening) :]

    def _before(self, fields: Mapping[str, str]) -> list[tuple[list[dict[str, str]], str]]:
        return [self._solved(row) for row in self._examples.before(fields)]

    def _solved(self, row: Row) -> tuple[list[dict[str, str]], str]:
        if row.id not in self._known:
            self._known[row.id] = (self._ask(row.fields), _answer(row))
        return self._known[row.id]

    def _ask(self, fields: Mapping[str, str]) -> list[dict[str, str]]:
        return [message(role, template.render(fields)) for role, template in self._parts]


def message(role: str, content: str) -> dict[str, str]:
    """Return one message of a chat."""
    return {"role": role, "content": content}


def _parts(
    template: str | None, messages: Sequence[Mapping[str, str]]
) -> list[tuple[str, Template]]:
    if template is not None:
        return [("user", Template(template))]
    roles = [each["role"] for each in messages]
    if unknown := [role for role in roles if role not in ROLES]:
        raise DataError(f"no role {unknown[0]!r}", f"use one of {', '.join(ROLES)}")
    opening = [role in OPENING for role in roles]
    if opening != sorted(opening, reverse=True):
        raise DataError("a system message stands after others", "put it first")
    if roles[-1] != "user":
        raise DataError("the messages do not end with a question", "end with one of role user")
    return [(each["role"], Template(each["content"])) for each in messages]


def _answer(row: Row) -> str:
    if row.label is None:
        raise DataError(f"row {row.id} is an example, but has no answer", "choose a solved row")
    return row.label

"""How a row is asked about: as text to continue, or as the messages of a chat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

from ..data.asked import Asked
from ..data.examples import Examples
from ..data.rows import Row
from .types import Message

__all__ = ["Question"]


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
        self.format = format
        self._asked = Asked(template, format, system, messages, examples)

    def shown(self, fields: Mapping[str, str]) -> tuple[str, ...]:
        """Return the ids of the rows shown before the question about `fields`."""
        return self._asked.shown(fields)

    def render(self, fields: Mapping[str, str]) -> tuple[tuple[Message, ...], str | None]:
        """Return the messages of a chat and None, or no messages and the text to continue.

        Raises:
            DataError: a template fails on these fields.
        """
        if self.format == "plain":
            return (), self._asked.text(fields)
        return tuple(self._asked.messages(fields)), None

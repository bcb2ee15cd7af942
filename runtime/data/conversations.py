"""Conversations to tune on, read from rows of any of the known formats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

from ..errors import DataError
from .formats import Conversation, detect, read_conversation
from .rows import Row, ranked, read_values

__all__ = ["Dialogues", "load_conversations"]


def load_conversations(
    *,
    builtin: str | None = None,
    path: str | None = None,
    split: str | None = None,
    limit: int | None = None,
    format: str = "auto",
    columns: Mapping[str, str],
    seed: int = 0,
) -> list[Conversation]:
    """Load conversations in an order that depends on `(seed, row id)` alone.

    Args:
        builtin, path, split, limit, seed: as `load_rows` has them.
        format: one of `formats.FORMATS`, or `auto` to tell it by what the rows hold.
        columns: of `text-label`, where `text` and `label` stand.

    Raises:
        DataError: rows cannot be read, differ in format, or are no conversation.
    """
    source = builtin if builtin is not None else str(path)
    rows = list(read_values(builtin, path, split))
    if format == "auto":
        format = detect(rows, columns.get("text", "text"), columns.get("label", "label"))
    if format == "text-label" and not {"text", "label"} <= set(columns):
        raise DataError(f"{source}: data.columns does not name text and label")
    kept = ranked(rows, seed)[:limit]
    return [read_conversation(name, values, format, columns) for name, values in kept]


@final
class Dialogues:
    """Test conversations as questions: what stands before the last answer is asked.

    Attributes:
        rows: one for each conversation, with its last answer as the label.

    Raises:
        DataError: a conversation does not end with an answer in words, or has tools.
    """

    def __init__(self, conversations: Sequence[Conversation]) -> None:
        self.rows = [_row(one) for one in conversations]
        self._asked = {one.id: tuple(map(_plain, one.messages[:-1])) for one in conversations}

    def shown(self, fields: Mapping[str, str]) -> tuple[str, ...]:
        """No solved rows stand before a conversation."""
        return ()

    def render(self, fields: Mapping[str, str]) -> tuple[tuple[dict[str, str], ...], None]:
        """Return the messages before the last answer."""
        return self._asked[fields["conversation"]], None


def _plain(message: Mapping[str, Any]) -> dict[str, str]:
    return {"role": message["role"], "content": message["content"]}


def _row(one: Conversation) -> Row:
    last = one.messages[-1]
    if last["role"] != "assistant" or last.get("tool_calls"):
        raise DataError(f"{one.id}: does not end with an answer in words", "cut it after one")
    if one.tools or any(message["role"] == "tool" for message in one.messages):
        raise DataError(
            f"{one.id}: test rows with tools cannot be asked",
            "take test rows whose answers are in words alone",
        )
    return Row(one.id, {"conversation": one.id}, last["content"])

"""The shapes in which rows to tune on are found in the wild, and conversations made of them.

A row is recognised by the keys that hold something. The compiler recognises rows before the run by
the same table (`compiler/formats.py`); a test holds the two to each other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import DataError

__all__ = [
    "FORMATS",
    "JUDGED",
    "Conversation",
    "detect",
    "read_conversation",
    "read_messages",
    "read_tools",
    "recognise",
]

Values = Mapping[str, Any]

FORMATS = ("messages", "sharegpt", "alpaca", "prompt-completion", "text-label")
"""What can be read as a conversation."""

JUDGED = ("chosen-rejected", "verdict")
"""What can be read as answers that are better and worse."""

SPEAKERS = {
    "human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant",
    "chatgpt": "assistant", "model": "assistant", "bot": "assistant", "system": "system",
    "observation": "tool", "tool": "tool", "function_response": "tool",
    "function_call": "function_call", "tool_call": "function_call",
}  # fmt: skip
"""ShareGPT's `from` -> role; `function_call` is an assistant's turn that calls a tool."""

ROLES = ("system", "developer", "user", "assistant", "tool")


@dataclass(frozen=True, slots=True)
class Conversation:
    """One row to tune on.

    Attributes:
        id: the same on every run.
        messages: `{role, content, ...}` as chat templates take them; arguments of tool calls are
            maps. Keys that are unknown here are left for the template to read.
        tools: JSON Schemas of the functions that may be called, or None.
        context: places of assistant messages that are read and never learned.
    """

    id: str
    messages: tuple[dict[str, Any], ...]
    tools: tuple[dict[str, Any], ...] | None = None
    context: frozenset[int] = frozenset()


def recognise(row: Values, text: str, label: str) -> tuple[str, ...]:
    """Return the formats that a row has the keys of; `text` and `label` are its columns."""
    turns = _turns(row)
    first = turns[0] if isinstance(turns, list) and turns else {}
    first = first if isinstance(first, Mapping) else {}
    if row.get("chosen") is not None and row.get("rejected") is not None:
        return ("chosen-rejected",)
    answered = first or (row.get("prompt") is not None and row.get("completion") is not None)
    if answered and isinstance(row.get("label", row.get("kto_tag")), bool):
        return ("verdict",)
    found = {
        "messages": "role" in first,
        "sharegpt": "from" in first,
        "alpaca": row.get("instruction") is not None and row.get("output") is not None,
        "prompt-completion": row.get("prompt") is not None and row.get("completion") is not None,
        "text-label": row.get(text) is not None and row.get(label) is not None,
    }
    return tuple(name for name, fits in found.items() if fits)


def detect(
    rows: Sequence[tuple[str, Values]], text: str, label: str, among: Sequence[str] = FORMATS
) -> str:
    """Return the one format of all rows, each given with its id; it has to be one of `among`.

    Raises:
        DataError: rows differ, fit several formats or none, or are of a kind that is not learned.
    """
    first: tuple[str, tuple[str, ...]] | None = None
    for name, row in rows:
        found = recognise(row, text, label)
        if first is None:
            first = (name, found)
        if found != first[1]:
            what = f"row {first[0]} is {_named(first[1])}, row {name} is {_named(found)}"
            raise DataError(f"rows of different formats: {what}", "give files of one format each")
    if first is None:
        raise DataError("there are no rows")
    return _only(*first, rows[0][1], among)


def _only(name: str, found: tuple[str, ...], row: Values, among: Sequence[str]) -> str:
    if not set(among) & set(FORMATS):
        if len(found) == 1 and found[0] in among:
            return found[0]
        raise DataError(
            f"row {name} is {_named(found)}, but learning a preference takes {' or '.join(among)}",
            "give rows with `chosen` and `rejected`, or answers with a `label` of true or false",
        )
    if found == ("chosen-rejected",) or found == ("verdict",):
        what = "a chosen and a rejected answer" if "verdict" not in found else "a verdict"
        raise DataError(
            f"row {name} holds {what}: it is for learning a preference, not for learning to answer",
            "take rows of answers that are all right, or pin data.format to learn all of them",
        )
    if not found:
        have = ", ".join(str(key) for key in row)
        raise DataError(
            f"row {name} is in none of the formats {', '.join(FORMATS)}; it has: {have}",
            "name its columns in data.columns as text and label, or rewrite the rows",
        )
    if len(found) > 1:
        raise DataError(
            f"row {name} fits several formats: {', '.join(found)}",
            f"pin one, such as data.format: {found[0]}",
        )
    return found[0]


def read_conversation(
    identity: str, row: Values, format: str, columns: Mapping[str, str]
) -> Conversation:
    """Return a row of a known format as a conversation.

    Raises:
        DataError: the row is not what the format says; the message names the row.
    """
    try:
        messages, context = _READERS[format](row, columns)
        tools = read_tools(row.get("tools"))
        _check_turns(messages)
    except DataError as error:
        raise DataError(f"{identity}: {error.message}", error.cure) from error
    return Conversation(identity, tuple(messages), tools, frozenset(context))


def read_messages(row: Values, format: str) -> list[dict[str, Any]]:
    """Return the messages of a row in one of `FORMATS` whose turns nobody has looked at.

    Raises:
        DataError: the row is not what the format says.
    """
    return _READERS[format](row, {})[0]


Read = tuple[list[dict[str, Any]], list[int]]


def _messages(row: Values, columns: Mapping[str, str]) -> Read:
    messages, context = [], []
    for place, said in enumerate(_list(_turns(row), "messages")):
        message, learned = _message(said)
        messages.append(message)
        if not learned:
            context.append(place)
    return messages, context


def _message(said: Any) -> tuple[dict[str, Any], bool]:
    """Return one message of OpenAI's form; `weight: 0` is its word for not learned."""
    if not isinstance(said, Mapping):
        raise DataError("a message is not a map of role and content")
    message = {key: value for key, value in said.items() if value is not None}
    role = message.get("role")
    role = "tool" if role == "function" else role
    if role not in ROLES:
        raise DataError(f"no role {role!r}", f"use one of {', '.join(ROLES)}")
    if old := message.pop("function_call", None):
        message["tool_calls"] = [{"type": "function", "function": old}]
    calls = message.pop("tool_calls", None)
    message |= {"role": role, "content": _content(message.get("content"), optional=bool(calls))}
    if calls:
        message["tool_calls"] = [_call(call) for call in _list(calls, "tool_calls")]
    return message, message.pop("weight", 1) != 0


def _content(value: Any, *, optional: bool = False) -> str:
    """Return text, also of a list of parts that are all text."""
    if isinstance(value, str) or (value is None and optional):
        return value or ""
    if isinstance(value, list) and all(
        isinstance(part, Mapping) and isinstance(part.get("text"), str) for part in value
    ):
        return "".join(part["text"] for part in value)
    raise DataError("a message has no content that is text", "only text can be learned")


def _call(call: Any) -> dict[str, Any]:
    """Return a tool call with its arguments as a map: OpenAI sends them as JSON in a text."""
    said = call.get("function", call) if isinstance(call, Mapping) else None
    if not isinstance(said, Mapping) or not isinstance(said.get("name"), str):
        raise DataError("a tool call does not name its function")
    function = {"name": said["name"], "arguments": _map(said.get("arguments") or {})}
    outer = {key: value for key, value in call.items() if key == "id"}
    return {**outer, "type": "function", "function": function}


def _sharegpt(row: Values, columns: Mapping[str, str]) -> Read:
    messages: list[dict[str, Any]] = []
    if row.get("system"):
        messages.append({"role": "system", "content": _content(row["system"])})
    for said in _list(_turns(row), "conversations"):
        speaker = said.get("from") if isinstance(said, Mapping) else None
        role = SPEAKERS.get(str(speaker).lower())
        if role is None:
            raise DataError(f"nobody is called {speaker!r}", f"use one of {', '.join(SPEAKERS)}")
        content = _content(said.get("value"))
        messages.append(
            _calling(content) if role == "function_call" else {"role": role, "content": content}
        )
    return messages, []


def _calling(text: str) -> dict[str, Any]:
    """Return an assistant's turn of tool calls, written as JSON: one call or a list of them."""
    calls = _json(text)
    calls = calls if isinstance(calls, list) else [calls]
    return {"role": "assistant", "content": "", "tool_calls": [_call(call) for call in calls]}


def _alpaca(row: Values, columns: Mapping[str, str]) -> Read:
    """Instruction and input are joined by a line break, as LLaMA-Factory joins them."""
    messages = []
    if row.get("system"):
        messages.append({"role": "system", "content": _content(row["system"])})
    for pair in row.get("history") or ():
        if not isinstance(pair, list) or len(pair) != 2:
            raise DataError("history is not a list of pairs of a question and an answer")
        messages += _pair(_content(pair[0]), _content(pair[1]))
    parts = [_content(row.get("instruction")), _content(row.get("input") or "")]
    return messages + _pair("\n".join(part for part in parts if part), _content(row["output"])), []


def _prompt_completion(row: Values, columns: Mapping[str, str]) -> Read:
    """Prompt and completion are texts, or lists of messages; what the prompt holds is read only."""
    prompt, completion = row.get("prompt"), row.get("completion")
    if isinstance(prompt, str) and isinstance(completion, str):
        return _pair(prompt, completion), []
    before, _ = _messages({"messages": prompt}, columns)
    after, skipped = _messages({"messages": completion}, columns)
    asked = [place for place, message in enumerate(before) if message["role"] == "assistant"]
    return before + after, asked + [len(before) + place for place in skipped]


def _text_label(row: Values, columns: Mapping[str, str]) -> Read:
    text, label = (row.get(columns[name]) for name in ("text", "label"))
    if text is None or label is None:
        raise DataError(f"has no {columns['text' if text is None else 'label']!r}")
    return _pair(_plain(text), _plain(label)), []


_READERS: dict[str, Callable[[Values, Mapping[str, str]], Read]] = {
    "messages": _messages,
    "sharegpt": _sharegpt,
    "alpaca": _alpaca,
    "prompt-completion": _prompt_completion,
    "text-label": _text_label,
}


def _check_turns(messages: Sequence[Mapping[str, Any]]) -> None:
    """Hold a conversation to: somebody asks before the assistant answers, and it does answer."""
    roles = [message["role"] for message in messages]
    if "assistant" not in roles:
        raise DataError("the assistant says nothing, so there is nothing to learn")
    if "user" not in roles[: roles.index("assistant")]:
        raise DataError("the assistant speaks before anybody asked", "begin with a user's message")


def _turns(row: Values) -> Any:
    return row["messages"] if row.get("messages") is not None else row.get("conversations")


def read_tools(value: Any) -> tuple[dict[str, Any], ...] | None:
    """Return the functions of a row; in files they often stand as JSON in a text.

    Raises:
        DataError: they are no list of maps.
    """
    found = _json(value) if isinstance(value, str) and value.strip() else value
    if not found:
        return None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise DataError("`tools` is not a list of functions")
    return tuple(found)


def _map(value: Any) -> dict[str, Any]:
    found = _json(value) if isinstance(value, str) else value
    if not isinstance(found, dict):
        raise DataError("the arguments of a tool call are not a JSON object")
    return found


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"is not JSON: {text[:60]!r}") from error


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise DataError(f"`{name}` is not a list that holds something")
    return value


def _pair(question: str, answer: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _named(found: tuple[str, ...]) -> str:
    return " or ".join(found) if found else "in no known format"

"""Answers that were judged: pairs of a better and a worse one, and single ones with a verdict.

What is read of a row is the conversation up to the answer, which both answers share, and the
answer itself. Everything the assistant said before is context and never learned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ..errors import DataError
from .formats import JUDGED, Conversation, detect, read_messages, read_tools
from .rows import ranked, read_values

__all__ = ["Pair", "Verdict", "load_pairs", "load_verdicts", "read_pair", "read_verdict"]

Values = Mapping[str, Any]
Messages = list[dict[str, Any]]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Pair:
    """One prompt with a better and a worse answer, each as a whole conversation.

    Attributes:
        id: the same on every run.
        chosen, rejected: they begin alike; only what follows the prompt is not in `context`.
        margin: what the row says of how much better the chosen one is, as it says it.
    """

    id: str
    chosen: Conversation
    rejected: Conversation
    margin: Any = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One conversation whose last answer was judged.

    Attributes:
        id: the same on every run; of half a pair, the pair's with `chosen` or `rejected`.
        answered: the conversation; `context` holds every answer but the judged one.
        good: what was said of it.
    """

    id: str
    answered: Conversation
    good: bool


def load_pairs(
    *,
    builtin: str | None = None,
    path: str | None = None,
    split: str | None = None,
    limit: int | None = None,
    format: str = "auto",
    seed: int = 0,
) -> list[Pair]:
    """Load pairs in an order that depends on `(seed, row id)` alone.

    Args:
        builtin, path, split, limit, seed: as `load_rows` has them.
        format: `chosen-rejected`, or `auto`, which refuses rows of any other.

    Raises:
        DataError: rows cannot be read, are of another format, have no answer, or two that are
            the same.
    """
    rows, format = _values(builtin, path, split, format)
    if format != "chosen-rejected":
        raise DataError(
            f"{builtin or path}: its rows have a verdict, and this objective compares two answers",
            "give rows with `chosen` and `rejected`, or write `objective: {type: kto}`",
        )
    return [read_pair(name, values) for name, values in ranked(rows, seed)[:limit]]


def load_verdicts(
    *,
    builtin: str | None = None,
    path: str | None = None,
    split: str | None = None,
    limit: int | None = None,
    format: str = "auto",
    seed: int = 0,
) -> list[Verdict]:
    """Load judged answers; a pair gives two, a good one and a bad one.

    `limit` counts rows of the source. The rest is as `load_pairs` has it.

    Raises:
        DataError: as there; or all answers are good, or all are bad.
    """
    rows, format = _values(builtin, path, split, format)
    kept = ranked(rows, seed)[:limit]
    if format == "chosen-rejected":
        pairs = [read_pair(name, values) for name, values in kept]
        return [half for pair in pairs for half in _halves(pair)]
    found = [read_verdict(name, values) for name, values in kept]
    if len({one.good for one in found}) == 1:
        only = "good" if found[0].good else "bad"
        raise DataError(
            f"{builtin or path}: all {len(found)} answers are {only}, so nothing can be compared",
            "give answers of both kinds, or raise `limit`",
        )
    return found


def _values(
    builtin: str | None, path: str | None, split: str | None, format: str
) -> tuple[list[tuple[str, dict[str, Any]]], str]:
    rows = list(read_values(builtin, path, split))
    return rows, detect(rows, "text", "label", JUDGED) if format == "auto" else format


def _halves(pair: Pair) -> tuple[Verdict, Verdict]:
    good = Verdict(f"{pair.id} chosen", pair.chosen, True)
    return good, Verdict(f"{pair.id} rejected", pair.rejected, False)


def read_pair(identity: str, row: Values) -> Pair:
    """Return a row of format `chosen-rejected`.

    Raises:
        DataError: the row is none, or its answers are missing or the same; it names the row.
    """
    return _placed(identity, lambda: _pair(identity, row))


def read_verdict(identity: str, row: Values) -> Verdict:
    """Return a row of format `verdict`.

    Raises:
        DataError: the row is none, or does not end with an answer; it names the row.
    """
    return _placed(identity, lambda: _verdict(identity, row))


def _placed(identity: str, read: Callable[[], _T]) -> _T:
    try:
        return read()
    except DataError as error:
        raise DataError(f"{identity}: {error.message}", error.cure) from error


def _pair(identity: str, row: Values) -> Pair:
    chosen, rejected = (_said(row.get(name), name) for name in ("chosen", "rejected"))
    whole = [bool(said) and said[0]["role"] != "assistant" for said in (chosen, rejected)]
    if all(whole):
        prompt, chosen, rejected = _split(row, chosen, rejected)
    else:
        prompt = _prompt(row)
    for name, said in (("chosen", chosen), ("rejected", rejected)):
        _require_answer(said, name)
    if chosen == rejected:
        raise DataError(
            "the chosen answer and the rejected one are the same", "take the row out, or mend it"
        )
    tools = read_tools(row.get("tools"))
    return Pair(
        identity,
        _conversation(identity, prompt, chosen, tools),
        _conversation(identity, prompt, rejected, tools),
        row.get("margin"),
    )


def _verdict(identity: str, row: Values) -> Verdict:
    good = row.get("label", row.get("kto_tag"))
    if not isinstance(good, bool):
        raise DataError("`label` is not true or false")
    if row.get("completion") is not None:
        prompt, answer = _prompt(row), _said(row["completion"], "completion")
    else:
        prompt = _prompt(row)
        last = max(
            (place + 1 for place, one in enumerate(prompt) if one["role"] == "user"), default=0
        )
        prompt, answer = prompt[:last], prompt[last:]
    _require_answer(answer, "judged")
    tools = read_tools(row.get("tools"))
    return Verdict(identity, _conversation(identity, prompt, answer, tools), good)


def _conversation(
    identity: str, prompt: Messages, answer: Messages, tools: tuple[dict[str, Any], ...] | None
) -> Conversation:
    if "user" not in [message["role"] for message in prompt]:
        raise DataError("nobody asks anything before the answer", "give a `prompt`")
    asked = [place for place, one in enumerate(prompt) if one["role"] == "assistant"]
    return Conversation(identity, (*prompt, *answer), tools, frozenset(asked))


def _require_answer(said: Messages, name: str) -> None:
    """Refuse an answer that is not one: somebody else's turn, or no words and no call."""
    if not said or said[0]["role"] != "assistant" or said[-1]["role"] != "assistant":
        raise DataError(f"the {name} answer is not the assistant's", "end it with its answer")
    if not any(one["content"].strip() or one.get("tool_calls") for one in said):
        raise DataError(f"the {name} answer is empty", "take the row out, or mend it")


def _said(value: Any, name: str) -> Messages:
    """Return an answer, which is a text, one message or a list of them, in any known form."""
    if isinstance(value, str):
        return [{"role": "assistant", "content": value}]
    if value is None:
        raise DataError(f"has no `{name}` answer")
    return _turns(value if isinstance(value, list) else [value], name)


def _turns(said: Sequence[Any], name: str) -> Messages:
    """Return messages of OpenAI's form (`role`) or ShareGPT's (`from`)."""
    first = said[0] if said and isinstance(said[0], Mapping) else {}
    format, key = ("sharegpt", "conversations") if "from" in first else ("messages", "messages")
    try:
        return read_messages({key: list(said)}, format)
    except DataError as error:
        raise DataError(f"`{name}`: {error.message}", error.cure) from error


def _prompt(row: Values) -> Messages:
    """Return what stands before the answer: a prompt, a conversation, an instruction."""
    if row.get("instruction") is not None:  # of Alpaca's form, with its input and history
        return read_messages({**row, "output": ""}, "alpaca")[:-1]
    names = ("prompt", "messages", "conversations", "question")
    name = next((one for one in names if row.get(one) is not None), None)
    if name is None:
        have = ", ".join(str(key) for key in row)
        raise DataError(
            f"has no prompt; it has: {have}", "name it `prompt`, a text or a list of messages"
        )
    value = row[name]
    if isinstance(value, str):
        said: Messages = [{"role": "user", "content": value}]
    else:
        said = _turns(value if isinstance(value, list) else [value], name)
    system = row.get("system")
    if isinstance(system, str) and system and said[0]["role"] != "system":
        said = [{"role": "system", "content": system}, *said]
    return said


def _split(row: Values, chosen: Messages, rejected: Messages) -> tuple[Messages, ...]:
    """Return the prompt that two whole conversations share, and what follows it in each."""
    same = 0
    for one, other in zip(chosen, rejected, strict=False):
        if one != other:
            break
        same += 1
    same = min(same, len(chosen) - 1, len(rejected) - 1)  # an answer is left, if it is the same
    prompt, given = chosen[:same], row.get("prompt")
    asked = [message["content"] for message in prompt if message["role"] == "user"]
    if isinstance(given, str) and given not in asked:
        raise DataError(
            "`prompt` is not what is asked in the conversations of `chosen` and `rejected`",
            "take one of them out",
        )
    return prompt, chosen[same:], rejected[same:]

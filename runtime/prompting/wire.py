"""A cell as the body of a request in OpenAI's format, and a reply as an answer.

What the spec does not say is not sent, so that the model's own default holds. Fields beyond
OpenAI's (`top_k`, `min_p`, `repetition_penalty`) have the names that vLLM and others use.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from .failures import Failure, refused
from .redact import redact
from .transport import Reply
from .types import JSON, Answer, Cell, Generation

__all__ = ["encode", "path_of", "read_answer", "read_body", "request_body"]

MOST_TOKENS = 1 << 40  # that a count is believed to be
_SAID = tuple(field.name for field in fields(Generation))


def path_of(cell: Cell) -> str:
    """Return where a cell is sent, beneath the endpoint's address."""
    return "chat/completions" if cell.text is None else "completions"


def request_body(cell: Cell, model: str, limit_name: str) -> dict[str, JSON]:
    """Return the request for one cell.

    Args:
        cell: what to ask.
        model: the model's name at the endpoint.
        limit_name: the field for the longest answer, `max_tokens` or `max_completion_tokens`.
    """
    body: dict[str, JSON] = {"model": model}
    if cell.text is None:
        body["messages"] = [dict(message) for message in cell.messages]
    else:
        body["prompt"] = cell.text
    for name in _SAID:
        value = getattr(cell.generation, name)
        if value is None or value == ():
            continue
        chosen = limit_name if name == "max_tokens" and cell.text is None else name
        body[chosen] = list(value) if isinstance(value, tuple) else value
    if cell.schema is not None:
        body["response_format"] = _response_format(dict(cell.schema))
    return body


def encode(body: dict[str, JSON]) -> bytes:
    """Return a request as the bytes to send."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def _response_format(schema: dict[str, JSON]) -> dict[str, JSON]:
    named: dict[str, JSON] = {"name": "answer", "schema": schema}
    if _closed(schema):
        named["strict"] = True  # OpenAI refuses it for any other schema
    return {"type": "json_schema", "json_schema": named}


def _closed(schema: JSON) -> bool:
    """Whether every object in a schema has fixed members and requires all of them."""
    if isinstance(schema, list):
        return all(_closed(inner) for inner in schema)
    if not isinstance(schema, dict):
        return True
    members = schema.get("properties")
    if schema.get("type") == "object" or isinstance(members, dict):
        required = schema.get("required", [])
        names = set(members) if isinstance(members, dict) else set()
        if schema.get("additionalProperties") is not False or not isinstance(required, list):
            return False
        if names != set(required):
            return False
    return all(_closed(inner) for inner in schema.values())


def read_answer(cell: Cell, reply: Reply, seconds: float) -> Answer:
    """Return the answer in a reply.

    Raises:
        Failure: the reply is an error, is no JSON, or holds no whole answer.
    """
    if reply.status != 200:
        raise refused(reply)
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        # A stream nobody asked for was generated all the same.
        paid = int(kind == "text/event-stream")
        raise Failure("content-type", f"the server sent {kind or 'no type'}, not JSON", paid=paid)
    try:
        body = json.loads(reply.body)
    except (ValueError, RecursionError) as error:
        raise Failure("cut", f"the body is no whole JSON: {error}", paid=1) from error
    return read_body(cell, body, seconds)


def _before(stop: Sequence[str], text: str) -> str:
    """Return a text up to where it was to stop; some servers leave what they stopped at in it."""
    places = [at for each in stop if (at := text.find(each)) >= 0]
    return text[: min(places)] if places else text


def read_body(cell: Cell, body: Any, seconds: float | None) -> Answer:
    """Return the answer in a completion object; batch files hold the same object.

    An answer that shows that the service ignored what the cell asks for carries an error of kind
    `ignored`: it was paid, and it is the answer to another question.

    Raises:
        Failure: there is no choice in it, or the choice does not say why it ended.
    """
    choice = _first_choice(body)
    message = choice.get("message")
    text = message.get("content") if isinstance(message, dict) else choice.get("text")
    refusal = message.get("refusal") if isinstance(message, dict) else None
    finish = choice.get("finish_reason")
    if not isinstance(finish, str):
        raise Failure("cut", "the answer does not say why it ended (finish_reason)", paid=1)
    usage = body.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    if isinstance(refusal, str) and refusal:
        error: str | None = f"refusal: {_writable(refusal)}"
    elif not isinstance(text, str):
        error = f"no-text: the answer holds no text (finish_reason {_writable(finish)})"
    else:
        text, error = _before(cell.generation.stop, text), _ignored(cell.generation, usage)
    return Answer(
        cell=cell.id,
        text=_writable(text) if isinstance(text, str) else None,
        finish=_writable(finish),
        input_tokens=_count(usage, "prompt_tokens"),
        output_tokens=_count(usage, "completion_tokens"),
        cached_tokens=_count(usage.get("prompt_tokens_details"), "cached_tokens"),
        reasoning_tokens=_count(usage.get("completion_tokens_details"), "reasoning_tokens"),
        seconds=seconds,
        error=error,
        usd=None,
        served_model=_text(body, "model"),
        fingerprint=_text(body, "system_fingerprint"),
    )


def _ignored(generation: Generation, usage: dict[str, Any]) -> str | None:
    """Say that an answer shows `max_tokens` to have been ignored, if it does.

    Thoughts are not counted against the limit: services differ in whether it holds for them.
    """
    written = _count(usage, "completion_tokens")
    thought = _count(usage.get("completion_tokens_details"), "reasoning_tokens") or 0
    limit = generation.max_tokens
    if limit is None or written is None or written - thought <= limit:
        return None
    return f"ignored: max_tokens {limit}, and the answer has {written - thought} tokens"


def _first_choice(body: Any) -> dict[str, Any]:
    choices = body.get("choices") if isinstance(body, dict) else None
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        return choices[0]
    if isinstance(body, dict) and body.get("error"):
        # Some routers send the errors of those behind them with status 200.
        raise Failure("server", f"200 with an error in it: {json.dumps(body['error'])[:600]}")
    raise Failure("cut", "the answer holds no choice", paid=1)


def _count(usage: Any, name: str) -> int | None:
    value = usage.get(name) if isinstance(usage, dict) else None
    good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST_TOKENS
    return value if good else None


def _writable(text: str) -> str:
    """Put U+FFFD for halves of surrogate pairs, which JSON can say and no file can hold.

    A key that the server repeats goes now, so that an answer is scored alike when it has just come
    and when it is read from the ledger.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return redact(text)


def _text(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name)
    return _writable(value) if isinstance(value, str) and value else None

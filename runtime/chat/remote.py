"""An OpenAI-compatible endpoint, streamed by server-sent events."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Iterator
from typing import Any, final

from ..errors import ModelError
from ..prompting.endpoint import Endpoint
from ..prompting.failures import Failure, refused
from ..prompting.redact import redact
from ..prompting.transport import Dropped, Line, NotSent, Reply
from ..prompting.types import JSON, Cell, Generation
from ..prompting.wire import encode, path_of, read_answer, request_body
from .sse import events, open_stream
from .streaming import End, Stop, Words

__all__ = ["EndpointStreamer"]

MOST_ALTERNATIVES = {"chat": 20, "text": 5}  # tokens that OpenAI tells of at most

_CURES = {
    "unauthorized": "check the key in the environment variable and the host that it is bound to",
    "quota": "fill up the account",
    "not-found": "check base_url and the model's name",
    "redirect": "give the address that it redirects to, if you trust it, as base_url",
    "unreachable": "check base_url and whether the service runs",
    "timeout": "raise the endpoint's timeout, or ask for a shorter answer",
    "cut": "ask again; what came of the answer is not kept",
    "dropped": "ask again; what came of the answer is not kept",
}


@final
class EndpointStreamer:
    """Streams the answers of an endpoint. Nothing is sent twice: a failure is told of.

    Args:
        endpoint: whose door, key and model are used.
        plain: whether texts are sent to be continued, and no messages.
    """

    positions: int | None = None

    def __init__(self, endpoint: Endpoint, *, plain: bool = False) -> None:
        self.endpoint, self.name, self.where = endpoint, endpoint.name, endpoint.base_url
        self._plain = plain

    @property
    def plain(self) -> bool:
        return self._plain

    def load(self) -> None:
        """Look whether the key is there.

        Raises:
            ModelError: it is not.
        """
        self.endpoint.door()

    def in_force(self, said: Generation) -> Generation:
        return said

    def stream(self, cell: Cell, stop: Stop) -> Iterator[str | End]:
        body = request_body(cell, self.endpoint.model, self.endpoint.limit_name)
        began, answer = time.monotonic(), _Streamed()
        try:
            with (
                _as_failure(began),
                open_stream(
                    self.endpoint.door(), path_of(cell), encode({**body, "stream": True}), stop
                ) as (reply, blocks),
            ):
                if reply is not None:
                    yield from _whole(cell, reply, time.monotonic() - began)
                    return
                for data in events(blocks):
                    if piece := answer.take(data):
                        yield piece
                    if answer.done:
                        break
            yield answer.end(time.monotonic() - began)
        except Failure as failure:
            if stop:  # it was we who hung up
                yield answer.stopped(time.monotonic() - began)
                return
            if answer.finish is not None and failure.kind in ("dropped", "timeout"):
                yield answer.end(time.monotonic() - began)  # cut after the last word
                return
            raise _told(failure) from failure

    def count(self, cell: Cell) -> int | None:
        return None

    def next_words(self, cell: Cell, top: int) -> Words:
        """Ask for one token and the log-probabilities at its place; this is a call to pay for."""
        most = min(top, MOST_ALTERNATIVES["chat" if cell.text is None else "text"])
        body: dict[str, JSON] = {"model": self.endpoint.model}
        if cell.text is None:
            body |= {"messages": [dict(message) for message in cell.messages]}
            body |= {"logprobs": True, "top_logprobs": most, self.endpoint.limit_name: 1}
        else:
            body |= {"prompt": cell.text, "logprobs": most, "max_tokens": 1}
        try:
            return _words(self._post(path_of(cell), body))
        except Failure as failure:
            raise _told(failure) from failure

    def _post(self, path: str, body: dict[str, JSON]) -> Any:
        line = Line(self.endpoint.door())
        try:
            with _as_failure(time.monotonic()):
                reply = line.post(path, encode(body))
        finally:
            line.close()
        if reply.status != 200:
            raise refused(reply)
        try:
            return json.loads(reply.body)
        except ValueError as error:
            raise Failure("cut", f"the body is no whole JSON: {error}", paid=1) from error


class _Streamed:
    """One answer as it comes."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._half = ""  # of a character that two events share
        self._refusal = ""
        self._usage: dict[str, Any] = {}
        self.finish: str | None = None
        self.done = False

    def take(self, data: str) -> str:
        """Return the text in one event.

        Raises:
            Failure: it is no JSON, or tells of an error.
        """
        if data.strip() == "[DONE]":
            self.done = True
            return ""
        try:
            body = json.loads(data)
        except ValueError as error:
            raise Failure("cut", f"an event is no JSON: {error}", paid=1) from error
        if not isinstance(body, dict):
            raise Failure("cut", "an event is no JSON object", paid=1)
        if body.get("error"):
            raise Failure("server", f"an error in the stream: {json.dumps(body['error'])[:600]}")
        if isinstance(body.get("usage"), dict):
            self._usage = body["usage"]
        choices = body.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            return ""  # the event that holds the usage has none
        return self._choice(choices[0])

    def _choice(self, choice: dict[str, Any]) -> str:
        delta = choice.get("delta")
        said = delta.get("content") if isinstance(delta, dict) else choice.get("text")
        refusal = delta.get("refusal") if isinstance(delta, dict) else None
        if isinstance(refusal, str):
            self._refusal += refusal
        if isinstance(choice.get("finish_reason"), str):
            self.finish = choice["finish_reason"]
        text = self._half + (said if isinstance(said, str) else "")
        self._half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        piece = redact(_writable(text.removesuffix(self._half)))
        self._pieces.append(piece)
        return piece

    @property
    def text(self) -> str:
        return redact("".join(self._pieces))

    def end(self, seconds: float) -> End:
        """Return how it ended.

        Raises:
            Failure: it did not.
        """
        if self.finish is None:
            raise Failure("cut", "the stream ended without saying why (finish_reason)", paid=1)
        if self._refusal:
            raise Failure("refusal", self._refusal)
        return End(self.text, self.finish, *self._counts(), seconds)

    def stopped(self, seconds: float) -> End:
        return End(self.text, "stopped", *self._counts(), seconds)

    def _counts(self) -> tuple[int | None, int | None]:
        found = (self._usage.get(name) for name in ("prompt_tokens", "completion_tokens"))
        have, wrote = (value if isinstance(value, int) else None for value in found)
        return have, wrote


def _whole(cell: Cell, reply: Reply, seconds: float) -> Iterator[str | End]:
    """Give an answer in one piece, as servers that do not stream send it.

    Raises:
        Failure: there is none.
    """
    answer = read_answer(cell, reply, seconds)
    if answer.error is not None or answer.text is None or answer.finish is None:
        kind, _, words = (answer.error or "no-text: the answer holds no text").partition(": ")
        raise Failure(kind, words)
    text = redact(answer.text)
    yield text
    yield End(text, answer.finish, answer.input_tokens, answer.output_tokens, seconds)


@contextlib.contextmanager
def _as_failure(began: float) -> Iterator[None]:
    try:
        yield
    except NotSent as error:
        raise Failure("unreachable", str(error)) from error
    except Dropped as error:
        raise Failure("dropped", str(error), paid=1) from error
    except TimeoutError as error:
        seconds = time.monotonic() - began
        raise Failure("timeout", f"no whole answer in {seconds:.1f} s", paid=1) from error


def _told(failure: Failure) -> ModelError:
    again = "ask again"
    if failure.wait is not None:
        again += f" in {math.ceil(failure.wait):,} s, as the server wishes"
    return ModelError(str(failure), _CURES.get(failure.kind, again if failure.retry else None))


def _words(body: Any) -> Words:
    """Return the alternatives at the first place of an answer, in either of OpenAI's formats.

    Raises:
        ModelError: there are none; many services leave them out without a word.
    """
    try:
        found = body["choices"][0]["logprobs"]
        if found.get("content"):
            rows = [(one["token"], one["logprob"]) for one in found["content"][0]["top_logprobs"]]
        else:
            rows = list(found["top_logprobs"][0].items())
        shares = [(str(token), min(1.0, math.exp(float(log)))) for token, log in rows]
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(
            "the endpoint told no probabilities of tokens (logprobs)",
            "ask a local model, or an endpoint that has them",
        ) from error
    ordered = sorted(shares, key=lambda row: -row[1])
    return Words(tuple((_writable(token), share) for token, share in ordered), None)


def _writable(text: str) -> str:
    """Join halves of characters, and put U+FFFD for those that have no other."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

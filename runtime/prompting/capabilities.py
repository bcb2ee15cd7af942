"""What an endpoint does with each parameter, found out by asking it.

A server may support a parameter, reject it, or take it and do nothing, which is the worst: the
experiment is then another than the one that was written down. A few dozen tiny requests tell these
apart where the effect can be seen, and say `unknown` where it cannot.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal, final

from ..errors import ModelError
from .endpoint import Endpoint
from .failures import Failure, refused
from .redact import redact
from .transport import Dropped, Line, NotSent
from .types import JSON
from .wire import encode

__all__ = ["Capabilities", "Finding", "probe"]

VERSION = 1  # of the record
Verdict = Literal["supported", "ignored", "rejected", "unknown"]

STORY = "Write one sentence about an animal and a place, both as unusual as you can."
COUNT = "Repeat exactly, with nothing else: one two three four five"
FAR = 100.0  # a penalty beyond what any service allows
REPEAT = "Write the word yes thirty times, separated by spaces."
SEVEN: dict[str, JSON] = {
    "type": "object",
    "properties": {"seven": {"type": "integer", "enum": [7]}},
    "required": ["seven"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one parameter, and what shows it."""

    verdict: Verdict
    evidence: str


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The findings for an endpoint, by parameter as the spec names them."""

    base_url: str
    model: str
    served_model: str | None
    calls: int
    findings: dict[str, Finding]

    def record(self) -> dict[str, JSON]:
        """Return the findings as they stand in records, with the date of today (UTC)."""
        found: dict[str, JSON] = {
            name: {"verdict": finding.verdict, "evidence": redact(finding.evidence)}
            for name, finding in self.findings.items()
        }
        return {
            "probe": VERSION,
            "date": datetime.now(timezone.utc).date().isoformat(),
            "base_url": self.base_url,
            "model": self.model,
            "served_model": self.served_model,
            "findings": found,
        }


class _Rejected(Exception):
    """The server refused the request for what is in it."""


def probe(endpoint: Endpoint) -> Capabilities:
    """Ask an endpoint what it does with each parameter; about 45 calls of few tokens.

    Raises:
        ModelError: it does not answer even the simplest request.
    """
    asker = _Asker(endpoint)
    try:
        served = asker.first()
        findings = {name: _judged(test, asker) for name, test in _TESTS.items()}
    finally:
        asker.line.close()
    return Capabilities(endpoint.base_url, endpoint.model, served, asker.calls, findings)


@final
class _Asker:
    """Sends one request after the other."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.line = Line(endpoint.door())
        self.calls = 0
        self._model, self._limit_name = endpoint.model, endpoint.limit_name

    def first(self) -> str | None:
        """Ask the simplest thing and return the name that the model goes by."""
        try:
            body = self.say("Say yes.")
        except (_Rejected, Failure) as error:
            cure = "check base_url, the model's name and the key"
            raise ModelError(f"the endpoint does not answer: {error}", cure) from error
        model = body.get("model")
        return model if isinstance(model, str) else None

    def say(self, prompt: str, limit: int = 24, **more: JSON) -> dict[str, Any]:
        """Return the completion of one request.

        Raises:
            _Rejected: the server refuses what is in it.
            Failure: anything else is wrong.
        """
        body: dict[str, JSON] = {
            "model": self._model,
            "messages": [{"role": "user", "content": prompt}],
            self._limit_name: limit,
            **more,
        }
        for wait in (1.0, 4.0, 0.0):
            try:
                return self._send(body)
            except Failure as failure:
                if not failure.retry or not wait:
                    raise
                time.sleep(min(60.0, wait if failure.wait is None else failure.wait))
        raise AssertionError("not reached")

    def _send(self, body: dict[str, JSON]) -> dict[str, Any]:
        self.calls += 1
        try:
            reply = self.line.post("chat/completions", encode(body))
        except (NotSent, Dropped, TimeoutError) as error:
            raise Failure("unreachable", str(error)) from error
        if reply.status in (400, 422):
            raise _Rejected(str(refused(reply)))
        if reply.status != 200:
            raise refused(reply)
        try:
            found = json.loads(reply.body)
        except ValueError as error:
            raise Failure("content-type", "the answer is no JSON") from error
        if not isinstance(found, dict) or not isinstance(found.get("choices"), list):
            raise Failure("content-type", "the answer holds no choices")
        return found

    def text(self, prompt: str, limit: int = 24, **more: JSON) -> str:
        """Return the text of the first choice."""
        return self.ask(prompt, limit, more)

    def ask(self, prompt: str, limit: int, more: dict[str, JSON]) -> str:
        """Return the text of the first choice; `more` are parameters by name."""
        body = self.say(prompt, limit, **more)
        choices = body["choices"]
        message = choices[0].get("message") if choices and isinstance(choices[0], dict) else None
        return str(message.get("content") or "") if isinstance(message, dict) else ""


def _judged(test: Callable[[_Asker], Finding], asker: _Asker) -> Finding:
    try:
        return test(asker)
    except _Rejected as error:
        return Finding("rejected", redact(str(error)))
    except Failure as failure:
        return Finding("unknown", str(failure))


def _temperature(asker: _Asker) -> Finding:
    cold = {asker.text(STORY, temperature=0.0) for _ in range(2)}
    hot = {asker.text(STORY, temperature=1.8) for _ in range(3)}
    if len(hot) > 1:
        rest = "twice the same at 0" if len(cold) == 1 else "though not the same twice at 0"
        return Finding("supported", f"{len(hot)} different answers of 3 at 1.8, {rest}")
    return Finding("ignored", "three times the same answer at temperature 1.8")


def _seed(asker: _Asker) -> Finding:
    same = {asker.text(STORY, temperature=1.8, seed=7) for _ in range(3)}
    free = {asker.text(STORY, temperature=1.8, seed=seed) for seed in (8, 9)}
    if len(same) > 1:
        return Finding("ignored", f"{len(same)} different answers of 3 with one seed")
    if same | free == same:
        return Finding("unknown", "the same answer whatever the seed: nothing is drawn")
    return Finding("supported", "three times the same with one seed, others with others")


def _logprobs(asker: _Asker) -> Finding:
    choice = asker.say("Say yes.", logprobs=True, top_logprobs=2)["choices"][0]
    if choice.get("logprobs"):
        return Finding("supported", "the answer holds log-probabilities")
    return Finding("ignored", "the answer holds no log-probabilities")


def _n(asker: _Asker) -> Finding:
    count = len(asker.say("Say yes.", n=2)["choices"])
    return Finding("supported" if count == 2 else "ignored", f"{count} choices for n: 2")


def _response_format(asker: _Asker) -> Finding:
    named: dict[str, JSON] = {"name": "answer", "schema": SEVEN, "strict": True}
    form: JSON = {"type": "json_schema", "json_schema": named}
    text = asker.text("Write one sentence about rain.", 40, response_format=form)
    kept = _begins_seven("".join(text.split()))
    return Finding("supported" if kept else "ignored", f"asked for a schema, it wrote {text!r}")


def _begins_seven(compact: str) -> bool:
    """Whether a text without white space is what `SEVEN` allows, or the beginning of it.

    JSON may hold any amount of white space, and a small model that may write little else is cut at
    its limit of tokens; no model begins a sentence about rain with this key.
    """
    return compact.startswith('{"seven"') and '{"seven":7}'.startswith(compact)


def _stop(asker: _Asker) -> Finding:
    if "three" not in asker.text(COUNT, temperature=0.0):
        return Finding("unknown", "the model does not write the text to be stopped at")
    text = asker.text(COUNT, temperature=0.0, stop=["three"])
    # Some leave what they stopped at in the answer; it is taken away when answers are read.
    after = text.partition("three")[2].strip()
    return Finding("ignored" if after else "supported", f"told to stop at three: {text!r}")


def _max_tokens(asker: _Asker) -> Finding:
    body = asker.say(REPEAT, 3)
    usage = body.get("usage")
    count = usage.get("completion_tokens") if isinstance(usage, dict) else None
    finish = body["choices"][0].get("finish_reason")
    if isinstance(count, int):
        return Finding("supported" if count <= 3 else "ignored", f"{count} tokens for at most 3")
    return Finding("supported" if finish == "length" else "unknown", f"it ended with {finish!r}")


def _narrow(name: str, value: JSON) -> Callable[[_Asker], Finding]:
    """Test what leaves only the likeliest token to be drawn, at this value."""

    def test(asker: _Asker) -> Finding:
        said: dict[str, JSON] = {"temperature": 1.8, name: value}
        narrow = {asker.ask(STORY, 24, said) for _ in range(3)}
        if len(narrow) > 1:
            return Finding("ignored", f"{len(narrow)} different answers of 3 with {name} {value}")
        free = {asker.text(STORY, temperature=1.8) for _ in range(2)}
        if free <= narrow:
            return Finding("unknown", "the same answer without it: nothing is drawn")
        return Finding("supported", f"three times the same with {name} {value}, not without")

    return test


def _penalty(name: str, value: float) -> Callable[[_Asker], Finding]:
    """Test a penalty on a text that repeats itself, which it has to break up.

    A value that is allowed may be too weak to show. One far outside that is taken as well, and
    still changes nothing, is not looked at.
    """

    def changed(asker: _Asker, free: str, value: float) -> bool:
        said: dict[str, JSON] = {"temperature": 0.0, name: value}
        bound = asker.ask(REPEAT, 40, said)
        return bound != free and asker.ask(REPEAT, 40, said) == bound  # not by chance

    def test(asker: _Asker) -> Finding:
        free = asker.text(REPEAT, 40, temperature=0.0)
        words = free.split()
        if asker.text(REPEAT, 40, temperature=0.0) != free:
            return Finding("unknown", "not the same answer twice at temperature 0")
        if changed(asker, free, value):
            return Finding("supported", f"{name} {value:g} changes the greedy answer")
        if len(words) - len(set(words)) < 5:
            return Finding("unknown", "the model does not repeat itself when it is told to")
        try:
            far = changed(asker, free, FAR)
        except _Rejected:
            said = f"{name} {value:g} changes nothing to be seen, {FAR:g} is refused"
            return Finding("unknown", said)
        if far:
            return Finding("supported", f"{name} {FAR:g} changes the greedy answer")
        return Finding("ignored", f"{name} {FAR:g} changes nothing in a text that repeats itself")

    return test


def _reasoning_effort(asker: _Asker) -> Finding:
    """Compare the thoughts at two efforts; a word that is no effort shows whether it is read."""
    low, high = (_thoughts(asker, effort) for effort in ("low", "high"))
    if low is not None and high is not None and low < high:
        return Finding("supported", f"{low} tokens of thought at low, {high} at high")
    try:
        asker.say("Say yes.", reasoning_effort="not-an-effort")
    except _Rejected:
        return Finding("unknown", "it is read, but low and high differ in nothing to be seen")
    return Finding("ignored", "an effort that there is none of is taken like any other")


def _thoughts(asker: _Asker, effort: str) -> int | None:
    usage = asker.say("What is 17 times 23?", 400, reasoning_effort=effort).get("usage")
    details = usage.get("completion_tokens_details") if isinstance(usage, dict) else None
    count = details.get("reasoning_tokens") if isinstance(details, dict) else None
    return count if isinstance(count, int) else None


_TESTS: dict[str, Callable[[_Asker], Finding]] = {
    "temperature": _temperature,
    "seed": _seed,
    "logprobs": _logprobs,
    "n": _n,
    "json_schema": _response_format,
    "stop": _stop,
    "max_tokens": _max_tokens,
    "top_k": _narrow("top_k", 1),
    "top_p": _narrow("top_p", 1e-6),
    "min_p": _narrow("min_p", 1.0),
    "presence_penalty": _penalty("presence_penalty", 2.0),
    "frequency_penalty": _penalty("frequency_penalty", 2.0),
    "repetition_penalty": _penalty("repetition_penalty", 2.0),
    "reasoning_effort": _reasoning_effort,
}

"""A tiny language model behind HTTP that does what each parameter says, or ignores those named.

Its next token depends on the prompt and on what stands so far, so everything that a probe looks at
can be seen: it draws, it repeats itself, it stops, it thinks for longer at a higher effort.
"""

from __future__ import annotations

import json
import math
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WORDS = ["one", "two", "three", "four", "five", "yes", "a", "fox", "an", "owl", "near", "lake"]
EFFORTS = {"low": 3, "medium": 9, "high": 27}  # tokens of thought
RANGES = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "min_p": (0, 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
}


class Refused(Exception):
    """What is asked is out of range, or is a parameter that this server does not know."""


class Model(ThreadingHTTPServer):
    """Serves the model; `ignores` are parameters it takes no notice of, `rejects` are refused."""

    daemon_threads = True

    def __init__(self, ignores: frozenset[str], rejects: frozenset[str], strict: bool) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.ignores, self.rejects, self.strict = ignores, rejects, strict
        self.draw = random.Random(1)
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        if found := self.rejects & body.keys():
            raise Refused(f"unknown parameter {min(found)}")
        said = {name: value for name, value in body.items() if name not in self.ignores}
        self._check(said)
        prompt = said["messages"][-1]["content"]
        count = said.get("n", 1)
        with self.lock:
            written = [self._write(prompt, said) for _ in range(count)]
        thought = EFFORTS.get(said.get("reasoning_effort", ""), 0)
        choices = [self._choice(index, tokens, said) for index, tokens in enumerate(written)]
        used = sum(len(tokens) for tokens in written)
        usage = {"prompt_tokens": len(prompt.split()), "completion_tokens": used + thought,
                 "completion_tokens_details": {"reasoning_tokens": thought}}  # fmt: skip
        return {"model": "toy-1", "choices": choices, "usage": usage}

    def _check(self, said: dict[str, Any]) -> None:
        for name, (low, high) in RANGES.items() if self.strict else ():
            if not low <= said.get(name, low) <= high:
                raise Refused(f"{name} must be from {low} to {high}")
        effort = said.get("reasoning_effort")
        if effort is not None and effort not in EFFORTS:
            raise Refused(f"no effort {effort}")

    def _write(self, prompt: str, said: dict[str, Any]) -> list[str]:
        if "response_format" in said:
            return ['{"seven": 7}']
        draw = random.Random(said["seed"]) if "seed" in said else self.draw
        limit = said.get("max_tokens", 60)
        tokens: list[str] = []
        while len(tokens) < limit:
            token = self._next(prompt, tokens, said, draw)
            if token == "":
                break
            tokens.append(token)
            if any(stop in " ".join(tokens) for stop in said.get("stop", ())):
                return tokens[:-1]
        return tokens

    def _next(
        self, prompt: str, tokens: list[str], said: dict[str, Any], draw: random.Random
    ) -> str:
        scores = _scores(prompt, tokens)
        for token in set(tokens):
            count = tokens.count(token)
            scores[token] -= said.get("presence_penalty", 0.0)
            scores[token] -= said.get("frequency_penalty", 0.0) * count
            factor = said.get("repetition_penalty", 1.0)
            scores[token] *= 1 / factor if scores[token] > 0 else factor
        temperature = said.get("temperature", 1.0)
        if temperature == 0:
            return max(scores, key=lambda token: (scores[token], token))
        top = max(scores.values())
        weights = {t: math.exp((s - top) / temperature) for t, s in scores.items()}
        return _drawn(weights, said, draw)

    def _choice(self, index: int, tokens: list[str], said: dict[str, Any]) -> dict[str, Any]:
        cut = len(tokens) >= said.get("max_tokens", 60)
        choice: dict[str, Any] = {
            "index": index,
            "message": {"role": "assistant", "content": " ".join(tokens)},
            "finish_reason": "length" if cut else "stop",
        }
        if said.get("logprobs"):
            choice["logprobs"] = {"content": [{"token": t, "logprob": -1.0} for t in tokens]}
        return choice


def _scores(prompt: str, tokens: list[str]) -> dict[str, float]:
    """Logits of the next token: peaked where the prompt says what to write, else nearly flat."""
    words = [*WORDS, ""]
    scores = {word: 0.07 * ((5 * n + len(tokens)) % len(words)) for n, word in enumerate(words)}
    if "thirty times" in prompt:
        scores["yes"] = 9.0
    elif "with nothing else:" in prompt:
        wanted = prompt.split(": ")[1].split()
        scores[wanted[len(tokens)] if len(tokens) < len(wanted) else ""] = 9.0
    elif "Say yes" in prompt:
        scores["" if tokens else "yes"] = 9.0
    return scores


def _drawn(weights: dict[str, float], said: dict[str, Any], draw: random.Random) -> str:
    ranked = sorted(weights, key=lambda token: (-weights[token], token))
    total, mass, kept = sum(weights.values()), 0.0, []
    for rank, token in enumerate(ranked):
        small = weights[token] < said.get("min_p", 0.0) * weights[ranked[0]]
        if rank >= said.get("top_k", len(ranked)) or small:
            break
        kept.append(token)
        mass += weights[token] / total
        if mass >= said.get("top_p", 1.0):
            break
    return draw.choices(kept, [weights[token] for token in kept])[0]


class Handler(BaseHTTPRequestHandler):
    server: Model
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        try:
            status, found = 200, self.server.complete(body)
        except Refused as error:
            status, found = 400, {"error": {"message": str(error), "code": "invalid_value"}}
        data = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def serve_model(
    ignores: frozenset[str] = frozenset(),
    rejects: frozenset[str] = frozenset(),
    strict: bool = False,
) -> Iterator[Model]:
    server = Model(ignores, rejects, strict)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

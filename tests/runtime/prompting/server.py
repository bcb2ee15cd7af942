"""An endpoint in OpenAI's format that misbehaves on purpose, and counts what it is paid for.

It is real: a listening socket, threads, bytes on the wire. What a request gets is decided by a
`plan`: given the prompt and how many times it has been asked, it names one of the methods below.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Plan = Callable[[str, int], str]


@dataclass
class Seen:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    at: float = field(default_factory=time.monotonic)


class Endpoint(ThreadingHTTPServer):
    """Answers every prompt with its own text reversed, unless the plan says otherwise."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, plan: Plan, latency: float) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.plan, self.latency = plan, latency
        self.lock = threading.Lock()
        self.seen: list[Seen] = []
        self.asked: Counter[str] = Counter()
        self.paid: Counter[str] = Counter()  # prompt -> answers that were generated
        self.flying = self.most_flying = 0
        self.on_request: Callable[[int], None] = lambda number: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that are killed are what this is for."""


@contextmanager
def serve(plan: Plan = lambda prompt, asked: "good", latency: float = 0.0) -> Iterator[Endpoint]:
    server = Endpoint(plan, latency)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Handler(BaseHTTPRequestHandler):
    server: Endpoint
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        prompt = body["messages"][-1]["content"] if "messages" in body else body["prompt"]
        server = self.server
        headers = {name.lower(): value for name, value in self.headers.items()}
        with server.lock:
            server.seen.append(Seen(self.path, headers, body))
            number = len(server.seen)
            server.asked[prompt] += 1
            asked = server.asked[prompt]
            server.flying += 1
            server.most_flying = max(server.most_flying, server.flying)
        self.landed = False
        try:
            server.on_request(number)
            action, _, detail = server.plan(prompt, asked).partition(":")
            getattr(self, action)(prompt, body, detail)
        finally:
            self._land()

    # What a request may get. Those that generate an answer are paid.

    def good(self, prompt: str, body: dict[str, Any], detail: str) -> None:
        self._generate(prompt)
        self._send(200, completion(body, detail or prompt[::-1]))

    def long(self, prompt: str, body: dict[str, Any], detail: str) -> None:
        """Write as many tokens as `detail` says, whatever was asked for."""
        self._generate(prompt)
        answer = completion(body, prompt[::-1])
        answer["usage"]["completion_tokens"] = int(detail)
        self._send(200, answer)

    def slow(self, prompt: str, body: dict[str, Any], detail: str) -> None:
        self._generate(prompt)
        time.sleep(float(detail))
        self._send(200, completion(body, prompt[::-1]))

    def cut(self, prompt: str, body: dict[str, Any], detail: str) -> None:
        """Promise more bytes than are sent; with detail `eof`, promise no number."""
        self._generate(prompt)
        data = json.dumps(completion(body, prompt[::-1])).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        if detail == "eof":
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2])
        self.close_connection = True

    def unfinished(self, prompt: str, body: dict[str, Any], detail: str) -> None:
        self._generate(prompt)
        answer = completion(body, prompt[::-1])
        answer["choices"][0]["finish_reason"] = None
        self._send(200, answer)

    def stream(self, prompt: str, body: dict[str, Any], detail: str) -> None:
        self._generate(prompt)
        self._raw(200, b'data: {"choices": []}\n\ndata: [DONE]\n\n', "text/event-stream")

    def refusal(self, prompt: str, body: dict[str, Any], detail: str) -> None:
        self._generate(prompt)
        answer = completion(body, "")
        answer["choices"][0]["message"] |= {"content": None, "refusal": "I would rather not."}
        self._send(200, answer)

    def echo(self, prompt: str, body: dict[str, Any], detail: str) -> None:
        """A good answer in which every text repeats the caller's key, as a hostile server's may."""
        self._generate(prompt)
        key = self.headers.get("Authorization", "nothing").removeprefix("Bearer ")
        answer = completion(body, f"your key is {key}")
        self._send(200, answer | {"model": key, "system_fingerprint": f"fp {key}"})

    def choice(self, prompt: str, body: dict[str, Any], detail: str) -> None:
        """A good answer, but for the members of its choice that `detail` gives as JSON."""
        self._generate(prompt)
        answer = completion(body, prompt[::-1])
        answer["choices"][0] |= json.loads(detail)
        self._send(200, answer)

    def body(self, prompt: str, body: dict[str, Any], detail: str) -> None:
        """Status 200 and whatever JSON `detail` is."""
        self._raw(200, detail.encode(), "application/json")

    def chunked(self, prompt: str, body: dict[str, Any], detail: str) -> None:
        """The body in chunks of 7 bytes; with detail `cut`, not to its end."""
        self._generate(prompt)
        self._head("Transfer-Encoding", "chunked")
        data = json.dumps(completion(body, prompt[::-1])).encode()
        pieces = [data[at : at + 7] for at in range(0, len(data), 7)]
        if detail == "cut":
            del pieces[len(pieces) // 2 :]
        for piece in pieces:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if detail == "cut":
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

    def drip(self, prompt: str, body: dict[str, Any], detail: str) -> None:
        """A byte every 20 ms, of the `head` or of the body."""
        self._generate(prompt)
        data = json.dumps(completion(body, prompt[::-1])).encode()
        self.close_connection = True
        if detail == "head":
            data = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Long: " + b"x" * 5000
        else:
            self._head("Content-Length", str(len(data)))
        for at in range(len(data)):
            self.wfile.write(data[at : at + 1])
            time.sleep(0.02)

    def huge(self, prompt: str, body: dict[str, Any], detail: str) -> None:
        """A body of `detail` million bytes."""
        self._generate(prompt)
        self._head("Content-Length", f"{detail}000000")
        self.close_connection = True
        for _ in range(int(detail)):
            self.wfile.write(b" " * 1_000_000)

    def parting(self, prompt: str, body: dict[str, Any], detail: str) -> None:
        """A good answer on a connection that is then closed without a word."""
        self.good(prompt, body, "")
        self.close_connection = True

    def trailing(self, prompt: str, body: dict[str, Any], detail: str) -> None:
        """A good answer, and bytes after it that look like the answer to the next request."""
        self.good(prompt, body, "")
        data = json.dumps(completion(body, "not asked for")).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self.wfile.write(head % len(data) + data)

    def garbage(self, prompt: str, body: dict[str, Any], detail: str) -> None:
        """Bytes that are no HTTP."""
        self.wfile.write(b"\x16\x03\x01 this is not the protocol you are looking for\r\n\r\n")
        self.close_connection = True

    def html(self, prompt: str, body: dict[str, Any], detail: str) -> None:
        self._raw(200, b"<html>Sign in to the hotel's network</html>", "text/html")

    def hangup(self, prompt: str, body: dict[str, Any], detail: str) -> None:
        self.close_connection = True

    def limited(self, prompt: str, body: dict[str, Any], detail: str) -> None:
        """429; detail: seconds to wait, `date` and seconds, or nothing."""
        headers = {}
        if detail.startswith("date"):
            headers["Retry-After"] = formatdate(time.time() + float(detail[4:]), usegmt=True)
        elif detail:
            headers["Retry-After"] = detail
        self._send(429, {"error": {"message": "slow down", "code": "rate_limit"}}, headers)

    def quota(self, prompt: str, body: dict[str, Any], detail: str) -> None:
        error = {"message": "You exceeded your current quota", "code": "insufficient_quota"}
        self._send(429, {"error": error})

    def broken(self, prompt: str, body: dict[str, Any], detail: str) -> None:
        headers = {"Retry-After": detail} if detail else {}
        self._raw(500, b"Internal Server Error", "text/plain", headers)

    def status(self, prompt: str, body: dict[str, Any], detail: str) -> None:
        """An error that repeats the caller's key; detail: the status, perhaps ` html`."""
        said = self.headers.get("Authorization", "nothing")
        status, _, kind = detail.partition(" ")
        if kind == "html":
            page = f"<html>\n<body>Bad gateway for {said}</body></html>"
            self._raw(int(status), page.encode(), "text/html")
            return
        self._send(int(status), {"detail": f"refused, you sent {said}"})

    def redirect(self, prompt: str, body: dict[str, Any], detail: str) -> None:
        self._raw(307, b"", "text/plain", {"Location": detail})

    def _land(self) -> None:
        """Count a call as no more in flight: before its reply, upon which the next one may come."""
        with self.server.lock:
            self.server.flying -= not self.landed
            self.landed = True

    def _head(self, name: str, value: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header(name, value)
        self.end_headers()

    def _generate(self, prompt: str) -> None:
        time.sleep(self.server.latency)
        with self.server.lock:
            self.server.paid[prompt] += 1

    def _send(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        self._raw(status, json.dumps(value).encode(), "application/json", headers)

    def _raw(
        self, status: int, data: bytes, kind: str, headers: dict[str, str] | None = None
    ) -> None:
        self._land()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


def completion(body: dict[str, Any], text: str) -> dict[str, Any]:
    """The answer as OpenAI would put it: 10 tokens read, 4 of them kept, 2 written."""
    choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
    if "messages" in body:
        choice["message"] = {"role": "assistant", "content": text}
    else:
        choice["text"] = text
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 2,
        "total_tokens": 12,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 1},
    }
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "tiny-0042",
        "system_fingerprint": "fp_1",
        "choices": [choice],
        "usage": usage,
    }

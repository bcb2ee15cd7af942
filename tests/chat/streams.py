"""An endpoint that streams as it is told: a listening socket, and the bytes of each reply.

What it sends is a list of steps: bytes to write, seconds to wait, or CUT to hang up in the middle.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CUT = "cut"
Step = bytes | float | str
Script = Callable[[dict[str, Any]], Sequence[Step]]
STREAM = {"Content-Type": "text/event-stream; charset=utf-8"}


def event(value: Any) -> bytes:
    return b"data: " + (value if isinstance(value, str) else json.dumps(value)).encode() + b"\n\n"


def piece(text: str | None, finish: str | None = None, **more: Any) -> bytes:
    delta = {} if text is None else {"content": text}
    return event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more})


USAGE = event({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}})
DONE = b"data: [DONE]\n\n"


def whole(*texts: str, finish: str = "stop") -> list[Step]:
    return [*(piece(text) for text in texts), piece(None, finish), USAGE, DONE]


class Server(ThreadingHTTPServer):
    """Keeps the bodies it got, and how many pieces of an answer went out before a hang-up."""

    daemon_threads = True

    def __init__(self, script: Script, status: int, headers: dict[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script, self.status, self.headers = script, status, headers
        self.bodies: list[dict[str, Any]] = []
        self.sent = 0
        self.hung_up = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what this is for."""


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        server.bodies.append(body)
        self.send_response(server.status)
        for name, value in server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        for step in server.script(body):
            if step == CUT:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self._take(step)

    def _take(self, step: Step) -> None:
        if isinstance(step, float):
            self._rest(step)
        elif isinstance(step, bytes):
            try:
                self.wfile.write(step)
            except OSError:
                self.server.hung_up.set()
                raise
            self.server.sent += 1

    def _rest(self, seconds: float) -> None:
        """Wait, and notice meanwhile that the other side has gone."""
        self.connection.settimeout(seconds)
        began = time.monotonic()
        with contextlib.suppress(TimeoutError):
            if self.connection.recv(1) == b"":
                self.server.hung_up.set()
                raise ConnectionAbortedError
        assert time.monotonic() - began < seconds + 5


@contextlib.contextmanager
def serve(
    script: Script | Sequence[Step], status: int = 200, headers: dict[str, str] | None = None
) -> Iterator[Server]:
    told = script if callable(script) else lambda body: script
    server = Server(told, status, STREAM if headers is None else headers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

"""The server of the chat's page: this machine alone, and there the page alone.

Three locks, since any page that a browser shows may send requests to this machine:
the path holds a secret that only who started the chat has seen; the Host header must be this
server's own, so that a stranger's name that has come to stand for 127.0.0.1 leads nowhere (DNS
rebinding); and what changes anything must say that it comes from the page itself (Origin).
"""

from __future__ import annotations

import contextlib
import hmac
import json
import secrets
import sys
from collections.abc import Generator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, final

from ...errors import DataError, NivelError
from ..session import Chat, introduction
from .page import read_page
from .tabs import ACTIONS, Body, Gone, Tab, Tabs, number_in, state, told

__all__ = ["PageServer", "chat_in_browser"]

HOST = "127.0.0.1"
MOST_BYTES = 8 << 20  # of a request: the longest message, each character as \uXXXX
PATIENCE = 60.0  # seconds for a request to come and for a piece of an answer to go
LAST_WAIT = 3.0  # seconds for an answer to stop when the chat ends

HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def chat_in_browser(chat: Chat, port: int = 0, notes: tuple[str, ...] = ()) -> int:
    """Serve the chat's page until an interrupt, and return the exit code.

    Args:
        chat: just begun; every tab has a conversation of its own that begins as it does.
        port: of 127.0.0.1; 0 takes a free one.
        notes: what else to say at the start.

    Raises:
        DataError: the port cannot be had.
    """
    try:
        server = PageServer(chat, port)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        raise DataError(f"port {port} cannot be used: {why}", "choose another, or none") from error
    for line in (*introduction(chat), *notes, f"open {server.url}", "Ctrl-C ends the chat"):
        print(line, flush=True)
    with contextlib.suppress(KeyboardInterrupt), server:
        server.serve_forever(poll_interval=0.2)
    server.tabs.close_all(LAST_WAIT)
    return 0


@final
class PageServer(ThreadingHTTPServer):
    """Listens on 127.0.0.1 and gives every tab that opens the page a conversation."""

    daemon_threads = True

    def __init__(self, chat: Chat, port: int = 0) -> None:
        super().__init__((HOST, port), _Handler)
        self.tabs, self.page = Tabs(chat), read_page()
        self.secret = secrets.token_urlsafe(24)
        self.port: int = self.server_address[1]
        self.hosts = frozenset({f"{HOST}:{self.port}", f"localhost:{self.port}"})

    @property
    def url(self) -> str:
        """The address to open; whoever knows it can talk."""
        return f"http://{HOST}:{self.port}/{self.secret}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what broke, unless it was a browser that went away."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class _Refused(Exception):
    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "nivel", ""
    timeout = PATIENCE
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the terminal is not for requests, and the path holds the secret."""

    def do_GET(self) -> None:
        try:
            if self._asked_for() != "":
                raise _Refused(HTTPStatus.NOT_FOUND, "there is nothing here")
        except _Refused as refused:
            self._refuse(refused)
            return
        page = self.server.page
        more = {"Content-Security-Policy": page.policy}
        self._send(HTTPStatus.OK, page.body, "text/html; charset=utf-8", more)

    def do_POST(self) -> None:
        try:
            action = self._asked_for()
            self._check_origin()
            body = self._body()
        except _Refused as refused:
            self._refuse(refused)
            return
        try:
            self._do(action, body)
        except Gone as error:
            self._say({"error": told(error)}, HTTPStatus.GONE)
        except NivelError as error:
            self._say({"error": told(error)}, HTTPStatus.UNPROCESSABLE_ENTITY)

    def _do(self, action: str, body: Body) -> None:
        tabs = self.server.tabs
        if action == "open":
            name, tab = tabs.open()
            self._say({"tab": name, "state": state(tab)})
        elif action == "close":
            tabs.close(body.get("tab"))
            self._say({})
        elif action == "answer":
            self._stream(tabs.find(body.get("tab")), body)
        elif action in ACTIONS:
            self._say(ACTIONS[action](tabs.find(body.get("tab")), body))
        else:
            self._refuse(_Refused(HTTPStatus.NOT_FOUND, "there is nothing here"))

    def _stream(self, tab: Tab, body: Body) -> None:
        """Send an answer as it comes, a JSON object a line; who hangs up stops it."""
        question, number = body.get("question"), number_in(body)
        if not isinstance(question, str):
            raise DataError("question is no text")
        self._begin(HTTPStatus.OK, "application/x-ndjson", {"Connection": "close"})
        with contextlib.closing(_lines(tab, question, number)) as lines:
            for line in lines:
                self.wfile.write(line)

    def _asked_for(self) -> str:
        """Return what follows the secret in the path, once host and secret are right."""
        if self.headers.get_all("Host") not in [[host] for host in self.server.hosts]:
            why = "this is not the address that nivel printed"
            raise _Refused(HTTPStatus.MISDIRECTED_REQUEST, why)
        secret, _, rest = self.path.removeprefix("/").partition("/")
        if not hmac.compare_digest(secret.encode(errors="replace"), self.server.secret.encode()):
            raise _Refused(HTTPStatus.NOT_FOUND, "there is nothing here")
        return rest

    def _check_origin(self) -> None:
        own = f"http://{self.headers['Host']}"
        site = self.headers.get("Sec-Fetch-Site", "same-origin")
        if self.headers.get_all("Origin") != [own] or site != "same-origin":
            raise _Refused(HTTPStatus.FORBIDDEN, "this request does not come from the page")
        if self.headers.get_content_type() != "application/json":
            raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "requests are JSON")

    def _body(self) -> Body:
        size = self.headers.get("Content-Length", "")
        if not (size.isascii() and size.isdigit()) or self.headers.get("Transfer-Encoding"):
            raise _Refused(HTTPStatus.LENGTH_REQUIRED, "a request needs its length")
        if len(size) > 9 or int(size) > MOST_BYTES:
            why = f"a request has {MOST_BYTES:,} bytes at most"
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, why)
        try:
            body = json.loads(self.rfile.read(int(size)))
        except (ValueError, RecursionError):
            raise _Refused(HTTPStatus.BAD_REQUEST, "this is no JSON") from None
        if not isinstance(body, dict):
            raise _Refused(HTTPStatus.BAD_REQUEST, "this is no JSON object")
        return body

    def _refuse(self, refused: _Refused) -> None:
        self.close_connection = True  # its body was not read
        self._say({"error": str(refused)}, refused.status)

    def _say(self, value: Any, status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(status, _line(value), "application/json", {})

    def _send(self, status: HTTPStatus, data: bytes, kind: str, more: dict[str, str]) -> None:
        self._begin(status, kind, {"Content-Length": str(len(data)), **more})
        self.wfile.write(data)

    def _begin(self, status: HTTPStatus, kind: str, more: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, **HEADERS, **more}.items():
            self.send_header(name, value)
        if self.close_connection and "Connection" not in more:
            self.send_header("Connection", "close")
        self.end_headers()


def _lines(tab: Tab, question: str, number: int) -> Generator[bytes, None, None]:
    with contextlib.closing(tab.answer(question, number)) as events:
        for event in events:
            yield _line(event)


def _line(value: Any) -> bytes:
    return json.dumps(value).encode("ascii") + b"\n"

"""The one door through which requests to an endpoint leave.

A door knows one address and holds at most one key. It sends to that address alone, adds the key
only where the address is the key's own host, sends no header but those written here, keeps no
cookies, reads no password file and follows no redirect. Each thread has a line of its own.

This is the standard library's client: a call costs an eighth of the processor time that one through
the openai package takes (bench/calls.py), which is what lets one process keep 64 calls in flight.
"""

from __future__ import annotations

import base64
import http.client
import select
import ssl
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import final
from urllib.parse import SplitResult, unquote, urlsplit

from ..errors import ModelError
from .timed import exchange

__all__ = ["Door", "Dropped", "Line", "NotSent", "Reply", "check_address"]

MOST_BYTES = 64 << 20  # of one answer's body
CONNECT_SECONDS = 30.0
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
OWN_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
    "User-Agent": "nivel",
}


class NotSent(Exception):
    """No connection came about: nothing was asked, and nothing can have been paid."""


class Dropped(Exception):
    """The connection ended after the request had gone out; the answer may have been paid."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: status, headers with lower-case names, and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def check_address(base_url: str, key_host: str | None) -> SplitResult:
    """Return an endpoint's address in parts, once it is one that requests may go to.

    Args:
        base_url: such as `https://api.example.com/v1`.
        key_host: the host that a key belongs to, perhaps with a port, or None without a key.

    Raises:
        ModelError: the address is no http or https URL, holds a password or a query, or the key
            is another host's or would travel unencrypted.
    """
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ModelError(f"base_url {base_url!r} is no address: {error}") from error
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ModelError("base_url holds more than an address", "leave out passwords, ? and #")
    plain = base_url.isascii() and base_url.isprintable() and " " not in base_url
    if parts.scheme not in ("http", "https") or not host or not plain:
        raise ModelError(f"base_url {base_url!r} is no address", "write https://HOST/v1")
    if key_host is not None and key_host.lower() not in (host, parts.netloc.lower()):
        cure = "bind the key to the host that it was issued by, or name another key"
        raise ModelError(f"the key belongs to {key_host!r}, and base_url goes to {host!r}", cure)
    if key_host is not None and parts.scheme != "https" and host not in LOOPBACK:
        raise ModelError(f"the key would go to {host!r} unencrypted", "use https")
    return parts


@final
class Door:
    """Where one endpoint's requests go.

    Args:
        base_url: where the endpoint is; see `check_address`.
        key: sent as a bearer token, or None.
        key_host: the host that the key belongs to.
        timeout: seconds for one call in all.
    """

    def __init__(
        self, base_url: str, key: str | None, key_host: str | None, timeout: float
    ) -> None:
        self.address = check_address(base_url, key_host)
        self.timeout = timeout
        self.headers = dict(OWN_HEADERS)
        if key is not None and key_host is not None:
            self.headers["Authorization"] = f"Bearer {key}"
        self._secure = _certificates() if self.address.scheme == "https" else None
        self._proxy = _proxy(self.address)
        self.path = self.address.path.rstrip("/") + "/"
        if self._proxy is not None and self._secure is None:
            # A proxy is told the whole address; encrypted calls go through a tunnel instead.
            self.path = f"http://{self.address.netloc}{self.path}"
            self.headers |= _proxy_password(self._proxy)
        named = {"Host": self.address.netloc, **self.headers}
        self._named = "".join(f"{name}: {value}\r\n" for name, value in named.items())

    def head(self, path: str, size: int) -> bytes:
        """Return the head of a request to `path`, beneath the address, with a body of `size`."""
        text = f"POST {self.path}{path} HTTP/1.1\r\n{self._named}Content-Length: {size}\r\n\r\n"
        return text.encode("ascii")

    def connection(self) -> http.client.HTTPConnection:
        """Return a new connection, not yet connected."""
        host, port = self.address.hostname or "", self.address.port
        via = self._proxy
        at, to = (host, port) if via is None else (via.hostname or "", via.port or 80)
        if self._secure is None:
            return http.client.HTTPConnection(at, to, timeout=CONNECT_SECONDS)
        found = http.client.HTTPSConnection(at, to, timeout=CONNECT_SECONDS, context=self._secure)
        if via is not None:
            found.set_tunnel(host, port or 443, _proxy_password(via))
        return found


@final
class Line:
    """One thread's connection to a door; it is kept from call to call."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._kept: http.client.HTTPConnection | None = None

    def post(self, path: str, body: bytes) -> Reply:
        """Send `body` to `path` beneath the door's address and return the whole reply.

        Raises:
            NotSent, Dropped: as they say.
            TimeoutError: no whole reply came in time; it may have been paid.
        """
        connection = self._connected()
        until = time.monotonic() + self._door.timeout
        request = self._door.head(path, len(body)) + body
        try:
            response, content = exchange(connection.sock, request, until, MOST_BYTES)
        except BaseException as error:
            self.close()
            if isinstance(error, TimeoutError):
                raise
            if isinstance(error, (http.client.HTTPException, OSError)):
                raise Dropped(f"{type(error).__name__}: {error}") from error
            raise
        headers = {name.lower(): value for name, value in response.getheaders()}
        if response.will_close:
            self.close()
        return Reply(response.status, headers, content)

    def _connected(self) -> http.client.HTTPConnection:
        if self._kept is not None and _has_ended(self._kept):
            self.close()
        if self._kept is None:
            found = self._door.connection()
            try:
                found.connect()
            except (http.client.HTTPException, OSError) as error:
                found.close()
                raise NotSent(f"{type(error).__name__}: {error}") from error
            self._kept = found
        return self._kept

    def close(self) -> None:
        """Close the connection; the next call makes another."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None


def _has_ended(connection: http.client.HTTPConnection) -> bool:
    """Whether the other side closed a connection at rest, as servers do after a while."""
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))


def _certificates() -> ssl.SSLContext:
    """Trust what the system trusts and, where it is installed, Mozilla's list."""
    context = ssl.create_default_context()
    try:
        import certifi
    except ImportError:
        return context
    context.load_verify_locations(certifi.where())
    return context


def _proxy(address: SplitResult) -> SplitResult | None:
    """Return the proxy that the environment names for an address, never one for this machine."""
    host = address.hostname or ""
    if host in LOOPBACK or urllib.request.proxy_bypass(host):
        return None
    found = urllib.request.getproxies().get(address.scheme)
    return None if found is None else urlsplit(found if "//" in found else f"http://{found}")


def _proxy_password(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    text = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": "Basic " + base64.b64encode(text.encode()).decode()}

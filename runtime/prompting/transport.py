"""The one door through which requests to an endpoint leave.

A door knows one address and holds at most one key. It sends to that address alone, adds the key
only where the address is the key's own host, sends no header but those written here, keeps no
cookies, reads no password file and follows no redirect. Beneath is aiohttp: a call through it takes
a tenth of the processor time that one through the openai SDK takes (bench/calls.py).
"""

from __future__ import annotations

import asyncio
import ssl
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..errors import ModelError

if TYPE_CHECKING:
    import aiohttp

__all__ = ["Door", "Dropped", "NotSent", "Reply", "check_address"]

MOST_BYTES = 64 << 20  # of one answer's body
CONNECT_SECONDS = 30.0
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
OWN_HEADERS = {
    "accept": "application/json",
    "accept-encoding": "identity",
    "content-type": "application/json",
    "user-agent": "nivel",
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


def check_address(base_url: str, key_host: str | None) -> str:
    """Return the host of an endpoint's address, once it is one that requests may go to.

    Args:
        base_url: such as `https://api.example.com/v1`.
        key_host: the host that a key belongs to, or None without a key.

    Raises:
        ModelError: the address is no http or https URL, holds a password or a query, or the key
            is another host's or would travel unencrypted.
    """
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ModelError(f"base_url {base_url!r} is no address: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise ModelError(f"base_url {base_url!r} is no address", "write https://HOST/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ModelError("base_url holds more than an address", "leave out passwords, ? and #")
    if key_host is not None and host != key_host.lower():
        cure = "bind the key to the host that it was issued by, or name another key"
        raise ModelError(f"the key belongs to {key_host!r}, and base_url goes to {host!r}", cure)
    if key_host is not None and parts.scheme != "https" and host not in LOOPBACK:
        raise ModelError(f"the key would go to {host!r} unencrypted", "use https")
    return host


class Door:
    """Sends one endpoint's requests; made and used inside a running event loop.

    Args:
        base_url: where the endpoint is; see `check_address`.
        key: sent as a bearer token, or None.
        key_host: the host that the key belongs to.
        timeout: seconds for one call in all.
    """

    def __init__(
        self, base_url: str, key: str | None, key_host: str | None, timeout: float
    ) -> None:
        import aiohttp

        host = check_address(base_url, key_host)
        self._base = base_url.rstrip("/") + "/"
        self._headers = dict(OWN_HEADERS)
        if key is not None and key_host is not None and host == key_host.lower():
            self._headers["authorization"] = f"Bearer {key}"
        self._proxy = _proxy(urlsplit(base_url).scheme, host)
        connector = aiohttp.TCPConnector(limit=0, ssl=_certificates(base_url))
        self._session: aiohttp.ClientSession = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=timeout, sock_connect=CONNECT_SECONDS),
            trust_env=False,  # it would also read a password from .netrc
        )

    async def post(self, path: str, body: bytes) -> Reply:
        """Send `body` to `path` beneath the address and return the whole reply.

        Raises:
            NotSent, Dropped: as they say.
            TimeoutError: no whole reply came in time; it may have been paid.
        """
        import aiohttp

        try:
            return await self._exchange(self._base + path, body)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotSent(str(error) or type(error).__name__) from error
        except asyncio.TimeoutError as error:  # noqa: UP041, another class until Python 3.11
            raise TimeoutError(str(error)) from error
        except (aiohttp.ClientError, OSError) as error:
            raise Dropped(str(error) or type(error).__name__) from error

    async def _exchange(self, url: str, body: bytes) -> Reply:
        async with self._session.post(
            url, data=body, headers=self._headers, allow_redirects=False, proxy=self._proxy
        ) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Reply(response.status, headers, await _whole(response))

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    """Read a body, but never more than an answer can have."""
    length = response.content_length
    if length is not None and length <= MOST_BYTES and "content-encoding" not in response.headers:
        return await response.read()
    pieces, size = [], 0
    async for piece in response.content.iter_any():
        size += len(piece)
        if size > MOST_BYTES:
            raise Dropped(f"the body is longer than {MOST_BYTES:,} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def _certificates(base_url: str) -> ssl.SSLContext | bool:
    """Trust what the system trusts and, where it is installed, Mozilla's list."""
    if not base_url.startswith("https"):
        return True
    context = ssl.create_default_context()
    try:
        import certifi
    except ImportError:
        return context
    context.load_verify_locations(certifi.where())
    return context


def _proxy(scheme: str, host: str) -> str | None:
    """Return the proxy that the environment names for a host, never one for this machine."""
    if host in LOOPBACK or urllib.request.proxy_bypass(host):
        return None
    return urllib.request.getproxies().get(scheme)

"""Server-sent events over an endpoint's door: one request, and its reply line by line.

The format is that of the HTML standard, section 9.2.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import time
from collections.abc import Iterator

from ..prompting.transport import MOST_BYTES, Door, Dropped, NotSent, Reply
from .streaming import Stop

__all__ = ["events", "open_stream"]

_LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")


@contextlib.contextmanager
def open_stream(
    door: Door, path: str, body: bytes, stop: Stop
) -> Iterator[tuple[Reply | None, Iterator[bytes]]]:
    """Send `body` to `path` and give the reply: whole where it is no stream, else in blocks.

    Asking to stop hangs up, from whatever thread.

    Raises:
        NotSent, Dropped, TimeoutError: as `transport.Line.post`; the blocks raise them too.
    """
    connection = door.connection()
    until = time.monotonic() + door.timeout
    try:
        try:
            connection.connect()
        except (http.client.HTTPException, OSError) as error:
            raise NotSent(f"{type(error).__name__}: {error}") from error
        sock = connection.sock
        stop.then(lambda: _hang_up(sock))
        with _as_dropped():
            sock.settimeout(door.timeout)
            headers = {**door.headers, "Accept": "text/event-stream"}
            connection.request("POST", door.path + path, body, headers)
            response = connection.getresponse()
        blocks = _blocks(sock, response, until)
        kind = response.headers.get_content_type()
        if response.status == 200 and kind == "text/event-stream":
            yield None, blocks
        else:
            named = {name.lower(): value for name, value in response.getheaders()}
            yield Reply(response.status, named, b"".join(blocks)), iter(())
    finally:
        connection.close()


def _hang_up(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may have ended by itself
        # Not an SSLSocket's own: that forgets the encryption which a reader is in the midst of.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


@contextlib.contextmanager
def _as_dropped() -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise
    except (http.client.HTTPException, OSError) as error:
        raise Dropped(f"{type(error).__name__}: {error}") from error


def _blocks(
    sock: socket.socket, response: http.client.HTTPResponse, until: float
) -> Iterator[bytes]:
    size = 0
    while True:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        with _as_dropped():
            sock.settimeout(left)
            block = response.read1(1 << 16)
        if not block:
            return
        size += len(block)
        if size > MOST_BYTES:
            raise Dropped(f"the answer is longer than {MOST_BYTES:,} bytes")
        yield block


def events(blocks: Iterator[bytes]) -> Iterator[str]:
    """Yield the data of every event in a stream of bytes.

    An event ends with an empty line; what a cut stream leaves without one is no event.
    """
    data: list[str] = []
    for line in _lines(blocks):
        if not line:
            if data:
                yield "\n".join(data)
            data = []
            continue
        name, _, value = line.decode("utf-8", "replace").partition(":")
        if name == "data":
            data.append(value.removeprefix(" "))


def _lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for block in blocks:
        # A carriage return at the end may be half of a line end.
        *whole, rest = _LINE_END.split(rest + block)
        yield from whole
    if rest.endswith(b"\r"):
        yield rest[:-1]

"""A request and its reply over one socket, all of it within one limit of time.

The standard library's client lets a server take the whole time limit again for every piece that it
sends, so that one that sends a byte now and then holds a call for days. Here every wait ends at the
same moment. The parsing is `http.client`'s own.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import Any, final

__all__ = ["exchange"]

NEAR = 0.01  # of a time limit that is not worth a system call to correct


def exchange(
    sock: socket.socket, request: bytes, until: float, most: int
) -> tuple[http.client.HTTPResponse, bytes]:
    """Send a POST request and return the reply's head and its whole body.

    Args:
        sock: connected; what it holds of an earlier reply has been read.
        request: head and body.
        until: monotonic time at which to give up.
        most: bytes that a body may have.

    Raises:
        TimeoutError: `until` has come.
        http.client.HTTPException, OSError: the reply is none, too long or not whole.
    """
    _limit(sock, until)
    sock.sendall(request)
    pipe: Any = _Pipe(sock, until)
    response = http.client.HTTPResponse(pipe, method="POST")
    try:
        response.begin()
        return response, _whole(response, most)
    finally:
        response.close()  # of the reader; the socket stays open


def _limit(sock: socket.socket, until: float) -> None:
    """Let the next wait on a socket end at `until`, to within a hundredth of what is left."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    held = sock.gettimeout()
    if held is None or abs(held - left) > NEAR * left:
        sock.settimeout(left)


@final
class _Timed(io.RawIOBase):
    """What arrives on a socket, until a given moment."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self._sock, self._until = sock, until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        _limit(self._sock, self._until)
        return self._sock.recv_into(buffer)


@final
class _Pipe:
    """What `http.client` takes for a socket: all it asks of one is a file to read from."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self._raw = _Timed(sock, until)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._raw, 1 << 16)


def _whole(response: http.client.HTTPResponse, most: int) -> bytes:
    pieces, size = [], 0
    while response.length != 0:
        piece = response.read1(1 << 16)
        if not piece:
            break
        size += len(piece)
        if size > most:
            raise http.client.HTTPException(f"the body is longer than {most:,} bytes")
        pieces.append(piece)
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)
    return b"".join(pieces)

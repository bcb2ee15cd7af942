"""Open what is a plain file, and nothing that would block or never end.

A folder of a stranger may hold a pipe or a link to a device under any name. Opening a pipe waits
for its other end, and /dev/zero has no end.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import BinaryIO


def open_regular(path: str) -> BinaryIO:
    """Open a plain file for reading bytes; raises OSError for anything else, without waiting."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return os.fdopen(handle, "rb")
    os.close(handle)
    raise OSError(errno.EINVAL, "not a plain file", path)


def read_regular(path: str, most: int) -> bytes:
    """Return the bytes of a plain file; raises OSError where there are more than ``most``."""
    with open_regular(path) as file:
        raw = file.read(most + 1)
    if len(raw) > most:
        raise OSError(errno.EFBIG, f"more than {most:,} bytes", path)
    return raw

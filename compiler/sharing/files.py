"""What files hold, as hashes, and the writing of new ones in one step."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from typing import Any

from ..regular import open_regular
from .refused import Refused, inside

MAX_FILES = 10_000
"""Files of one model folder; a saved model has a dozen."""


def measure(path: str) -> dict[str, Any]:
    """Return the sha256 (hex) and the size (bytes) of a file; raises OSError."""
    from hashlib import sha256

    digest, size = sha256(), 0
    with open_regular(path) as file:
        while block := file.read(1 << 20):
            digest.update(block)
            size += len(block)
    return {"sha256": digest.hexdigest(), "size": size}


def measure_bytes(raw: bytes) -> dict[str, Any]:
    """Return the same facts of bytes in memory."""
    from hashlib import sha256

    return {"sha256": sha256(raw).hexdigest(), "size": len(raw)}


def files_below(folder: str, root: str) -> list[str]:
    """Return the files below ``folder`` as paths relative to it, sorted, with ``/``.

    Hidden ones are left out.

    Raises :class:`Refused` for a link that leads out of ``root``, or for too many files.
    """
    found: list[str] = []
    for path in _walk(folder):
        if not inside(os.path.realpath(path), root):
            name = os.path.relpath(path, folder)
            raise Refused("NV525", f"`{name}` leads out of the project by a link", "copy the file")
        found.append(os.path.relpath(path, folder).replace(os.sep, "/"))
        if len(found) > MAX_FILES:
            raise Refused("NV525", f"the folder holds more than {MAX_FILES:,} files")
    return sorted(found)


def _walk(folder: str) -> Iterator[str]:
    # Folders that are links are not followed: they could lead in a circle. Hidden files are what
    # download tools leave beside a model.
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (os.path.join(here, name) for name in names if not name.startswith("."))


def write_file(path: str, content: bytes) -> None:
    """Write a file so that its readers see the old one or the whole new one; raises OSError."""
    folder = os.path.dirname(path) or os.curdir
    handle, temporary = tempfile.mkstemp(prefix=".writing-", dir=folder)
    try:
        with open(handle, "wb") as file:
            os.fchmod(file.fileno(), 0o666 & ~_umask())
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _umask() -> int:
    current = os.umask(0o022)
    os.umask(current)
    return current

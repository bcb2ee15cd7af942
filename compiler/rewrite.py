"""Replace the text of files that exist: all of them or none, each with the mode it had."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping


def replace_texts(texts: Mapping[str, str]) -> None:
    """Write each text to its path, as UTF-8, in place of what is there.

    Every new text is complete on the disk before the first file is replaced, and a file that is a
    link stays one. If a replacement fails, those before it are taken back.

    Raises:
        OSError: if a file cannot be written; then no file has changed.
    """
    staged: list[tuple[str, str]] = []
    try:
        for path, text in texts.items():
            target = os.path.realpath(path)
            staged.append((_stage(target, text.encode("utf-8")), target))
        _replace_all(staged)
    finally:
        for temporary, _ in staged:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)


def _replace_all(staged: list[tuple[str, str]]) -> None:
    with contextlib.ExitStack() as undo:
        for temporary, target in staged:
            before = _read(target)
            os.replace(temporary, target)
            undo.callback(_restore, target, before)
        undo.pop_all()
    for folder in _folders(staged):
        _sync_folder(folder)


def _restore(target: str, before: bytes) -> None:
    os.replace(_stage(target, before), target)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _stage(target: str, content: bytes) -> str:
    """Write ``content`` beside ``target``, with its mode; return the path."""
    mode = os.stat(target).st_mode & 0o7777
    if not os.access(target, os.W_OK):
        raise PermissionError(13, "the file is read-only", target)
    handle, temporary = tempfile.mkstemp(prefix=".writing-", dir=os.path.dirname(target))
    try:
        with open(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        os.unlink(temporary)
        raise
    return temporary


def _folders(staged: list[tuple[str, str]]) -> Iterator[str]:
    yield from sorted({os.path.dirname(target) for _, target in staged})


def _sync_folder(folder: str) -> None:
    """Make the new names last through a power cut; not every file system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

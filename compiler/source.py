"""Read a spec file as text, and refuse what could not be a spec."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from .diagnostics import CompileError, Diagnostic, Location, Span

MAX_BYTES = 1_000_000
"""A spec is written by a person; a megabyte is some 20,000 lines."""

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]").search
"""What YAML's printable set leaves out, below the surrogates."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file as the user wrote it: ``path`` as shown to them, ``text`` without its BOM."""

    path: str
    text: str


def read_source(path: str, shown: str | None = None) -> Source:
    """Read ``path``, a UTF-8 file of at most :data:`MAX_BYTES`, shown to the user as ``shown``.

    Raises :class:`CompileError` for a file that is missing, too large, not UTF-8, or that
    holds a NUL or another control character that YAML forbids.
    """
    shown = shown or path
    return decode_source(read_bytes(path, shown), shown)


def decode_source(raw: bytes, shown: str) -> Source:
    """Return the spec whose bytes are ``raw``; raises as :func:`read_source` does."""
    if len(raw) > MAX_BYTES:
        message = f"the file is {len(raw):,} bytes; a spec has at most {MAX_BYTES:,}"
        raise _refuse("NV110", message, shown, 1, 1, "keep data in its own file and name it")
    text = _decode(raw, shown)
    _refuse_controls(text, shown)
    return Source(shown, text)


def read_bytes(path: str, shown: str) -> bytes:
    """Return the first bytes of a file, one more than a spec may have; raises CompileError."""
    try:
        if not os.path.exists(path):
            raise _refuse("NV109", f"no such file: {shown}", shown, 0, 0)
        if not os.path.isfile(path):
            raise _refuse("NV109", f"not a file: {shown}", shown, 0, 0)
        with open(path, "rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _refuse("NV109", f"cannot read {shown}: {error}", shown, 0, 0) from None


def _decode(raw: bytes, shown: str) -> str:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8-sig", "replace")
        line, column = _position(before)
        message = f"the file is not UTF-8: byte 0x{raw[error.start]:02x} at offset {error.start}"
        raise _refuse("NV107", message, shown, line, column, "save the file as UTF-8") from None
    return text


def _refuse_controls(text: str, shown: str) -> None:
    found = _CONTROL(text)
    if found is not None:
        line, column = _position(text[: found.start()])
        message = f"control character U+{ord(found[0]):04X} is not allowed in a spec"
        raise _refuse("NV108", message, shown, line, column, "remove the character")


def _position(before: str) -> tuple[int, int]:
    lines = before.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return len(lines), len(lines[-1]) + 1


def _refuse(
    code: str, message: str, shown: str, line: int, column: int, cure: str | None = None
) -> CompileError:
    where = Location(shown, Span(line, column, line, column + 1)) if line else None
    return CompileError([Diagnostic(code, "error", message, where, cure)])

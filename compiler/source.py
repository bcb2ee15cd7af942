"""Read a spec file as text, and refuse what could not be a spec."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from itertools import islice

from .diagnostics import CompileError, Diagnostic, Location, Span
from .regular import open_regular

MAX_BYTES = 1_000_000
"""A spec is written by a person; a megabyte is some 20,000 lines."""

_UNSEEN = re.compile(
    "(?P<order>[\u202a-\u202e\u2066-\u2069])|(?P<line>[\x85\u2028\u2029])"
    "|[\xad\u180e\u200b\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
).finditer
"""What an editor does not show as YAML reads it: text that is drawn in another order (Boucher
and Anderson, "Trojan Source", arXiv:2111.00169), line ends that editors do not break at, and
letters of no width, tags among them. The joiners and marks that Persian, Arabic, Hebrew and
emoji are spelled with stay allowed."""

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]").search
"""What YAML's printable set leaves out, below the surrogates."""


MAX_UNSEEN = 10
"""Findings of one kind; a text that is full of them is not mended one by one."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file as the user wrote it: ``path`` as shown to them, ``text`` without its BOM."""

    path: str
    text: str


def read_source(path: str, shown: str | None = None) -> Source:
    """Read ``path``, a UTF-8 file of at most :data:`MAX_BYTES`, shown to the user as ``shown``.

    Raises :class:`CompileError` for a file that is missing, too large, not UTF-8, or that
    holds a NUL or another control character that YAML forbids, or one that editors hide.
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
    if not text.isascii():
        _refuse_unseen(text, shown)
    return Source(shown, text)


def read_bytes(path: str, shown: str) -> bytes:
    """Return the first bytes of a file, one more than a spec may have; raises CompileError."""
    try:
        if not os.path.exists(path):
            raise _refuse("NV109", f"no such file: {shown}", shown, 0, 0)
        if not os.path.isfile(path):
            raise _refuse("NV109", f"not a file: {shown}", shown, 0, 0)
        with open_regular(path) as file:
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


def _refuse_unseen(text: str, shown: str) -> None:
    found = list(islice(_UNSEEN(text), MAX_UNSEEN))
    if found:
        raise CompileError([_unseen(one, text, shown) for one in found])


def _unseen(found: re.Match[str], text: str, shown: str) -> Diagnostic:
    kinds = {
        "order": "changes the order in which text is shown",
        "line": "is a line end that editors do not show",
    }
    line, column = _position(text[: found.start()])
    message = f"character U+{ord(found[0]):04X} {kinds.get(found.lastgroup or '', 'is invisible')}"
    escape = f"\\u{ord(found[0]):04x}" if ord(found[0]) < 0x10000 else f"\\U{ord(found[0]):08x}"
    cure = f"remove it, or write it as `{escape}` in a text in double quotes"
    where = Location(shown, Span(line, column, line, column + 1))
    return Diagnostic("NV114", "error", message, where, cure)


def _position(before: str) -> tuple[int, int]:
    lines = before.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return len(lines), len(lines[-1]) + 1


def _refuse(
    code: str, message: str, shown: str, line: int, column: int, cure: str | None = None
) -> CompileError:
    where = Location(shown, Span(line, column, line, column + 1)) if line else None
    return CompileError([Diagnostic(code, "error", message, where, cure)])

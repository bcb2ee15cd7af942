"""Text from a stranger's spec, made safe to print."""

from __future__ import annotations

import re

_SURROGATE = re.compile("[\ud800-\udfff]")


def visible(text: str) -> str:
    """Make tabs one column wide and control characters harmless to a terminal."""
    if text.isprintable():
        return text
    return "".join(_visible_char(char) for char in text)


def _visible_char(char: str) -> str:
    if char == "\t":
        return " "
    return char if char.isprintable() else f"\\u{ord(char):04x}"


def well_formed(text: str) -> str:
    """Put U+FFFD for what UTF-8 cannot hold: a file name may be of bytes that are no text."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)

"""Plain data as Python source, laid out as a formatter would leave it."""

from __future__ import annotations

import math

ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def literal(value: object) -> str:
    """Python source whose value equals ``value``, type for type.

    Raises:
        TypeError: for anything but None, bool, int, finite float, str, list, tuple and dict.

    >>> literal({"rate": 0.001, "names": ["it's"]})
    '{"rate": 0.001, "names": ["it\\'s"]}'
    """
    kind = type(value)  # exact types: a subclass could carry its own repr
    if value is None or kind is bool or kind is int:
        return repr(value)
    if kind is float and isinstance(value, float) and math.isfinite(value):
        return repr(value)
    if kind is str and isinstance(value, str):
        return string(value)
    if kind is list and isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if kind is tuple and isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
    if kind is dict and isinstance(value, dict):
        pairs = (f"{literal(key)}: {literal(item)}" for key, item in value.items())
        return f"{{{', '.join(pairs)}}}"
    raise TypeError(f"no Python literal for a {kind.__name__}")


def string(text: str) -> str:
    """A string literal in double quotes, or single ones where that needs fewer escapes."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + "".join(_character(c, quote) for c in text) + quote


def _character(character: str, quote: str) -> str:
    if character == quote:
        return "\\" + character
    if character in ESCAPES:
        return ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def layout(value: object, indent: int, used: int, width: int) -> str:
    """Source of ``value``, broken over lines as a formatter breaks what does not fit.

    ``indent`` is that of the line it begins on, ``used`` the columns before and after it there.
    """
    flat = literal(value)
    if used + len(flat) <= width or not isinstance(value, list | tuple | dict) or not value:
        return flat
    inner, opening, closing = indent + 4, flat[0], flat[-1]
    items = value.items() if isinstance(value, dict) else enumerate(value)
    lines = []
    for key, item in items:
        name = f"{literal(key)}: " if isinstance(value, dict) else ""
        text = layout(item, inner, inner + len(name) + 1, width)
        lines.append(f"{' ' * inner}{name}{text},")
    return "\n".join([opening, *lines, " " * indent + closing])


def comment(text: str) -> str:
    """One comment line; line breaks of any kind become spaces, so nothing leaves the comment."""
    return "# " + " ".join(_printable(text).split())


def docstring_words(text: str) -> str:
    """``text`` as words that are safe inside a docstring in double quotes."""
    return " ".join(_printable(text).replace("\\", "\\\\").replace('"', "'").split())


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)

"""How a text is spelled in YAML: plain where every reader agrees on it, else quoted.

The rule: a text stays without quotes only if YAML 1.2 and YAML 1.1 both read it as that text, in
the place where it stands. Sources: https://yaml.org/spec/1.2.2/#733-plain-style,
https://yaml.org/type/ for the words that YAML 1.1 reads as something else.
"""

from __future__ import annotations

import re
from functools import cache

import yaml

from ..scalars import NotFinite, resolve_plain

_FIRST = frozenset(",[]{}#&*!|>'\"%@`?: \t")
"""What cannot open a plain text, or reads badly where it may: ``?`` and ``:`` may, at times."""

_IN_FLOW = frozenset(",[]{}:? ")
"""What is punctuation inside brackets, also to libyaml alone; and blanks, which hide the commas."""

_TEMPLATE = ("{{", "{%", "{#")
_OLD_WORDS = frozenset("yYnN")
"""Booleans of YAML 1.1 that PyYAML itself does not read as such, but other readers do."""

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}
_KEPT_ESCAPE = re.compile(r'\\[^"\\]').search


def spell(raw: str, value: str, style: str, *, flow: bool, key: bool = False) -> str:
    """Return the one-line spelling of a scalar.

    ``raw``, ``value`` and ``style`` are those of a :class:`..tree.Leaf`. A plain word that is not
    a text, such as a number, stays as it is written; a key is always a text.
    """
    if not style and not key and not _is_text(value):
        return raw
    if style == '"' and _is_escaped(raw):
        return raw  # the writer chose an escape over the character: keep it
    return spell_text(value, flow=flow)


def spell_text(value: str, *, flow: bool) -> str:
    """Return the canonical spelling of a text: plain, in double quotes, or in single ones.

    Single quotes only save escapes: they stand around a text with ``"`` or a backslash and no
    ``'``.
    """
    if is_plain(value, flow=flow):
        return value
    if value.isprintable() and "'" not in value and ('"' in value or "\\" in value):
        return f"'{value}'"
    return f'"{"".join(map(_escaped, value))}"'


def is_plain(value: str, *, flow: bool) -> bool:
    """Tell whether every YAML reader takes ``value``, unquoted, for the text that it is."""
    if not value or value[0] in _FIRST or value[-1] in " :" or not value.isprintable():
        return False
    if value.startswith(("---", "...", "- ")) or value == "-":
        return False
    if ": " in value or " #" in value or any(mark in value for mark in _TEMPLATE):
        return False
    if flow and not _IN_FLOW.isdisjoint(value):
        return False
    return _is_text(value) and not _is_old_word(value)


def _is_text(value: str) -> bool:
    """Tell whether an unquoted word is a text to YAML 1.2; NaN is no text and no number here."""
    try:
        return isinstance(resolve_plain(value), str)
    except NotFinite:
        return False


def _is_old_word(value: str) -> bool:
    """Tell whether YAML 1.1 reads the word as a boolean, a date, a number of base 60, ..."""
    known = _old_resolvers()
    tries = (*known.get(value[0], ()), *known.get(None, ()))
    return value in _OLD_WORDS or any(pattern.match(value) for _, pattern in tries)


@cache
def _old_resolvers() -> dict[str | None, list[tuple[str, re.Pattern[str]]]]:
    return dict(yaml.SafeLoader.yaml_implicit_resolvers)


def _is_escaped(raw: str) -> bool:
    return "\n" not in raw and _KEPT_ESCAPE(raw.replace("\\\\", "")) is not None


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

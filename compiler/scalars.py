"""YAML 1.2 core scalars: what a plain, unquoted word means.

PyYAML resolves YAML 1.1, where ``1e-4`` is a string, ``no`` is false and ``22:30`` is 1350.
Source: https://yaml.org/spec/1.2.2/#103-core-schema
"""

from __future__ import annotations

import re

Scalar = None | bool | int | float | str

MAX_DIGITS = 40
"""No quantity in a spec needs more digits; Python itself refuses to read 4,300."""

_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_SPECIAL = frozenset(
    sign + dot for sign in ("", "+", "-") for dot in (".inf", ".Inf", ".INF")
) | frozenset((".nan", ".NaN", ".NAN"))
_STARTS = frozenset("-+.0123456789")
_INT = re.compile(r"[-+]?[0-9]+\Z").match
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z").match
_OCTAL = re.compile(r"0o[0-7]+\Z").match
_HEX = re.compile(r"0x[0-9a-fA-F]+\Z").match


class NotFinite(ValueError):
    """The word is a number that no spec may hold: NaN, an infinity, or one too large."""


def resolve_plain(word: str) -> Scalar:
    """Return the value of an unquoted scalar; raises :class:`NotFinite`."""
    if not word or word[0] not in _STARTS:
        if word in _NULL:
            return None
        return _BOOL.get(word, word)
    if word in _SPECIAL:
        raise NotFinite(f"{word} is not a finite number")
    return _number(word)


def _number(word: str) -> Scalar:
    if _INT(word):
        return int(_short(word))
    if _FLOAT(word):
        value = float(word)
        if value in (float("inf"), float("-inf")):
            raise NotFinite(f"{word} is too large for a floating-point number")
        return value
    if _OCTAL(word):
        return int(_short(word)[2:], 8)
    if _HEX(word):
        return int(_short(word)[2:], 16)
    return word


def _short(word: str) -> str:
    if len(word) > MAX_DIGITS:
        raise NotFinite(f"a number of {len(word)} digits is too large")
    return word

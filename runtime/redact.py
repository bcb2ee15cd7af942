"""Keeping keys out of everything that is written.

A key enters a program in one place, where an endpoint reads its environment variable, and is
registered here. Whatever is written passes `redact` at the point of writing; a server that repeats
the key in its error message is the usual way for one to get into a file.
"""

from __future__ import annotations

import json
import threading
from typing import Any

__all__ = ["hide", "redact", "redacted"]

SHORTEST = 6  # characters; a shorter "key" would blot out ordinary text

_lock = threading.Lock()
_hidden: dict[str, str] = {}


def hide(secret: str, name: str) -> None:
    """From now on, write `[name]` wherever `secret` would be written."""
    if len(secret) < SHORTEST:
        return
    escaped = json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]
    with _lock:
        for form in {secret, *escaped}:
            _hidden[form] = f"[{name}]"


def redact(text: str) -> str:
    """Return `text` without any hidden key, be it plain or escaped as in JSON."""
    # The longest first: of a key that ends in a backslash, the plain form begins the escaped one,
    # whose second backslash would be left over and spoil the JSON.
    for secret, shown in sorted(_hidden.items(), key=lambda item: -len(item[0])):
        if secret in text:
            text = text.replace(secret, shown)
    return text


def redacted(value: Any) -> Any:
    """Return a JSON value with every text in it redacted, names of members too."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {redact(str(key)): redacted(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [redacted(inner) for inner in value]
    return value

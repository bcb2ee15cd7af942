"""Text from specs and data, written into Markdown so that it stays text."""

import html
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

_MARKS = re.compile(r"([\\`*_{}\[\]()#+!|~$^])")
_TICKS = re.compile("`+")


def plain_text(value: Any) -> str:
    """Return `value` on one line, with nothing in it that Markdown or HTML would act upon.

    Characters that are not seen, and those that turn the direction of text, are left out; what
    looks like an address does not become a link.
    """
    line = _visible(" ".join(str(value).split()))
    safe = _MARKS.sub(r"\\\1", html.escape(line, quote=False))
    return safe.replace("://", "&#58;//").replace("www.", "www&#46;").replace("@", "&#64;")


def fenced(text: str, language: str) -> list[str]:
    """Return lines that show `text` as it is; the fence is longer than any in it."""
    longest = max((len(run) for run in _TICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    lines = [_visible(line) for line in text.rstrip("\n").split("\n")]
    return [fence + language, *lines, fence]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table, of cells that are Markdown already; none without rows."""
    body = [_row(row) for row in rows]
    return [_row(header), _row(["---"] * len(header)), *body] if body else []


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _visible(text: str) -> str:
    """Drop control and format characters, of which a tab alone is kept as a space."""
    return "".join(
        char for char in text.replace("\t", " ") if unicodedata.category(char) not in _UNSEEN
    )


_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")

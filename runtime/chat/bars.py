"""A distribution over next words as bars of characters, and texts made safe to show."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from .streaming import Words

__all__ = ["Bars", "bars", "harmless", "percent", "render_bars", "visible"]

VISIBLE = {" ": "␣", "\n": "↵", "\t": "⇥", "\r": "␍"}
LONGEST_TOKEN = 20  # columns
LONGEST_TEXT = 60
EIGHTHS = " ▏▎▍▌▋▊▉"


def harmless(text: str) -> str:
    """Return text that a terminal shows and does not obey.

    What a model writes may hold escape sequences, which could rewrite the screen or answer for
    the reader. Control characters but line ends and tabs, and those that turn the direction of
    writing, become U+FFFD.
    """
    return "".join(_shown(sign) for sign in text)


def _shown(sign: str) -> str:
    if sign in "\n\t" or sign.isprintable():
        return sign
    kind = unicodedata.category(sign)
    turns = "\u202a" <= sign <= "\u202e" or "\u2066" <= sign <= "\u2069"
    return "\ufffd" if kind in ("Cc", "Cs") or turns else sign


def visible(text: str) -> str:
    """Return a token with white space as signs, and what cannot be shown as escapes."""
    return "".join(
        VISIBLE.get(sign) or (sign if sign.isprintable() else _escaped(sign)) for sign in text
    )


def _escaped(sign: str) -> str:
    return sign.encode("unicode_escape").decode("ascii")


def percent(share: float) -> str:
    """Return a probability such as `12.3%`."""
    return "<0.1%" if 0.0 < share < 0.001 else f"{share:.1%}"


@dataclass(frozen=True, slots=True)
class Bars:
    """A distribution ready to show: a heading, and label and share of each bar.

    The last bar stands for all other tokens together, where there are others.
    """

    heading: str
    rows: tuple[tuple[str, float], ...]


def bars(what: str, text: str, words: Words) -> Bars:
    """Return what to show of a distribution.

    Args:
        what: the words before the text, such as `after`.
        text: that is continued.
    """
    held = sum(share for _, share in words.rows)
    of = "" if words.vocabulary is None else f" of {words.vocabulary:,}"
    rows = [(_cut(visible(token), LONGEST_TOKEN), share) for token, share in words.rows]
    if words.vocabulary is None or words.vocabulary > len(rows):
        more = "" if words.vocabulary is None else f"{words.vocabulary - len(rows):,} "
        rows.append((f"{more}others", words.rest))
    likeliest = f"the {len(words.rows)} likeliest{of} tokens hold {percent(held)}"
    return Bars(f"{what} “{_tail(text)}”: {likeliest}", tuple(rows))


def render_bars(shown: Bars, columns: int = 80) -> str:
    """Return a heading and a line per bar, no wider than `columns`."""
    width = max(_columns(label) for label, _ in shown.rows)
    room = max(8, min(48, columns - width - 10))
    most = max(*(share for _, share in shown.rows), 1e-9)
    lines = [
        f"{' ' * (width - _columns(label))}{label} {_bar(share / most, room)} {percent(share)}"
        for label, share in shown.rows
    ]
    return "\n".join([shown.heading, *lines])


def _bar(part: float, room: int) -> str:
    eighths = round(part * room * 8)
    return ("█" * (eighths // 8) + EIGHTHS[eighths % 8]).rstrip()


def _tail(text: str) -> str:
    """Return the end of a text on one line."""
    flat = visible(" ".join(text.split())).replace(VISIBLE[" "], " ")
    return flat if len(flat) <= LONGEST_TEXT else "…" + flat[1 - LONGEST_TEXT :]


def _cut(text: str, most: int) -> str:
    while _columns(text) > most:
        text = text[:-2] + "…"
    return text


def _columns(text: str) -> int:
    """Count the columns that a terminal gives to a text."""
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1
        for sign in text
    )

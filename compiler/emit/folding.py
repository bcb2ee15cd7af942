"""Bring each statement to the fewest lines that a formatter would leave it on.

Templates write one argument a line. What fits on one line is put there, as Black and Ruff do with
code that has no trailing commas: a whole statement if it fits, else the arguments of its last call
on one indented line, else one a line. Collections have no middle form. Statements with a comment
inside stay as they were written.
"""

from __future__ import annotations

import io
import keyword
import token
import tokenize
from dataclasses import dataclass, field
from itertools import groupby

OPENING = {"(": ")", "[": "]", "{": "}"}
LAYOUT = {token.NL, token.INDENT, token.DEDENT, token.NEWLINE, token.ENDMARKER}
KEPT = ("def", "class", "@")
"""What formatters lay out by other rules; the templates have it right."""


@dataclass(slots=True)
class Group:
    """A pair of brackets; ``kind`` is ``call``, ``subscript`` or ``collection``."""

    opening: str
    kind: str
    items: list[list[str | Group]] = field(default_factory=lambda: [[]])
    comma: bool = False

    def flat(self) -> str:
        """Everything on one line, without the trailing comma that only a tuple of one needs."""
        inside = ", ".join(map(_flat, self.items))
        return f"{self.opening}{inside}{',' if self.lone_of_tuple else ''}{self.closing}"

    @property
    def lone_of_tuple(self) -> bool:
        """Whether the comma makes the tuple; elsewhere one after the last item means nothing."""
        tuple_like = self.opening == "(" and self.kind == "collection"
        return tuple_like and self.comma and len(self.items) == 1

    @property
    def closing(self) -> str:
        """The bracket at the other end."""
        return OPENING[self.opening]


def fold(text: str, width: int) -> str:
    """Return the program with each statement on as few lines as a formatter leaves it."""
    lines = text.splitlines(keepends=True)
    for statement in reversed(_statements(text)):
        first, last = statement[0].start[0] - 1, statement[-1].end[0]
        if last - first > 1 and _foldable(statement):
            indent = statement[0].start[1]
            lines[first:last] = [line + "\n" for line in _folded(statement, indent, width)]
    return "".join(lines)


def _statements(text: str) -> list[list[tokenize.TokenInfo]]:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    found = groupby(tokens, lambda each: each.type in {token.NEWLINE, token.ENDMARKER})
    kept = ([t for t in group if t.type not in LAYOUT] for ends, group in found if not ends)
    return [_without_lead(statement) for statement in kept if _without_lead(statement)]


def _without_lead(statement: list[tokenize.TokenInfo]) -> list[tokenize.TokenInfo]:
    """The statement without the comment lines that stand before it."""
    start = next((i for i, t in enumerate(statement) if t.type != token.COMMENT), len(statement))
    return statement[start:]


def _foldable(statement: list[tokenize.TokenInfo]) -> bool:
    commented = any(each.type == token.COMMENT for each in statement)
    brackets = any(each.string in OPENING for each in statement)
    return brackets and not commented and statement[0].string not in KEPT


def _folded(statement: list[tokenize.TokenInfo], indent: int, width: int) -> list[str]:
    pieces = _tree(statement)
    if statement[0].string == "from" and isinstance(names := pieces[-1], Group):
        line = _joined(pieces[:-1]) + ", ".join(map(_flat, names.items))
        if indent + len(line) <= width:
            return [" " * indent + line]
    return _laid_out(pieces, "", indent, width)


def _tree(statement: list[tokenize.TokenInfo]) -> list[str | Group]:
    """The tokens as text with groups in it; breaks between lines are no text."""
    whole: list[str | Group] = []
    stack: list[tuple[Group | None, list[str | Group]]] = [(None, whole)]
    before = None
    for each in statement:
        group, pieces = stack[-1]
        if before is not None and before.end[0] == each.start[0] and pieces:
            pieces.append(" " * (each.start[1] - before.end[1]))
        if each.type == token.OP and each.string in OPENING:
            opened = Group(each.string, _kind(each, before))
            pieces.append(opened)
            stack.append((opened, opened.items[-1]))
        elif group is not None and each.type == token.OP and each.string == group.closing:
            if not group.items[-1]:
                group.items.pop()
            stack.pop()
        elif group is not None and each.type == token.OP and each.string == ",":
            group.comma = True
            group.items.append([])
            stack[-1] = (group, group.items[-1])
        else:
            pieces.append(each.string)
        before = each
    return whole


def _kind(opening: tokenize.TokenInfo, before: tokenize.TokenInfo | None) -> str:
    named = (
        before is not None and before.type == token.NAME and not keyword.iskeyword(before.string)
    )
    if opening.string == "{" or before is None or not (named or before.string in (")", "]")):
        return "collection"
    return "call" if opening.string == "(" else "subscript"


def _flat(pieces: list[str | Group]) -> str:
    return _joined(pieces).strip(" ")


def _joined(pieces: list[str | Group]) -> str:
    return "".join(each.flat() if isinstance(each, Group) else each for each in pieces)


def _laid_out(pieces: list[str | Group], tail: str, indent: int, width: int) -> list[str]:
    """Lines of one statement or item, which ``tail`` follows on the last."""
    margin, line = " " * indent, _flat(pieces) + tail
    at = next((i for i in reversed(range(len(pieces))) if _splits(pieces[i])), None)
    if indent + len(line) <= width or at is None:
        return [margin + line]
    group = pieces[at]
    assert isinstance(group, Group)
    head = margin + _joined(pieces[:at])
    end = margin + group.closing + _flat(pieces[at + 1 :]) + tail
    inner = ", ".join(map(_flat, group.items))
    if group.kind == "call" and indent + 4 + len(inner) <= width:
        return [head + group.opening, f"{margin}    {inner}", end]
    comma = "," if len(group.items) > 1 or group.lone_of_tuple else ""
    items = [line for item in group.items for line in _laid_out(item, comma, indent + 4, width)]
    return [head + group.opening, *items, end]


def _splits(piece: str | Group) -> bool:
    """Whether a formatter breaks inside: not in a subscript, nor between nothing."""
    return isinstance(piece, Group) and piece.kind != "subscript" and bool(piece.items)

"""Write a tree in the one layout of specs.

Two spaces for each level, lists set in below their key, one space after a colon, two before a
comment beside a value, at most one empty line in a row. Maps and lists in brackets stay in
brackets while they hold no comment and fit in :data:`WIDTH` columns.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..render.text import display_width
from .tree import Branch, Comment, Item, Leaf
from .words import spell, spell_text

WIDTH = 100
STEP = 2

_MODELINE = re.compile(r"#\s*(yaml-language-server:|\$schema:)").match


def lay_out(root: Branch, order: Sequence[str]) -> str:
    """Return the text of ``root``, its sections in ``order`` and unknown ones after them."""
    header, apart = _take_header(root)
    rank = {name: place for place, name in enumerate(order)}
    items = sorted(root.items, key=lambda item: rank.get(_name(item), len(rank)))
    body = _items(items, 0, keyed=True) + _footer(items, root.footer, 0)
    lines = _comment_lines(header, 0, first=True)
    lines += [""] if apart and body else []
    return "".join(f"{line}\n" for line in lines + body)


def _name(item: Item) -> str:
    return item.key.value if item.key is not None else ""


def _take_header(root: Branch) -> tuple[list[Comment], bool]:
    """Take what speaks of the whole file: the first comments, up to an empty line.

    An editor's modeline stays on top also without one. The second result tells whether an empty
    line follows.
    """
    if not root.items:
        return root.header, False
    first = root.items[0]
    before = [*root.header, *first.before]
    blanks = [comment.blank for comment in before[1:]] + [first.blank]
    count = max(
        (place + 1 for place, blank in enumerate(blanks[: len(before)]) if blank), default=0
    )
    apart = count > 0
    while count < len(before) and not apart and _MODELINE(before[count].text):
        count += 1
    count = max(count, len(root.header))
    first.before = before[count:]
    if apart and first.before:
        first.before[0].blank = False
    first.blank = first.blank and bool(first.before)
    return before[:count], apart


def _items(items: Sequence[Item], indent: int, *, keyed: bool) -> list[str]:
    lines: list[str] = []
    for place, item in enumerate(items):
        above = _comment_lines(item.before, indent, first=place == 0)
        if item.blank and (above or place):
            above.append("")
        if above[:1] == [""] and place and _ends_open(items[place - 1]):
            del above[0]
        moved, own = _entry(item, indent, keyed=keyed)
        lines += above + [" " * indent + text.lstrip() for text in moved] + own
    return lines


def _comment_lines(comments: Sequence[Comment], indent: int, *, first: bool) -> list[str]:
    lines: list[str] = []
    for comment in comments:
        if comment.blank and not (first and not lines):
            lines.append("")
        lines.append(" " * indent + comment.text)
    return lines


def _entry(item: Item, indent: int, *, keyed: bool) -> tuple[list[str], list[str]]:
    """Return the comments that move above the entry, and the entry's own lines."""
    start = " " * indent + (_key(item) if keyed else "-")
    comments = [*item.head, *item.between]
    if isinstance(item.value, Branch) and not item.value.items:
        comments += item.value.footer
    inner = [comment.text for comment in comments]
    line = _one_line(item.value, start)
    if line is not None:
        return inner, [line + _beside(item.beside)]
    if isinstance(item.value, Leaf):
        return inner, _long_leaf(item.value, start, indent, item.beside)
    assert item.value is not None
    if not keyed:
        lines = _below(item.value, indent, item.beside)
        count = next(place for place, text in enumerate(lines) if text.strip()[:1] not in ("#", ""))
        return inner + lines[:count], [f"{start} {lines[count].lstrip()}", *lines[count + 1 :]]
    stays = len(inner) == 1 and not item.between
    beside = [] if inner or _has_comments(item.value) else item.beside
    rest = _below(item.value, indent, item.beside if not beside else [])
    return [] if stays else inner, [start + _beside(comments if stays else beside), *rest]


def _key(item: Item) -> str:
    assert item.key is not None
    return spell(item.key.raw, item.key.value, item.key.style, flow=False, key=True) + ":"


def _beside(comments: Sequence[Comment]) -> str:
    return "".join(f"  {comment.text}" for comment in comments)


def _below(branch: Branch, indent: int, closing: Sequence[Comment]) -> list[str]:
    """Return the entries of ``branch``, a line or more each, one level further in."""
    lines = _items(branch.items, indent + STEP, keyed=branch.keyed)
    return lines + _footer(branch.items, [*branch.footer, *closing], indent + STEP)


def _footer(items: Sequence[Item], comments: Sequence[Comment], indent: int) -> list[str]:
    return _comment_lines(comments, indent, first=not items or _ends_open(items[-1]))


def _ends_open(item: Item) -> bool:
    """Tell whether an empty line after an entry would become part of its text."""
    value = item.value
    while isinstance(value, Branch) and value.items and not value.footer:
        value = value.items[-1].value
    return isinstance(value, Leaf) and value.keeps_blanks


def _one_line(value: Leaf | Branch | None, start: str) -> str | None:
    """Return the entry on one line, or None where it needs more."""
    text = inline(value, flow=False)
    if text is None:
        return None
    line = f"{start} {text}" if text else start
    may_be_long = isinstance(value, Leaf) and "\n" not in value.raw
    short = may_be_long or text in ("{}", "[]") or display_width(line) <= WIDTH
    return line if short else None


def inline(value: Leaf | Branch | None, *, flow: bool) -> str | None:
    """Return ``value`` on one line, or None where it has comments or is no thing of one line."""
    if value is None:
        return ""
    if isinstance(value, Leaf):
        if value.is_block:
            return None
        return spell(value.raw, value.value, value.style, flow=flow) or ("null" if flow else "")
    if value.items and (not value.flow or value.footer):
        return None
    parts = [_inline_item(item) for item in value.items]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    opening, closing = "{}" if value.keyed else "[]"
    return opening + ", ".join(known) + closing


def _inline_item(item: Item) -> str | None:
    if _speaks(item) or (isinstance(item.value, Branch) and item.value.footer):
        return None
    text = inline(item.value, flow=True)
    if item.key is None or text is None:
        return text
    return f"{spell(item.key.raw, item.key.value, item.key.style, flow=True, key=True)}: {text}"


def _speaks(item: Item) -> bool:
    return bool(item.before or item.head or item.between or item.beside)


def _has_comments(branch: Branch) -> bool:
    pending: list[Leaf | Branch | None] = [branch]
    while pending:
        node = pending.pop()
        if not isinstance(node, Branch):
            continue
        if node.footer or any(map(_speaks, node.items)):
            return True
        pending.extend(item.value for item in node.items)
    return False


def _long_leaf(leaf: Leaf, start: str, indent: int, beside: Sequence[Comment]) -> list[str]:
    """Return a scalar of several lines, its lines as written and moved to the indentation."""
    pad = " " * (indent + STEP)
    if leaf.is_block:
        return _block(leaf, start, pad)
    first, *rest = leaf.raw.split("\n")
    lines = [f"{start} {_stripped(first)}", *(pad + _stripped(line.lstrip()) for line in rest)]
    lines[-1] += _beside(beside)
    return [line if line.strip() else "" for line in lines]


def _stripped(line: str) -> str:
    """Strip trailing blanks, but not one that a backslash in double quotes protects."""
    bare = line.rstrip()
    slashes = len(bare) - len(bare.rstrip("\\"))
    return line[: len(bare) + 1] if slashes % 2 else bare


def _block(leaf: Leaf, start: str, pad: str) -> list[str]:
    """Return a block scalar: its lines as written, its header with what is needed of it."""
    body = leaf.lines
    if not any(line.strip() for line in body):
        return [f"{start} {spell_text(leaf.value, flow=False)}{_note(leaf)}"]
    opening = next(line for line in body if line)
    digit = str(STEP) if opening[0] in " \t" else ""
    head = f"{start} {leaf.style}{digit}{_chomp(leaf)}{_note(leaf)}"
    return [head, *(pad + line if line else "" for line in body)]


def _note(leaf: Leaf) -> str:
    return _beside([leaf.note] if leaf.note else [])


def _chomp(leaf: Leaf) -> str:
    """A text whose last line ends with the file, without a newline, says so from now on."""
    if not leaf.value.endswith("\n"):
        return "-"
    return "+" if leaf.keeps_blanks else ""

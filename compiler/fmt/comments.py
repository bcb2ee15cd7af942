"""Find the comments of a text and give each to the entry that it speaks of.

A comment beside a value belongs to that value, one on a line of its own to the entry below it. At
the end of a section the indentation decides: what stands as far in as the section's entries
belongs to the section, what stands further out to what follows.
"""

from __future__ import annotations

import re

from .tree import Branch, Comment, Item, Leaf, Token, Tree

_COMMENT = re.compile(r"(?<![^\s,\[\]{}])#[^\n\x85\u2028\u2029]*")
_NOTE = re.compile(r"[|>][-+0-9]*[ \t]+(#[^\n]*)")
_OPENS_LINE = re.compile(r"[\s?:-]*\Z").match


def attach_comments(tree: Tree) -> list[Comment]:
    """Put every comment of ``tree`` into the fields of its owner; return them in their order."""
    found: list[Comment] = []
    tokens: list[Token | None] = [None, *tree.tokens, None]
    for earlier, later in zip(tokens, tokens[1:], strict=False):
        gap = _in_gap(tree.text, earlier, later)
        _share_out(gap, earlier, later, tree.root)
        found += gap
        if later is not None:
            _mark_blank(tree.text, earlier, later)
            found += _take_note(tree.text, later)
    return found


def _in_gap(text: str, earlier: Token | None, later: Token | None) -> list[Comment]:
    at, line = (earlier.end, earlier.end_line) if earlier is not None else (0, 0)
    end = later.start if later is not None else len(text)
    found, floor = [], _floor(earlier)
    for match in _COMMENT.finditer(text, at, end):
        line += text.count("\n", at, match.start())
        at = match.start()
        found.append(_comment(text, at, match[0], line, floor))
    return found


def _take_note(text: str, token: Token) -> list[Comment]:
    """The comment in the first line of a block scalar stays there."""
    found = _NOTE.match(text, token.start, token.end) if token.block else None
    if found is None or token.leaf is None:
        return []
    token.leaf.note = _comment(text, found.start(1), found[1], token.line, 0)
    return [token.leaf.note]


def _comment(text: str, start: int, found: str, line: int, floor: int) -> Comment:
    line_start = text.rfind("\n", 0, start) + 1
    own = not text[line_start:start].strip()
    blank = own and _below_blank(text, start, floor)
    return Comment(found.rstrip(), line, start - line_start, own, blank)


def _mark_blank(text: str, earlier: Token | None, token: Token) -> None:
    line_start = text.rfind("\n", 0, token.start) + 1
    first = _OPENS_LINE(text[line_start : token.start]) is not None
    if token.item is not None and token.kind != "close" and first:
        _first_owner(token).blank |= _below_blank(text, token.start, _floor(earlier))


def _floor(earlier: Token | None) -> int:
    """Return the offset before which empty lines belong to a text, not to the layout."""
    text = earlier.block if earlier is not None else None
    return 0 if earlier is None or text is None else earlier.start + text.length


def _below_blank(text: str, start: int, floor: int) -> bool:
    """Tell whether the line above the one that holds ``start`` is empty."""
    line_start = text.rfind("\n", 0, start) + 1
    if line_start <= floor:
        return False
    above = text.rfind("\n", 0, line_start - 1) + 1
    return not text[above : line_start - 1].strip()


def _share_out(
    comments: list[Comment], earlier: Token | None, later: Token | None, root: Leaf | Branch | None
) -> None:
    """Give the comments between two tokens to their owners; none moves past an earlier one."""
    ended, outer = _ended(earlier, later)
    for comment in comments:
        if earlier is not None and _is_beside(comment, earlier):
            _give_beside(comment, earlier)
            continue
        ended = [one for one in ended if comment.own and outer < one.column <= comment.column]
        if ended:
            ended[-1].footer.append(comment)
        else:
            _give_before(comment, later, root)


def _is_beside(comment: Comment, earlier: Token) -> bool:
    return not comment.own and earlier.block is None and comment.line == earlier.end_line


def _ended(earlier: Token | None, later: Token | None) -> tuple[list[Branch], int]:
    """Return the block collections that end between two tokens, outermost first.

    The number is the column of the one that goes on, -1 where none does.
    """
    blocks = [one for one in earlier.stack if not one.flow] if earlier is not None else []
    around = later.stack if later is not None else ()
    going_on = [one.column for one in blocks if one in around]
    return [one for one in blocks if one not in around], going_on[-1] if going_on else -1


def _give_beside(comment: Comment, earlier: Token) -> None:
    item, branch = earlier.item, earlier.branch
    if branch is not None and (item is None or (earlier.kind == "open" and not branch.items)):
        branch.footer.append(comment)
    elif item is not None:
        (item.beside if earlier.kind in ("value", "close") else item.head).append(comment)


def _give_before(comment: Comment, later: Token | None, root: Leaf | Branch | None) -> None:
    if later is not None and later.kind == "close" and later.branch is not None:
        later.branch.footer.append(comment)
    elif later is not None and later.item is not None:
        _give_entry(comment, later)
    elif isinstance(root, Branch):
        root.header.append(comment) if later is not None else root.footer.append(comment)


def _give_entry(comment: Comment, later: Token) -> None:
    """Comments go above the outermost dash of the line, or between a key and its value."""
    item = later.item
    assert item is not None
    if later.kind != "key" and item.key is not None:
        item.between.append(comment)
    else:
        _first_owner(later).before.append(comment)


def _first_owner(token: Token) -> Item:
    """Return the outermost entry of a list that begins with ``token``, else its own entry."""
    owner, around = token.item, list(token.stack)
    assert owner is not None
    while around and around[-1].items[0] is owner:
        above = around.pop().owner
        if above is None or above.key is not None:
            break
        owner = above
    return owner

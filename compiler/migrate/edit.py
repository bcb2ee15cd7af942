"""One file in the newer language, edited by its spans: comments, order and quotes stay.

A comment that speaks of a key goes with it: beside it where there is room, else above.
"""

from __future__ import annotations

from ..fmt.tree import Branch, Comment, Item, Leaf, normal_ends
from .moves import Move, Step
from .places import Edit, Places, apply_edits, one_line


class Unmovable(Exception):
    """A value is written in a way that cannot be moved by its text; ``move`` says which."""

    def __init__(self, move: Move) -> None:
        self.move = move
        super().__init__(".".join(move.source))


def edit_text(text: str, step: Step, bare: frozenset[str]) -> str:
    """Return ``text`` after ``step``; raises :class:`Unmovable`.

    ``bare`` is that of :func:`.moves.moved`. Line ends are kept where they are all alike.
    """
    ends = "\r\n" if "\r\n" in text and text.count("\r\n") == text.count("\n") else "\n"
    result = _set_version(normal_ends(text), step)
    result += "" if result.endswith("\n") else "\n"
    for move in step.moves:
        places = Places.of(result)
        section = places.item(places.root, move.source[0])
        branch = section.value if section is not None else None
        item = places.item(branch, move.source[1]) if isinstance(branch, Branch) else None
        if item is not None and isinstance(branch, Branch) and section is not None:
            edits = _wrap(places, item, move) if move.wraps else _across(
                places, section, branch, item, move, bare=move.section in bare
            )  # fmt: skip
            result = apply_edits(result, edits)
    return result.replace("\n", ends)


def _set_version(text: str, step: Step) -> str:
    places = Places.of(text)
    item = places.item(places.root, "nivel")
    if item is None or not isinstance(item.value, Leaf) or item.value.value != str(step.old):
        return text
    token = places.token(item, "value")
    return apply_edits(text, [(token.start, token.end, str(step.new))])


def _raw(item: Item, move: Move) -> str:
    if not isinstance(item.value, Leaf) or not one_line(item.value):
        raise Unmovable(move)
    return item.value.raw or "null"


def _wrap(places: Places, item: Item, move: Move) -> list[Edit]:
    """Put a map around a value where it stands."""
    key, value, raw = places.token(item, "key"), places.token(item, "value"), _raw(item, move)
    first = f"{move.first[0]}: {move.first[1]}, " if raw != "null" else ""
    gap = "" if value.end > value.start else " "
    made = f"{gap}{{{first}{move.target[-1]}: {raw}}}"
    return [(key.start, key.end, move.target[-2]), (value.start, value.end, made)]


def _across(
    places: Places, section: Item, branch: Branch, item: Item, move: Move, *, bare: bool
) -> list[Edit]:
    """Take an entry out of its section and put it into another one."""
    raw = _raw(item, move)
    comments = [*item.before, *item.head, *item.between]
    out = _take_flow(places, item) if branch.flow else _take_block(places, section, branch, item)
    home = places.item(places.root, move.section)
    entry = f"{move.target[-1]}: {raw}"
    if home is None:
        first = "" if bare or raw == "null" else f"{move.first[0]}: {move.first[1]}, "
        made = f"{move.section}: {{{first}{entry}}}"
        return out + _add_section(places, made, comments, item.beside)
    above = _above(places, places.token(home, "key").start, comments + item.beside)
    if isinstance(home.value, Leaf):
        inner = f"{{{move.first[0]}: {_raw(home, move)}, {entry}}}"
        token = places.token(home, "value")
        return [*out, *above, (token.start, token.end, inner)]
    assert isinstance(home.value, Branch)
    if not home.value.flow:
        return out + _add_line(places, home.value, entry, comments, item.beside)
    start = places.end(home.value.items[-1]) if home.value.items else places.token(home, "open").end
    comma = ", " if home.value.items else ""
    return [*out, *above, (start, start, comma + entry)]


def _take_block(places: Places, section: Item, branch: Branch, item: Item) -> list[Edit]:
    start = places.line_start(places.token(item, "key").start)
    edits: list[Edit] = [(start, places.line_end(places.end(item)), "")]
    edits += [(*places.line_of(comment), "") for comment in item.before]
    if len(branch.items) == 1:
        colon = places.text.index(":", places.token(section, "key").end) + 1
        edits.append((colon, colon, " {}"))
    return edits


def _take_flow(places: Places, item: Item) -> list[Edit]:
    """Take an entry and one comma out of brackets, and its line where nothing else stands there."""
    text, start, end = places.text, places.token(item, "key").start, places.end(item)
    edits: list[Edit] = [(*places.line_of(comment), "") for comment in item.before]
    before = text[:start].rstrip()
    if text[end:].lstrip(" ").startswith(","):
        end = text.index(",", end) + 1
        end += len(text[end:]) - len(text[end:].lstrip(" "))
    elif before.endswith(","):
        edits.append((len(before) - 1, len(before), ""))
    first, last = places.line_start(start), places.line_end(end)
    beside = "".join(comment.text for comment in item.beside)
    if not text[first:start].strip() and text[end:last].strip() in ("", beside):
        return [*edits, (first, last, "")]
    if beside and text[end:last].strip() == beside:
        end = last - 1
    blanks = len(text[:start]) - len(text[:start].rstrip(" ")) if before.endswith(",") else 0
    return [*edits, (start - blanks if len(edits) > len(item.before) else start, end, "")]


def _add_line(
    places: Places, branch: Branch, entry: str, comments: list[Comment], beside: list[Comment]
) -> list[Edit]:
    pad = " " * branch.column
    end = places.line_end(places.end(branch.items[-1]))
    lead = "" if places.text[:end].endswith("\n") else "\n"
    lines = [f"{pad}{comment.text}\n" for comment in comments]
    return [(end, end, f"{lead}{''.join(lines)}{pad}{entry}{_beside(beside)}\n")]


def _add_section(
    places: Places, made: str, comments: list[Comment], beside: list[Comment]
) -> list[Edit]:
    last = places.root.items[-1]
    if places.root.flow:
        at = places.end(last)
        first = places.token(places.root.items[0], "key").start
        return [*_above(places, first, comments + beside), (at, at, f", {made}")]
    end = places.end(last)
    at = end if places.text[:end].endswith("\n") else places.line_end(end)
    lead = "" if places.text[:at].endswith("\n") else "\n"
    lines = "".join(f"{comment.text}\n" for comment in comments)
    return [(at, at, f"{lead}{lines}{made}{_beside(beside)}\n")]


def _above(places: Places, at: int, comments: list[Comment]) -> list[Edit]:
    start = places.line_start(at)
    return (
        [(start, start, "".join(f"{comment.text}\n" for comment in comments))] if comments else []
    )


def _beside(comments: list[Comment]) -> str:
    return "".join(f"  {comment.text}" for comment in comments)

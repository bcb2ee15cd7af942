"""YAML text as a tree for laying out: every value with its text, style, place and comments.

:mod:`..document` keeps what a spec says; this keeps how it is written. Nodes are filled in while
the events are read and are not changed after the comments have found their owners.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..events import End, MappingStart, Scalar, SequenceStart, parse_events


@dataclass(slots=True, eq=False)
class Comment:
    """A comment from its ``#`` on; ``own`` if alone on its line, ``blank`` if below an empty one.

    ``line`` and ``column`` count from 0.
    """

    text: str
    line: int
    column: int
    own: bool
    blank: bool


@dataclass(slots=True, eq=False)
class Leaf:
    """A scalar; ``style`` is empty for a plain one, else the character that opens it.

    ``raw`` is the text as written, ``value`` the string that it spells, ``note`` the comment in
    the first line of a block scalar.
    """

    raw: str
    value: str
    style: str
    note: Comment | None = None

    @property
    def is_block(self) -> bool:
        """Whether it is a block scalar, literal or folded."""
        return self.style in ("|", ">")

    @property
    def keeps_blanks(self) -> bool:
        """Whether empty lines after it are part of it: a block scalar with ``+``."""
        return self.is_block and "+" in self.raw.partition("\n")[0].partition("#")[0]

    @property
    def lines(self) -> list[str]:
        """The lines of a block scalar, without the indentation that they were written with."""
        _, *body = self.raw.split("\n")
        depth = _depth(body, self.value)
        lines = [line[depth:] for line in body]
        if lines and not lines[-1]:
            lines.pop()
        while lines and not lines[-1] and not self.keeps_blanks:
            lines.pop()
        return lines

    @property
    def length(self) -> int:
        """How much of ``raw`` a block scalar's text takes; empty lines after it are layout.

        A last line of nothing but blanks, further in than the text, is text.
        """
        if self.keeps_blanks:
            return len(self.raw)
        return sum(len(line) + 1 for line in self.raw.split("\n")[: len(self.lines) + 1])


def _depth(body: Sequence[str], value: str) -> int:
    """Return the indentation of the text: that of its first line, less what belongs to the text."""
    written = next((line for line in body if line.strip()), "")
    read = next((line for line in value.split("\n") if line.strip()), "")
    return len(written) - len(written.lstrip(" ")) - (len(read) - len(read.lstrip(" ")))


@dataclass(slots=True, eq=False)
class Branch:
    """A map or a list; ``column`` is where its items stand, ``footer`` comments after the last.

    ``owner`` is the entry whose value it is, None for the root; ``header`` holds the comments
    above a root in brackets.
    """

    keyed: bool
    flow: bool
    column: int
    owner: Item | None = None
    items: list[Item] = field(default_factory=list)
    footer: list[Comment] = field(default_factory=list)
    header: list[Comment] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Item:
    """One entry of a branch, with the comments it owns.

    ``before`` stand above it, ``head`` beside its key, ``between`` below the key and above the
    value, ``beside`` after its value; ``blank`` tells of an empty line above the key.
    """

    key: Leaf | None
    value: Leaf | Branch | None
    blank: bool = False
    before: list[Comment] = field(default_factory=list)
    head: list[Comment] = field(default_factory=list)
    between: list[Comment] = field(default_factory=list)
    beside: list[Comment] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class Token:
    """A piece of the text that is no comment: where it stands and what it belongs to.

    ``stack`` holds the branches around it, outermost first; ``item`` is its entry there and is
    None only for the root. ``kind`` is key, value, open or close.
    """

    kind: str
    start: int
    end: int
    line: int
    end_line: int
    item: Item | None
    stack: tuple[Branch, ...]
    leaf: Leaf | None = None
    branch: Branch | None = None

    @property
    def block(self) -> Leaf | None:
        """The scalar, if it is one that starts with ``|`` or ``>``."""
        return self.leaf if self.leaf is not None and self.leaf.is_block else None


@dataclass(frozen=True, slots=True)
class Tree:
    """The root value, None for an empty file, and the tokens in the order of the text."""

    root: Leaf | Branch | None
    tokens: list[Token]
    text: str


def build_tree(text: str) -> Tree:
    """Return the tree of ``text``, which :func:`..document.parse_document` has already accepted.

    Line ends must be ``\\n``; see :func:`normal_ends`.
    """
    builder = _Builder(text)
    for event in parse_events(text):
        builder.take(event)
    return Tree(builder.root, builder.tokens, text)


def normal_ends(text: str) -> str:
    """Return ``text`` with every line end that YAML 1.2 knows written as a newline."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


class _Builder:
    """Turns events into nodes and tokens, on an explicit stack as the parser of specs does."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.root: Leaf | Branch | None = None
        self.tokens: list[Token] = []
        self.open: list[Branch] = []

    def take(self, event: Any) -> None:
        """Take one event; those of streams and documents say nothing about the layout."""
        if isinstance(event, Scalar):
            self._leaf(event)
        elif isinstance(event, MappingStart | SequenceStart):
            self._start(event)
        elif isinstance(event, End):
            self._end(event)

    def _leaf(self, event: Any) -> None:
        raw = self.text[event.start_mark.index : event.end_mark.index]
        style = event.style or ""
        if event.tag == "!":
            raw = "" if style else event.value  # a bare `!` says nothing that is not said without
        leaf = Leaf(raw, event.value, style)
        top = self.open[-1] if self.open else None
        if top is not None and top.keyed and (not top.items or top.items[-1].value is not None):
            item = Item(leaf, None)
            top.items.append(item)
            self._token("key", event, item, leaf=leaf)
        else:
            self._token("value", event, self._attach(leaf), leaf=leaf)

    def _attach(self, node: Leaf | Branch) -> Item | None:
        if not self.open:
            self.root = node
            return None
        top = self.open[-1]
        if top.keyed:
            top.items[-1].value = node
        else:
            top.items.append(Item(None, node))
        return top.items[-1]

    def _start(self, event: Any) -> None:
        flow = bool(event.flow_style)
        branch = Branch(isinstance(event, MappingStart), flow, event.start_mark.column)
        item = branch.owner = self._attach(branch)
        if flow:
            self._token("open", event, item, branch=branch)
        self.open.append(branch)

    def _end(self, event: Any) -> None:
        branch = self.open.pop()
        if branch.flow:
            self._token("close", event, branch.owner, branch=branch)

    def _token(
        self,
        kind: str,
        event: Any,
        item: Item | None,
        *,
        leaf: Leaf | None = None,
        branch: Branch | None = None,
    ) -> None:
        start, end = event.start_mark, event.end_mark
        token = Token(kind, start.index, end.index, start.line, end.line, item,
                      tuple(self.open), leaf, branch)  # fmt: skip
        self.tokens.append(token)

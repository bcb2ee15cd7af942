"""Where the entries of a text stand, for edits that leave everything else as it is written."""

from __future__ import annotations

from dataclasses import dataclass

from ..fmt.comments import attach_comments
from ..fmt.tree import Branch, Comment, Item, Leaf, Token, Tree, build_tree

Edit = tuple[int, int, str]
"""Start and end of what is replaced, in characters, and what comes in its place."""


@dataclass(frozen=True, slots=True)
class Places:
    """A text with its tree; its line ends are newlines."""

    text: str
    tree: Tree
    tokens: dict[int, list[Token]]

    @classmethod
    def of(cls, text: str) -> Places:
        """Read ``text``, which is sound YAML."""
        tree = build_tree(text)
        attach_comments(tree)
        tokens: dict[int, list[Token]] = {}
        for token in tree.tokens:
            tokens.setdefault(id(token.item), []).append(token)
        return cls(text, tree, tokens)

    @property
    def root(self) -> Branch:
        """The map of the whole file."""
        assert isinstance(self.tree.root, Branch)
        return self.tree.root

    def item(self, branch: Branch, key: str) -> Item | None:
        """Return the entry of ``key``, None where there is none."""
        found = (item for item in branch.items if item.key is not None and item.key.value == key)
        return next(found, None)

    def token(self, item: Item, kind: str) -> Token:
        """Return the key, the value, or a bracket of an entry."""
        return next(token for token in self.tokens[id(item)] if token.kind == kind)

    def end(self, item: Item) -> int:
        """Return where the value of an entry ends."""
        value = item.value
        if isinstance(value, Branch):
            return self.token(item, "close").end if value.flow else self.end(value.items[-1])
        return self.token(item, "value").end

    def line_start(self, at: int) -> int:
        """Return where the line that holds ``at`` begins."""
        return self.text.rfind("\n", 0, at) + 1

    def line_end(self, at: int) -> int:
        """Return where the line that holds ``at`` ends: after its newline, or at the end."""
        end = self.text.find("\n", at)
        return len(self.text) if end < 0 else end + 1

    def line_of(self, comment: Comment) -> tuple[int, int]:
        """Return the bounds of the line that a comment stands on alone."""
        start = 0
        for _ in range(comment.line):
            start = self.line_end(start)
        return start, self.line_end(start)


def one_line(leaf: Leaf) -> bool:
    """Tell whether a scalar can be moved by its text alone."""
    return not leaf.is_block and "\n" not in leaf.raw


def apply_edits(text: str, edits: list[Edit]) -> str:
    """Return ``text`` with all edits made; those at one place keep their order."""
    for start, end, new in sorted(edits, key=lambda edit: edit[:2])[::-1]:
        text = text[:start] + new + text[end:]
    return text

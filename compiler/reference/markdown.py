"""Small pieces of Markdown as GitHub reads it."""

from __future__ import annotations

import re
from collections.abc import Iterable

GENERATED = "<!-- Made by `make docs` from the schemas and the code: change those instead. -->"


def table(rows: Iterable[tuple[str, ...]], head: tuple[str, ...]) -> list[str]:
    """Return the lines of a table, or none where there is no row."""
    lines = [_row(row) for row in rows]
    return [_row(head), "|" + "---|" * len(head), *lines] if lines else []


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def anchor(heading: str) -> str:
    """Return the fragment that GitHub gives to a heading."""
    plain = re.sub(r"[^\w\- ]", "", heading.lower())
    return plain.replace(" ", "-")


def code(text: str) -> str:
    """Return ``text`` as code within a line, whatever backquotes it holds."""
    fence = "``" if "`" in text else "`"
    space = " " if "`" in text else ""
    return f"{fence}{space}{text}{space}{fence}"


def block(text: str, kind: str) -> list[str]:
    """Return ``text`` as a fenced block; what cannot be printed is shown by its escape."""
    shown = [line if line.isprintable() else repr(line)[1:-1] for line in text.splitlines()]
    return [f"```{kind}", *shown, "```"]


def page(lines: Iterable[str]) -> str:
    """Join the lines of a page, never two empty ones in a row."""
    text = "\n".join([*lines, "", GENERATED])
    return re.sub(r"\n{3,}", "\n\n", text) + "\n"

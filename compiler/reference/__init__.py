"""The reference as Markdown, made from the schemas, the codes and the table of other names.

``make docs`` writes the pages to docs/reference; a test fails where they are not fresh.
"""

from __future__ import annotations

from ..feature_table import render_table
from .codes import code_pages
from .keys import key_pages
from .markdown import page
from .names import names_page

__all__ = ["pages"]


def pages() -> dict[str, str]:
    """Return every page but those of the command line, file name -> Markdown."""
    keys, codes = key_pages(), code_pages()
    return {
        "index.md": _index(keys, codes),
        **keys,
        **codes,
        "combinations.md": _combinations(),
        "names.md": names_page(),
    }


def _combinations() -> str:
    return page(
        [
            "# Combinations",
            "",
            "Which values of two keys go together: yes, or the code that says why not. The",
            "validator walks this very table, and tests try every cell of it.",
            "",
            render_table().rstrip("\n"),
        ]
    )


def _index(keys: dict[str, str], codes: dict[str, str]) -> str:
    return page(
        [
            "# Reference",
            "",
            "What is built today, made from the schemas and the code by `make docs`. How the "
            "language is",
            "designed, and why, stands in [The language, whole](../language.md).",
            "",
            "## Sections of a spec",
            "",
            *(_entry(name, text) for name, text in keys.items()),
            "",
            "## Beside the language",
            "",
            "- [Commands](commands.md): what `nivel` does, with every option",
            "- [nivel in your editor](../editors.md): completion, help and faults as you write",
            "- [Combinations](combinations.md): which values of two keys go together",
            "- [Names in other tools](names.md): what a key of another tool is called here",
            "",
            "## Codes of findings",
            "",
            *(_entry(name, text) for name, text in codes.items()),
            "",
            "`nivel explain NV301` shows one of them.",
        ]
    )


def _entry(name: str, text: str) -> str:
    """Link a page by its title, with the first sentence below it."""
    title, first = [line for line in text.splitlines() if line][:2]
    return f"- [{title.removeprefix('# ')}]({name}): {first.rstrip('.')}"

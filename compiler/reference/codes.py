"""The pages of the codes: one for each family, with every code's what, why, bad and good."""

from __future__ import annotations

from ..codes import CODES, Code
from .markdown import anchor, block, page, table

FAMILIES = {
    "NV1": ("YAML", "The text is not YAML, or uses what this language leaves out of it."),
    "NV2": ("shape", "A key or a value that the schema of the level does not allow."),
    "NV3": ("meaning", "Values that are each right and do not fit together."),
    "NV4": ("hardware", "What the machine that is named cannot do."),
    "NV5": ("sharing", "Other files: what a spec extends."),
    "NV6": ("kinds", "What one kind of head, training, text or model goes with."),
}


def code_pages() -> dict[str, str]:
    """Return the pages, file name -> Markdown; a code of no known family raises KeyError."""
    found: dict[str, list[Code]] = {family: [] for family in FAMILIES}
    for name, entry in CODES.items():
        found[name[:3]].append(entry)
    return {f"{family}xx.md": _page(family, codes) for family, codes in found.items()}


def _page(family: str, codes: list[Code]) -> str:
    name, what = FAMILIES[family]
    rows = [(f"[{entry.code}](#{anchor(_heading(entry))})", entry.title) for entry in codes]
    lines = [f"# {family}xx: {name}", "", what, "", *table(rows, ("code", "title"))]
    return page([*lines, *(line for entry in codes for line in _entry(entry))])


def _heading(entry: Code) -> str:
    return f"{entry.code}: {entry.title}"


def _entry(entry: Code) -> list[str]:
    return [
        "",
        f"## {_heading(entry)}",
        "",
        entry.what,
        "",
        f"**Why.** {entry.why}",
        "",
        "Bad:",
        "",
        *block(_shown(entry.bad), "yml"),
        "",
        "Good:",
        "",
        *block(_shown(entry.good), "yml"),
    ]


def _shown(example: str) -> str:
    """The lines of an example without the mark that it is a whole file."""
    return example.removeprefix("# whole\n")

"""The grids of :mod:`.features` as Markdown, for the reference."""

from __future__ import annotations

from ..schemas import LEVELS, read_schema
from .features import GRIDS, Grid


def render_table() -> str:
    """Return every grid as a Markdown table, after one of the sections of each level.

    A cell holds `yes`, or the code that says why not.
    """
    parts = ["## Sections of each level", _sections()]
    for grid in GRIDS:
        parts += [f"## `{grid.rows.name}` and `{grid.columns.name}`", _levels(grid), _grid(grid)]
    return "\n\n".join(part for part in parts if part) + "\n"


def sections() -> dict[str, tuple[str, ...]]:
    """Return every top-level key with the levels that have it, in the order of the schemas."""
    found: dict[str, tuple[str, ...]] = {}
    for level in LEVELS:
        for name in read_schema(f"{level}.json")["properties"]:
            found[name] = (*found.get(name, ()), level)
    return found


def _sections() -> str:
    rows = []
    for name, levels in sections().items():
        cells = []
        for level in LEVELS:
            needed = name in read_schema(f"{level}.json")["required"]
            cells.append(("needed" if needed else "yes") if level in levels else "NV202")
        rows.append([f"`{name}`", *cells])
    return _table(["section", *(f"`{level}`" for level in LEVELS)], rows)


def _levels(grid: Grid) -> str:
    if set(grid.levels) == set(LEVELS):
        return ""
    return "At level " + " and ".join(f"`{level}`" for level in grid.levels) + "."


def _grid(grid: Grid) -> str:
    names = [value.name for value in grid.columns.values]
    rows = [
        [f"`{row.name}`", *(grid.refused.get((row.name, name), "yes") for name in names)]
        for row in grid.rows.values
    ]
    head = f"`{grid.rows.name}`"
    return _table([head, *(f"`{grid.columns.name}`: {name}" for name in names)], rows)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)

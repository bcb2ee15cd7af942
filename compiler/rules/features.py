"""The rule behind every grid of :mod:`..features`: a cell that is refused is a finding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..diagnostics import Diagnostic
from ..features import CLASHES, GRIDS, LEVEL, Clash, Feature, Grid
from .base import Check, Context, error, rule


def _make(code: str, clash: Clash) -> Check:
    """Return the check of one code, over all the grids that name it."""
    grids = [grid for grid in GRIDS if code in grid.refused.values()]

    def check(context: Context) -> Iterator[Diagnostic]:
        for grid in grids:
            if context.level in grid.levels and _code_of(context, grid) == code:
                yield _finding(context, code, clash, grid)

    check.__doc__ = clash.message
    return check


def _code_of(context: Context, grid: Grid) -> str | None:
    """Return the code that refuses the spec's cell of a grid; None where it is allowed."""
    row, column = (_name_of(context, feature) for feature in (grid.rows, grid.columns))
    return None if row is None or column is None else grid.refused.get((row, column))


def _name_of(context: Context, feature: Feature) -> str | None:
    """Return which value of a feature a spec has; None where it was refused, or is another."""
    if not context.sound(*feature.path) or not _sound_above(context, feature):
        return None
    given, value = context.has(*feature.path), context.get(*feature.path)
    if feature.said and not given:
        return None
    return next((known.name for known in feature.values if known.met_by(value, given)), None)


def _sound_above(context: Context, feature: Feature) -> bool:
    """Tell whether the section around a key can be trusted to say that the key is left out."""
    outer = feature.path[:1]
    return outer not in context.bad and (feature is LEVEL or not _is_odd(context.get(*outer)))


def _is_odd(section: Any) -> bool:
    return section is not None and not isinstance(section, dict | str)


def _finding(context: Context, code: str, clash: Clash, grid: Grid) -> Diagnostic:
    other = grid.rows if grid.mark == grid.columns.path else grid.columns
    values = {
        "row": _plain(context.get(*grid.rows.path)),
        "column": _plain(context.get(*grid.columns.path)),
        "name": ".".join(grid.mark),
    }
    related = context.related((other.path, grid.note)) if grid.note else ()
    mark = grid.mark
    while mark and not context.has(*mark):
        mark = mark[:-1]  # what is left out is missed in the section around it
    where = (context.key if grid.key or mark != grid.mark else context.where)(*mark)
    if related and related[0][0] == where:
        related = ()
    message, cure = clash.message.format(**values), clash.cure.format(**values)
    return error(code, message, where, cure, related)


def _plain(value: Any) -> str:
    """Write a value into a message; what came as 2.0 reads as 2."""
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


for _code, _clash in CLASHES.items():
    rule(_code, _clash.title)(_make(_code, _clash))

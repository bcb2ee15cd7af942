"""What a run of written answers found, as lines for the person at the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .confusion import render_confusion
from .matrix import CellScores
from .statistics import Difference

__all__ = ["difference_line", "summarize"]


def summarize(
    scored: Sequence[CellScores], measured: Mapping[str, Mapping[str, Any]], judge: str | None
) -> list[str]:
    """Return a block of lines for each column, then what the judge cost."""
    lines = []
    for column in scored:
        lines += [f"{column.name}:", *(f"  {line}" for line in _column(column, measured))]
    return [*lines, *([judge] if judge else [])]


def _column(column: CellScores, measured: Mapping[str, Mapping[str, Any]]) -> list[str]:
    found, lines = measured[column.name], []
    for name, one in column.metrics.items():
        unknown = one.get("unknown", 0)
        rest = f", {unknown} of {unknown + one['answers']} scores unknown" if unknown else ""
        lines.append(f"{name} {_interval(one)} on {one['n']} rows{rest}")
        for drawn, tried in one.get("attempts", {}).items():
            any_of, all_of = tried["any"], tried["all"]
            lines.append(f"  any of {drawn}: {_interval(any_of)}; all: {_interval(all_of)}")
    cost = "cost unknown" if found["usd"] is None else f"${found['usd']:.4f}"
    each = "" if found["seconds"] is None else f", {found['seconds']:.2f} s each"
    lines.append(f"{found['calls']} answers{each}, {cost}")
    if column.cut:
        lines.append(f"{column.cut} answers were cut at max_tokens")
    if column.invalid:
        lines.append(f"{column.invalid} answers were no label")
    if column.confusion:
        lines += render_confusion(column.confusion)
    if column.difference:
        lines.append(difference_line(column.difference))
    return lines


def _interval(one: Mapping[str, Any]) -> str:
    return f"{one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}]"


def difference_line(found: Difference) -> str:
    """Return a difference with its interval, its test and what so many rows can show."""
    p_value = found.p_value if found.p_holm is None else found.p_holm
    return (
        f"{found.metric} {found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}] against "
        f"{found.against}, p {p_value:.3g} ({found.test}, Holm); {found.rows} rows show "
        f"{found.smallest:.3f}"
    )

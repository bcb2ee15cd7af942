"""The confusion tables of runs, as the page of a report shows them."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .numbers import part

if TYPE_CHECKING:
    from .compare import ComparedRun

MOST_LABELS = 12
"""Of a larger table no reader sees anything; it stands in the run's result."""


def confusions(runs: Sequence["ComparedRun"], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return a table for every run, and for every column of a matrix, that classified."""
    found = []
    for run, name in zip(runs, names, strict=True):
        for title, table in _tables(run.result, name):
            if isinstance(table, dict) and 0 < len(part(table, "labels") or ()) <= MOST_LABELS:
                found.append(_shown(title, table))
    return found


def _tables(result: dict[str, Any], name: str) -> Iterator[tuple[str, Any]]:
    yield name, part(result, "confusion")
    cells = part(result, "cells") or ()
    for cell in cells:
        column = f" {cell.get('model')}/{cell.get('variant')}" if len(cells) > 1 else ""
        yield f"{name}{column}", part(cell, "confusion")


def _shown(title: str, table: dict[str, Any]) -> dict[str, Any]:
    given = table["given"]
    return {
        "title": title,
        "given": ["no label" if label is None else str(label) for label in given],
        "rows": [
            (
                str(label),
                [
                    (count, said == label, round(count / (sum(row) or 1), 3))
                    for count, said in zip(row, given, strict=True)
                ],
            )
            for label, row in zip(table["labels"], table["counts"], strict=True)
        ],
    }

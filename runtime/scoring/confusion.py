"""Which label was given for which: the confusion table of a classification."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["count_pairs", "render_confusion"]

WIDEST = 8
"""Labels that a table of text has room for; of more, only the commonest confusions are shown."""

MOST_CONFUSIONS = 10
LONGEST = 14
NO_LABEL = "no label"


def count_pairs(
    pairs: Sequence[tuple[str | None, str | None]], labels: Sequence[str], *, written: bool = True
) -> dict[str, Any]:
    """Return {labels, given, counts} of (right, given) pairs.

    `counts` has a row for each right label and a column for each that was given, both in the order
    of `labels`; where answers are `written`, a last column, None in `given`, counts those that
    were no label.
    """
    given: list[str | None] = [*labels, None] if written else [*labels]
    place = {label: index for index, label in enumerate(given)}
    counts = [[0] * len(given) for _ in labels]
    for right, said in pairs:
        counts[place[right]][place[said]] += 1
    return {"labels": list(labels), "given": given, "counts": counts}


def render_confusion(table: Mapping[str, Any]) -> list[str]:
    """Return the table as lines of text, or the commonest confusions of a large one."""
    labels, given, counts = table["labels"], table["given"], table["counts"]
    if len(labels) > WIDEST:
        return _commonest(labels, given, counts)
    heads = [_short(label) for label in given]
    numbers = [[str(count) for count in row] for row in counts]
    widths = [max(map(len, column)) for column in zip(heads, *numbers, strict=True)]
    names = ["right \\ given", *map(_short, labels)]
    first = max(map(len, names))
    lines = []
    for name, row in zip(names, [heads, *numbers], strict=True):
        texts = [f"{text:>{width}}" for text, width in zip(row, widths, strict=True)]
        lines.append("  ".join([f"{name:<{first}}", *texts]))
    return lines


def _commonest(
    labels: Sequence[str], given: Sequence[str | None], counts: Sequence[Sequence[int]]
) -> list[str]:
    wrong = [
        (count, right, said)
        for right, row in zip(labels, counts, strict=True)
        for said, count in zip(given, row, strict=True)
        if count and said != right
    ]
    wrong.sort(key=lambda one: -one[0])
    return [
        f"{count} x {_short(right)} taken for {_short(said)}"
        for count, right, said in wrong[:MOST_CONFUSIONS]
    ]


def _short(label: str | None) -> str:
    text = NO_LABEL if label is None else "".join(c if c.isprintable() else " " for c in label)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"

"""Few-shot examples: solved rows shown before the question.

They come from a pool of rows, in one of four ways:

- `random`: so many rows, drawn by the seed.
- `balanced`: as evenly over the labels as the number allows.
- `fixed`: the rows whose ids are given, in that order.
- `nearest`: for each question its own, the most similar ones of the pool (`similar.py`), the most
  similar last, next to the question. No seed: equal similarity goes to the row that comes first.

An example that is also tested would give its answer away, so it is refused, whether it has the id
of a tested row or only its words.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import final

from ..errors import DataError
from .duplicates import normal_words
from .rows import Row
from .similar import SimilarTexts

__all__ = ["WAYS", "Examples", "choose_examples", "draw_examples"]

WAYS = ("random", "balanced", "nearest", "fixed")


@final
class Examples:
    """The examples of every question: the same ones, or its own.

    Args:
        rows: shown before every question; or the pool, where `nearest` is given.
        nearest: how many of the pool each question shows, those most like it.
    """

    def __init__(self, rows: Sequence[Row], nearest: int | None = None) -> None:
        self._rows = tuple(rows)
        self._nearest = nearest
        self._index = SimilarTexts([_text(row.fields) for row in rows]) if nearest else None
        self._known: dict[str, tuple[Row, ...]] = {}

    def before(self, fields: Mapping[str, str]) -> tuple[Row, ...]:
        """Return the rows shown before the question about `fields`, in this order."""
        if self._index is None or self._nearest is None:
            return self._rows
        text = _text(fields)
        if text not in self._known:
            places = self._index.nearest(text, self._nearest)
            self._known[text] = tuple(self._rows[place] for place in reversed(places))
        return self._known[text]


def choose_examples(
    pool: Sequence[Row],
    count: int,
    choose: str = "balanced",
    *,
    tests: Sequence[Row],
    labels: Sequence[str] = (),
    ids: Sequence[str] = (),
    seed: int = 0,
) -> Examples:
    """Choose the examples of the questions about `tests`.

    Args:
        pool: solved rows to choose from.
        count: examples before each question; for `fixed`, the number of `ids`.
        choose: `random`, `balanced`, `nearest` or `fixed`.
        tests: all rows that are asked about.
        labels: what to balance.
        ids: rows of the pool to show, for `fixed`.
        seed: of `random` and `balanced`.

    Raises:
        DataError: the pool does not suffice or lacks an id, an example has no answer, or one is
            among the tested rows.
    """
    if choose not in WAYS:
        raise DataError(f"no way to choose examples {choose!r}", f"use {', '.join(WAYS)}")
    if bool(ids) != (choose == "fixed"):
        raise DataError("ids of examples go with the choice `fixed`, and only with it")
    if choose == "fixed":
        if count != len(ids):
            raise DataError(f"{count} examples were asked for, but {len(ids)} ids are given")
        found = Examples(_by_id(pool, ids))
    elif len(pool) < count:
        raise DataError(f"{count} examples were asked for, the pool has {len(pool)} rows")
    elif choose == "balanced":
        found = Examples(draw_examples(pool, labels, count, seed))
    elif choose == "random":
        found = Examples(random.Random(seed).sample(list(pool), count))
    else:
        found = Examples(pool, nearest=count)
    _check(found, tests)
    return found


def draw_examples(rows: Sequence[Row], labels: Sequence[str], count: int, seed: int) -> list[Row]:
    """Draw `count` rows, as evenly over the labels as the number allows, in a seeded order.

    The same rows stand before every question, so that answers differ by the question alone.

    Raises:
        DataError: when a label has too few rows for its share, or there are no labels.
    """
    if not labels:
        raise DataError("balanced examples need labels to balance", "choose random or nearest")
    draw = random.Random(seed)
    # Which labels get one more, where the count does not divide, is drawn too.
    order = draw.sample(list(labels), len(labels))
    chosen: list[Row] = []
    for place, label in enumerate(order):
        share = count // len(labels) + (place < count % len(labels))
        of_label = [row for row in rows if row.label == label]
        if len(of_label) < share:
            raise DataError(
                f"{share} examples of label {label!r} are needed, data.train has {len(of_label)}",
                "lower prompt.few_shot or give more rows",
            )
        chosen += of_label[:share]
    draw.shuffle(chosen)
    return chosen


def _by_id(pool: Sequence[Row], ids: Sequence[str]) -> list[Row]:
    known = {row.id: row for row in pool}
    missing = [name for name in ids if name not in known]
    if missing:
        raise DataError(f"no row {missing[0]!r} to show as an example", "use ids of the pool")
    if len(set(ids)) < len(ids):
        raise DataError("an example is named twice", "name each once")
    return [known[name] for name in ids]


def _check(examples: Examples, tests: Sequence[Row]) -> None:
    """Refuse examples without an answer, and those that are also tested."""
    tested = {row.id for row in tests}
    texts = {_normal(row.fields): row.id for row in tests}
    for test in tests or [Row("", {}, None)]:
        for row in examples.before(test.fields):
            if row.label is None:
                raise DataError(f"row {row.id!r} is an example, but has no answer")
            twin = row.id if row.id in tested else texts.get(_normal(row.fields))
            if twin is not None:
                raise DataError(
                    f"example {row.id!r} is also tested: it has the "
                    f"{'id' if twin == row.id else 'words'} of row {twin!r}",
                    "take such rows out of the pool, or choose others by their ids",
                )


def _text(fields: Mapping[str, str]) -> str:
    return "\n".join(fields[name] for name in sorted(fields))


def _normal(fields: Mapping[str, str]) -> tuple[str, ...]:
    """Return the words of a row; of a row without any, its signs."""
    text = _text(fields)
    return normal_words(text) or ("", " ".join(text.split()))

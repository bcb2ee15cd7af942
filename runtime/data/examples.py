"""Few-shot examples: labelled rows shown before the question."""

import random
from collections.abc import Sequence

from ..errors import DataError
from .rows import Row

__all__ = ["draw_examples"]


def draw_examples(rows: Sequence[Row], labels: Sequence[str], count: int, seed: int) -> list[Row]:
    """Draw `count` rows, as evenly over the labels as the number allows, in a seeded order.

    The same rows stand before every question, so that answers differ by the question alone.

    Raises:
        DataError: when a label has too few rows for its share.
    """
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

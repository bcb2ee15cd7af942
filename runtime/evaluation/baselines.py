"""What a model must beat: always answering the commonest label."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ..data import Row
from ..errors import DataError


def majority_baseline(train_rows: Sequence[Row] | None, test_rows: Sequence[Row]) -> dict[str, Any]:
    """Return {label, accuracy} of always answering the commonest label.

    The label is chosen on the training rows, or on the test rows where there are none
    (which can only flatter the baseline). Ties go to the label first in the alphabet.

    Raises:
        DataError: there are no labelled test rows.
    """
    gold = [row.label for row in test_rows if row.label is not None]
    if not gold:
        raise DataError("there are no labelled test rows; give data.test rows with labels")
    counts = Counter(row.label for row in train_rows or () if row.label is not None)
    counts = counts or Counter(gold)
    label = min(counts, key=lambda name: (-counts[name], name))
    return {"label": label, "accuracy": gold.count(label) / len(gold)}

"""What a training notes of its micro-batches: the largest, whatever way its rows lie."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from nivel.runtime.training import LabelledRows
from nivel.runtime.training.footprint import Footprint

ROWS = [[5, 6, 7], [5, 6, 7, 8, 9], [5, 6]]


@pytest.mark.parametrize(("packing", "size"), [(False, (3, 5, 15)), (True, (3, 4, 10))])
def test_the_largest_micro_batch_is_noted(packing: bool, size: tuple[int, ...]) -> None:
    run: Any = None
    footprint = Footprint(run)
    rows = LabelledRows(ROWS, ROWS, 0, packing=packing)
    for drawn in ([0, 1, 2], [2]):
        footprint.batch(rows.collate(drawn))
    footprint.batch({"inputs_embeds": torch.zeros(9, 9)})  # features have no tokens
    assert (footprint.rows, footprint.length, footprint.tokens) == size

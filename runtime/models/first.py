"""Weights that the first process alone holds, where the others get only their parts of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch

from ..records.ranks import is_rank_zero

__all__ = ["first_alone"]


@contextmanager
def first_alone() -> Iterator[None]:
    """Make a model as ever in the first process, and without its numbers in all others.

    So a machine's memory holds the weights once, however many processes it has, and they are the
    same bits as those of a run in one process. `shard` then gives each process its part.
    """
    with nullcontext() if is_rank_zero() else torch.device("meta"):
        yield


def without_numbers() -> bool:
    """Whether what is made now has shapes alone: in the block of `first_alone`, not in the first
    process."""
    return torch.get_default_device().type == "meta"

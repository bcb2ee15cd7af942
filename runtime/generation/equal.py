"""Answers of models whose caches cannot be padded or mixed: sliding windows, recurrent states.

Such a cache counts or swallows padding. It is exact for rows that began together and are equally
long, so only prompts of one length share a batch here, and a new batch begins when all have ended.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from ..errors import ModelError

__all__ = ["EqualLengths"]


class EqualLengths:
    """As `Slots`, for prompts that are admitted together and have the same length."""

    shared = 0

    def __init__(self, model: Any, count: int) -> None:
        base = model.get_base_model() if hasattr(model, "get_base_model") else model
        if "past_key_values" not in inspect.signature(base.forward).parameters:
            raise ModelError(
                f"{type(base).__name__} keeps its past in a way that nivel does not know",
                "use a model whose forward takes past_key_values",
            )
        self.model = model
        self.device = next(model.parameters()).device
        self._config = base.config
        layers = DynamicCache(config=base.config).layers
        # What cannot be narrowed to the rows that are left is asked one by one.
        self.count = count if all(hasattr(x, "batch_select_indices") for x in layers) else 1
        self.lengths: list[int] = []
        self._cache: Any = None

    def admit(self, prompts: Sequence[Sequence[int]]) -> None:
        """Read prompts of one length, all but the last token of each; no row may be in work."""
        self._cache = DynamicCache(config=self._config)
        self.lengths = [len(prompt) - 1 for prompt in prompts]
        if self.lengths[0]:
            self._forward([list(prompt[:-1]) for prompt in prompts])

    def step(self, tokens: Sequence[int]) -> Tensor:
        """Read one more token per row and return the logits after it, (rows, vocabulary)."""
        logits = self._forward([[token] for token in tokens])
        self.lengths = [length + 1 for length in self.lengths]
        return logits

    def leave(self, slot: int) -> int:
        """Drop a row; the last one takes its place. Returns the row that moved."""
        last = len(self.lengths) - 1
        order = list(range(last))
        if slot != last:
            order[slot] = last
        if order:
            self._cache.batch_select_indices(torch.tensor(order, device=self.device))
        self.lengths = [self.lengths[row] for row in order]
        return last

    def _forward(self, ids: list[list[int]]) -> Tensor:
        output = self.model(
            input_ids=torch.tensor(ids, device=self.device),
            past_key_values=self._cache,
            use_cache=True,
        )
        logits: Tensor = output.logits[:, -1]
        return logits

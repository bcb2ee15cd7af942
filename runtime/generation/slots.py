"""Keys and values of the answers in work: one slot per answer, each of its own length.

Transformers' growing cache is copied whole for every token and keeps all rows equally long, with
padding. Here a slot is written in place at its own length, so that an answer can end, and another
begin in its slot, while its neighbours go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import Cache, DynamicCache
from transformers.cache_utils import CacheLayerMixin

__all__ = ["Slots"]

# Positions by which storage grows, so that it is seldom moved.
BLOCK = 64


class _SlotLayer(CacheLayerMixin):  # type: ignore[no-untyped-call]
    """One layer's storage, (slots, heads, positions, size), written at each row's own length."""

    is_sliding = False

    def __init__(self, slots: Slots) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._slots = slots
        self._stored: list[Tensor] = []  # keys, values

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Make room like what is to be kept, (any number, heads, any number, size)."""
        self._stored = [self._room(key_states), self._room(value_states)]
        self.is_initialized = True

    def _room(self, like: Tensor) -> Tensor:
        shape = (self._slots.count, like.shape[1], self._slots.capacity, like.shape[3])
        # Zeros, not garbage: a masked position still meets a weight of 0, and 0 x NaN is NaN.
        return like.new_zeros(shape)

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Write one position per row and return all positions that any row may see."""
        slots = self._slots
        if not self._stored:
            self.lazy_initialization(key_states, value_states)
        rows = len(slots.lengths)
        for stored, new in zip(self._stored, (key_states, value_states), strict=True):
            stored[slots.rows, :, slots.ends] = new[:, :, 0]
        keys, values = (stored[:rows, :, : slots.width] for stored in self._stored)
        return keys, values

    def copy_in(self, slot: int, keys: Tensor, values: Tensor) -> None:
        """Put a prompt's (heads, positions, size) at the start of a slot."""
        if not self._stored:
            self.lazy_initialization(keys[None], values[None])
        for stored, new in zip(self._stored, (keys, values), strict=True):
            stored[slot, :, : new.shape[1]] = new

    def move(self, source: int, target: int, length: int) -> None:
        """Copy what a slot holds over another slot."""
        for stored in self._stored:
            stored[target, :, :length] = stored[source, :, :length]

    def grow(self) -> None:
        """Make room for the capacity that the slots have now."""
        for index, old in enumerate(self._stored):
            self._stored[index] = self._room(old)
            self._stored[index][:, :, : old.shape[2]] = old

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self._slots.width, 0

    def get_seq_length(self) -> int:
        return self._slots.width - 1

    def get_max_length(self) -> int:
        return -1


class Slots:
    """The slots in use are the first ones, without gaps; the rest are free.

    Args:
        model: a causal language model for which `evaluation.prefix.can_reuse_prefix` holds.
        count: answers in work at once.
        prefix: token ids that every prompt begins with, read once here; each prompt must have at
            least one token more.
    """

    def __init__(self, model: Any, count: int, prefix: Sequence[int] = ()) -> None:
        self.model, self.count = model, count
        self.device = next(model.parameters()).device
        self.capacity = BLOCK
        self.lengths: list[int] = []  # positions written, per slot in use
        self._layers: list[_SlotLayer] = []
        self._cache: Any = None
        self._prefix: list[tuple[Tensor, Tensor]] = []
        self.shared = len(prefix)
        if prefix:
            self._prefix = self._read([list(prefix)])

    @property
    def free(self) -> int:
        return self.count - len(self.lengths)

    def admit(self, prompts: Sequence[Sequence[int]]) -> None:
        """Read prompts into free slots, all but the last token of each.

        The last token is read by the first `step`, together with the rows that are under way.
        Equal prompts are read once.
        """
        keys = [tuple(prompt[self.shared : -1]) for prompt in prompts]
        distinct = [key for key in dict.fromkeys(keys) if key]
        layers = self._read(distinct) if distinct else self._prefix
        place = {key: index for index, key in enumerate(distinct)}
        for key in keys:
            length = self.shared + len(key)
            self._reserve(length + 1)
            for layer, (k, v) in zip(self._layers_for(layers), layers, strict=True):
                row = place.get(key, 0)
                layer.copy_in(len(self.lengths), k[row, :, :length], v[row, :, :length])
            self.lengths.append(length)

    def step(self, tokens: Sequence[int]) -> Tensor:
        """Read one more token per slot and return the logits after it, (rows, vocabulary)."""
        self._reserve(max(self.lengths) + 1)
        self.rows = torch.arange(len(self.lengths), device=self.device)
        self.ends = torch.tensor(self.lengths, device=self.device)
        self.width = max(self.lengths) + 1
        columns = torch.arange(self.width, device=self.device)
        sees = (columns <= self.ends[:, None])[:, None, None]
        output = self.model(
            input_ids=torch.tensor(tokens, device=self.device)[:, None],
            attention_mask=self._as_wanted(sees),
            position_ids=self.ends[:, None],
            past_key_values=self._whole_cache(),
            use_cache=True,
        )
        self.lengths = [length + 1 for length in self.lengths]
        logits: Tensor = output.logits[:, -1]
        return logits

    def leave(self, slot: int) -> int:
        """Free a slot; the last one in use takes its place. Returns the slot that moved."""
        last = len(self.lengths) - 1
        length = self.lengths.pop()
        if slot != last:
            for layer in self._layers:
                layer.move(last, slot, length)
            self.lengths[slot] = length
        return last

    def _read(self, prompts: Sequence[Sequence[int]]) -> list[tuple[Tensor, Tensor]]:
        """Return keys and values per layer of prompts, the shared beginning in front.

        Shorter prompts are padded on the right, where a causal model's tokens do not look.
        """
        longest = max(map(len, prompts))
        ids = torch.zeros(len(prompts), longest, dtype=torch.long)
        for row, prompt in enumerate(prompts):
            ids[row, : len(prompt)] = torch.tensor(prompt)
        cache = DynamicCache()
        for index, (keys, values) in enumerate(self._prefix):
            many = (len(prompts), *keys.shape[1:])
            cache.update(keys.expand(many), values.expand(many), index)
        output = self.model(
            input_ids=ids.to(self.device), past_key_values=cache, use_cache=True, logits_to_keep=1
        )
        return [(layer.keys, layer.values) for layer in output.past_key_values.layers]

    def _layers_for(self, like: Sequence[Any]) -> list[_SlotLayer]:
        if not self._layers:
            self._layers = [_SlotLayer(self) for _ in like]
        return self._layers

    def _whole_cache(self) -> Any:
        if self._cache is None:
            count = len(DynamicCache(config=self._base().config).layers)
            self._cache = Cache(layers=list(self._layers_for(range(count))))
        return self._cache

    def _reserve(self, positions: int) -> None:
        if positions > self.capacity:
            self.capacity = max(positions + BLOCK, self.capacity * 3 // 2)
            for layer in self._layers:
                layer.grow()

    def _base(self) -> Any:
        return self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model

    def _as_wanted(self, sees: Tensor) -> Tensor:
        """Return a bool mask as the attention wants it: eager attention adds its mask."""
        if self._base().config._attn_implementation == "sdpa":
            return sees
        dtype = self.model.get_input_embeddings().weight.dtype
        mask = torch.zeros(sees.shape, dtype=dtype, device=sees.device)
        return mask.masked_fill(~sees, torch.finfo(dtype).min)

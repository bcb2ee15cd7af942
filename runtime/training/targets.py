"""Rows with targets for a head, and the loss of its outputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from .batches import IGNORED, PADDING_ROW

__all__ = ["FeatureRows", "TargetRows", "target_loss"]


class Targets(Protocol):
    """Token ids and targets; `places` are those of labelled tokens, empty for whole rows."""

    @property
    def input_ids(self) -> Sequence[Sequence[int]]: ...

    @property
    def targets(self) -> Sequence[Sequence[float]]: ...

    @property
    def places(self) -> Sequence[Sequence[int]]: ...


class TargetRows:
    """Rows of token ids, each with a target, or with one for some of its tokens.

    Micro-batches are padded on the right, where positions of encoders begin at 0 and causal heads
    look for the last token.

    Args:
        rows: of `encode_targets`.
        pad_id: a token that is masked.
        numbers: whether targets are numbers, and not places of labels.
    """

    def __init__(self, rows: Targets, pad_id: int, *, numbers: bool = False) -> None:
        self.rows, self.pad_id, self.numbers = rows, pad_id, numbers

    def __len__(self) -> int:
        return len(self.rows.input_ids)

    def trained_tokens(self, index: int) -> int:
        return len(self.rows.targets[index])

    def length(self, index: int) -> int:
        """How many tokens row ``index`` has."""
        return len(self.rows.input_ids[index])

    def collate(self, indices: Sequence[int]) -> dict[str, Tensor]:
        """Ids and ``attention_mask`` (rows, longest row); ``labels`` (rows,), or as the ids."""
        length = max(len(self.rows.input_ids[max(index, 0)]) for index in indices)
        ids = torch.full((len(indices), length), self.pad_id)
        mask = torch.zeros_like(ids)
        for line, index in enumerate(indices):
            row = self.rows.input_ids[max(index, 0)]
            ids[line, : len(row)] = torch.tensor(row)
            mask[line, : len(row)] = 1
        labels = self._labels(indices, length)
        return {"input_ids": ids, "attention_mask": mask, "labels": labels}

    def _labels(self, indices: Sequence[int], length: int) -> Tensor:
        places = [self.rows.places[max(index, 0)] for index in indices]
        if not any(places):
            return _targets(self.rows, indices, numbers=self.numbers)[:, 0]
        labels = torch.full((len(indices), length), IGNORED)
        for line, index in enumerate(indices):
            if index != PADDING_ROW:
                labels[line, list(places[line])] = torch.tensor(self.rows.targets[index]).long()
        return labels


class FeatureRows:
    """Rows as the features that a frozen backbone gave, computed once; targets as of `rows`."""

    def __init__(self, features: Sequence[Tensor], rows: Targets, *, numbers: bool = False) -> None:
        self.features, self.rows, self.numbers = features, rows, numbers

    def __len__(self) -> int:
        return len(self.features)

    def trained_tokens(self, index: int) -> int:
        return len(self.rows.targets[index])

    def collate(self, indices: Sequence[int]) -> dict[str, Tensor]:
        """``inputs_embeds`` (rows, targets, width) and ``labels`` (rows,) or (rows, targets)."""
        chosen = [self.features[max(index, 0)] for index in indices]
        embeds = torch.nn.utils.rnn.pad_sequence(chosen, batch_first=True)
        labels = _targets(self.rows, indices, numbers=self.numbers)
        words = any(self.rows.places[max(index, 0)] for index in indices)
        return {"inputs_embeds": embeds, "labels": labels if words else labels[:, 0]}


def _targets(rows: Targets, indices: Sequence[int], *, numbers: bool) -> Tensor:
    """Return targets (rows, most of a row); NaN, or the label that no loss reads, where none is."""
    most = max(len(rows.targets[max(index, 0)]) for index in indices)
    labels = torch.full((len(indices), most), math.nan if numbers else IGNORED)
    for line, index in enumerate(indices):
        if index != PADDING_ROW:
            found = torch.tensor(rows.targets[index], dtype=labels.dtype)
            labels[line, : len(found)] = found
    return labels


def target_loss(model: Any, batch: dict[str, Tensor]) -> Tensor:
    """Loss of a head's outputs in fp32, summed over the targets of one micro-batch.

    Cross-entropy in nats where targets are labels, squared error where they are numbers.

    Args:
        model: with a head; with or without a peft adapter, whole or reading features.
        batch: of `TargetRows` or `FeatureRows`.
    """
    names = ("input_ids", "attention_mask", "inputs_embeds")
    inputs = {name: batch[name] for name in names if name in batch}
    outputs: Tensor = model(**inputs).logits.float()
    labels = batch["labels"]
    if labels.is_floating_point():
        known = ~labels.isnan()
        errors = (outputs.flatten() - labels.nan_to_num()) * known
        return (errors**2).sum()
    return cross_entropy(
        outputs.reshape(-1, outputs.shape[-1]),
        labels.reshape(-1),
        ignore_index=IGNORED,
        reduction="sum",
    )

"""Learning to embed: texts that belong together are drawn together, others of the batch apart.

The other rows of the optimizer step are the negatives, so the loss of a row depends on all of
them. They are encoded a few at a time: each chunk's activations are dropped and made again when
its gradient is due (gradient caching, Gao et al., arXiv:2101.06983, here by checkpointing each
chunk). So the size of a chunk changes memory and time and not the loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

from ..models.embedders import pool
from .batches import PADDING_ROW

__all__ = ["AnchorRows", "contrastive_loss"]


class Pairs(Protocol):
    """Token ids of each row's anchor, positive and, where there are any, negative."""

    @property
    def texts(self) -> Sequence[Sequence[Sequence[int]]]: ...


class AnchorRows:
    """Rows of texts that belong together.

    Args:
        rows: of `encode_anchors`; all have as many texts.
        pad_id: a token that is masked.
    """

    def __init__(self, rows: Pairs, pad_id: int) -> None:
        self.texts, self.pad_id = rows.texts, pad_id
        known: dict[tuple[int, ...], int] = {}
        self._groups = [
            [known.setdefault(tuple(text), len(known)) for text in texts[1:]]
            for texts in rows.texts
        ]

    def __len__(self) -> int:
        return len(self.texts)

    def trained_tokens(self, index: int) -> int:
        return 1  # the loss is a mean over rows

    def collate(self, indices: Sequence[int]) -> dict[str, Tensor]:
        """Texts of rows, all anchors first, then all positives, then all negatives.

        ``input_ids`` and ``attention_mask`` are (texts, longest); ``groups``, (candidates,), tells
        equal candidates by equal numbers; ``real``, (rows,), is False for rows that train nothing.
        """
        chosen = [self.texts[max(index, 0)] for index in indices]
        groups = [self._groups[max(index, 0)] for index in indices]
        texts = [text for part in zip(*chosen, strict=True) for text in part]
        length = max(map(len, texts))
        ids = torch.full((len(texts), length), self.pad_id)
        mask = torch.zeros_like(ids)
        for line, text in enumerate(texts):
            ids[line, : len(text)] = torch.tensor(text)
            mask[line, : len(text)] = 1
        numbers = [number for part in zip(*groups, strict=True) for number in part]
        real = [index != PADDING_ROW for index in indices]
        return {
            "input_ids": ids,
            "attention_mask": mask,
            "groups": torch.tensor(numbers),
            "real": torch.tensor(real),
        }


def contrastive_loss(
    model: Any, batch: dict[str, Tensor], *, temperature: float, pooling: str, micro_batch: int
) -> Tensor:
    """InfoNCE in nats, summed over the rows of an optimizer step (arXiv:1807.03748, equation 4).

    Each anchor has to tell its positive from the positives and negatives of all rows, by cosine
    over `temperature`. A candidate that is the same text as the positive is no negative.

    Args:
        batch: of `AnchorRows`, all rows of the step.
        micro_batch: texts that go through the model at once.
    """
    vectors = _encode(model, batch, pooling, micro_batch)
    real, groups = batch["real"], batch["groups"]
    count = len(real)
    anchors, candidates = vectors[:count], vectors[count:]
    scores = anchors @ candidates.T / temperature
    own = torch.eye(count, len(candidates), dtype=torch.bool, device=scores.device)
    alike = (groups[:count, None] == groups[None, :]) & ~own
    absent = ~real.repeat(len(candidates) // count)[None, :] & ~own
    scores = scores.masked_fill(alike | absent, float("-inf"))
    targets = torch.arange(count, device=scores.device)
    return (cross_entropy(scores, targets, reduction="none") * real).sum()


def _encode(model: Any, batch: dict[str, Tensor], pooling: str, micro_batch: int) -> Tensor:
    ids, mask = batch["input_ids"], batch["attention_mask"]

    def chunk(some: Tensor, seen: Tensor) -> Tensor:
        return pool(model(input_ids=some, attention_mask=seen).last_hidden_state, seen, pooling)

    found = []
    for start in range(0, len(ids), micro_batch):
        some, seen = ids[start : start + micro_batch], mask[start : start + micro_batch]
        length = int(seen.sum(1).max())
        part = some[:, :length], seen[:, :length]
        if torch.is_grad_enabled() and len(ids) > micro_batch:
            vectors: Any = checkpoint(chunk, *part, use_reentrant=False)
            found.append(vectors)
        else:
            found.append(chunk(*part))
    return torch.cat(found)

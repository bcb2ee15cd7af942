"""Learning to embed: texts that belong together are drawn together, others of the step apart.

The other rows of the optimizer step are the negatives, so the loss of a row depends on all of
them. They are encoded a few at a time: each chunk's activations are dropped and made again when
its gradient is due (gradient caching, Gao et al., arXiv:2101.06983, here by checkpointing each
chunk). So the size of a chunk changes memory and time and not the loss. Processes exchange
vectors, and each has the loss of the whole step: its gradient runs through its own texts alone,
and the sum over processes is that of one process that had them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, distributed
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

from ..models.pooling import pool
from .batches import PADDING_ROW

__all__ = ["AnchorRows", "contrastive_loss"]


class Anchored(Protocol):
    """Token ids of each row's anchor, positive and, where there are any, negative."""

    @property
    def texts(self) -> Sequence[Sequence[Sequence[int]]]: ...


class AnchorRows:
    """Rows of texts that belong together; a loss is a mean over rows.

    Args:
        rows: of `encode_anchors`; all have as many texts.
        pad_id: a token that is masked.
    """

    unit = "rows"

    def __init__(self, rows: Anchored, pad_id: int) -> None:
        self.texts, self.pad_id = rows.texts, pad_id
        known: dict[tuple[int, ...], int] = {}
        self._numbers = [
            [known.setdefault(tuple(text), len(known)) for text in texts] for texts in rows.texts
        ]

    def __len__(self) -> int:
        return len(self.texts)

    def trained_tokens(self, index: int) -> int:
        """Every row counts once, however long it is."""
        return 1

    def length(self, index: int) -> int:
        """How many tokens the longest text of row ``index`` has."""
        return max(map(len, self.texts[index]))

    def collate(self, indices: Sequence[int]) -> dict[str, Tensor]:
        """Texts of rows, all anchors first, then all positives, then all negatives.

        ``input_ids`` and ``attention_mask`` are (texts, longest); ``numbers``, (parts, rows), tells
        equal texts by equal numbers; ``real``, (rows,), is False for rows that train nothing.
        """
        places = [max(index, 0) for index in indices]
        texts = [text for part in zip(*(self.texts[k] for k in places), strict=True)
                 for text in part]  # fmt: skip
        length = max(map(len, texts))
        ids = torch.full((len(texts), length), self.pad_id)
        mask = torch.zeros_like(ids)
        for line, text in enumerate(texts):
            ids[line, : len(text)] = torch.tensor(text)
            mask[line, : len(text)] = 1
        return {
            "input_ids": ids,
            "attention_mask": mask,
            "numbers": torch.tensor([self._numbers[k] for k in places]).T.contiguous(),
            "real": torch.tensor([index != PADDING_ROW for index in indices]),
        }


def contrastive_loss(
    model: Any,
    batch: dict[str, Tensor],
    *,
    temperature: float,
    pooling: str,
    micro_batch: int,
    symmetric: bool = False,
) -> Tensor:
    """InfoNCE in nats, summed over the rows of an optimizer step (arXiv:1807.03748, equation 4).

    Each anchor has to tell its positive from the positives and negatives of all rows, by cosine
    over `temperature`. No negative is what is known to be right: a text that is the same as the
    positive, or the positive of an anchor that is the same.

    Args:
        batch: of `AnchorRows`, this process's rows of the step.
        micro_batch: rows whose texts go through the model at once.
        symmetric: the mean with the other direction, where each positive has to tell its anchor
            from the anchors of all rows (arXiv:2103.00020, figure 3).
    """
    parts = len(batch["numbers"])
    vectors = _encode(model, batch, pooling, micro_batch * parts)
    vectors = _everywhere(vectors.view(parts, -1, vectors.shape[-1]))
    numbers, real = _everywhere(batch["numbers"]), _everywhere(batch["real"][None])[0]
    with torch.autocast(vectors.device.type, enabled=False):  # products of 8 bits tell too little
        losses = _told_apart(vectors[0], vectors[1:], numbers[0], numbers[1:], real, temperature)
        if symmetric:
            back = vectors[1], vectors[:1], numbers[1], numbers[:1]
            losses = (losses + _told_apart(*back, real, temperature)) / 2
    return (losses * real).sum()


def _told_apart(
    anchors: Tensor,
    texts: Tensor,
    known: Tensor,
    numbers: Tensor,
    real: Tensor,
    temperature: float,
) -> Tensor:
    """Return the cross-entropy of each anchor's own text among all `texts`, (rows,).

    Args:
        anchors: unit vectors (rows, width), with their `known` numbers, (rows,).
        texts: unit vectors (parts, rows, width), the right ones first, with their `numbers`.
    """
    parts, count = numbers.shape
    scores = anchors @ texts.flatten(0, 1).T / temperature
    own = torch.eye(count, parts * count, dtype=torch.bool, device=scores.device)
    alike = numbers[0][:, None] == numbers.flatten()[None, :]
    alike[:, :count] |= known[:, None] == known[None, :]
    absent = ~real.repeat(parts)[None, :]
    scores = scores.masked_fill((alike | absent) & ~own, float("-inf"))
    return cross_entropy(scores, torch.arange(count, device=scores.device), reduction="none")


def _encode(model: Any, batch: dict[str, Tensor], pooling: str, at_once: int) -> Tensor:
    """Return the unit vectors of this process's texts, (texts, width), so many at once."""
    ids, mask = batch["input_ids"], batch["attention_mask"]
    order = mask.sum(1).argsort(stable=True, descending=True)  # the fullest chunk comes first

    def chunk(some: Tensor, seen: Tensor) -> Tensor:
        return pool(model(input_ids=some, attention_mask=seen).last_hidden_state, seen, pooling)

    found = []
    for places in torch.split(order, at_once):
        seen = mask[places]
        length = int(seen.sum(1).max())
        part = ids[places, :length], seen[:, :length]
        if torch.is_grad_enabled() and len(ids) > at_once:
            vectors: Any = checkpoint(chunk, *part, use_reentrant=False)
            found.append(vectors)
        else:
            found.append(chunk(*part))
    return torch.cat(found)[order.argsort()]


def _everywhere(mine: Tensor) -> Tensor:
    """Join what processes have along the second dimension; gradients run through one's own."""
    if not distributed.is_initialized() or distributed.get_world_size() == 1:
        return mine
    parts = [torch.empty_like(mine) for _ in range(distributed.get_world_size())]
    distributed.all_gather(parts, mine.detach().contiguous())
    parts[distributed.get_rank()] = mine
    return torch.cat(parts, dim=1)

"""Choose the next token of every row from its logits.

A row's choice depends on that row alone. The draw is a pure function of (seed, cell, place in the
answer), so that a sampled answer is the same whatever stands beside it in a batch and wherever a
resumed run begins again. Only rounding differs between batches: a draw that falls within about
1e-6 of the border between two tokens could go either way.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from .settings import Settings

__all__ = ["likeliest_first", "pick", "uniform"]

# With top_p or min_p, so many of the likeliest tokens are sorted; a row that needs more of them
# is sorted whole. Sorting 32,000 logits takes about as long as a small model's forward pass.
SORTED_AT_ONCE = 512


def uniform(seed: int, cell: str, step: int) -> float:
    """Return the number in [0, 1) that decides token `step` of the answer to `cell`.

    53 bits of a sha256, which unlike torch's generators is the same on every machine and version.
    """
    digest = hashlib.sha256(f"{seed} {cell} {step}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) * 2.0**-53


def pick(
    logits: Tensor,
    settings: Settings,
    draws: Sequence[float],
    *,
    prompts: Sequence[Sequence[int]] = (),
    answers: Sequence[Sequence[int]] = (),
    allowed: Tensor | None = None,
) -> tuple[list[int], list[float]]:
    """Return the next token of every row and its log-probability under the model.

    Args:
        logits: of the model, shape (rows, vocabulary).
        settings: the same for all rows.
        draws: one number in [0, 1) per row; not looked at where temperature is 0.
        prompts, answers: token ids per row so far; needed where `settings` penalise.
        allowed: bool, shape (rows, vocabulary): the tokens that may be chosen; None is all.

    Returns:
        Token ids, and natural log-probabilities from the logits as they came.
    """
    own = logits.float()
    bent = _penalised(own, settings, prompts, answers) if settings.penalises else own
    if allowed is not None:
        bent = bent.masked_fill(~allowed, -torch.inf)
    if settings.temperature == 0.0:
        chosen = bent.argmax(-1)
    else:
        points = torch.tensor(draws, dtype=torch.float64, device=own.device)
        chosen = _drawn(bent, settings, points)
    logs = own.gather(-1, chosen[:, None])[:, 0] - own.logsumexp(-1)
    return chosen.tolist(), logs.tolist()


def _penalised(
    logits: Tensor,
    settings: Settings,
    prompts: Sequence[Sequence[int]],
    answers: Sequence[Sequence[int]],
) -> Tensor:
    bent = logits.clone()
    for row, prompt, answer in zip(bent, prompts, answers, strict=True):
        if settings.repetition_penalty != 1.0:
            seen = torch.tensor(sorted({*prompt, *answer}), device=row.device)
            found = row[seen]
            strength = settings.repetition_penalty
            row[seen] = torch.where(found > 0, found / strength, found * strength)
        counts = Counter(answer)
        if counts:
            ids = torch.tensor(list(counts), device=row.device)
            times = torch.tensor(list(counts.values()), device=row.device, dtype=row.dtype)
            row[ids] -= settings.presence_penalty + settings.frequency_penalty * times
    return bent


def _drawn(logits: Tensor, settings: Settings, points: Tensor) -> Tensor:
    """Return one token per row, each where its point falls on the row's cumulated shares."""
    if settings.top_k == 0 and settings.top_p == 1.0 and settings.min_p == 0.0:
        return _where((logits.double() / settings.temperature).softmax(-1), points)
    rows = []
    for row, point in zip(logits, points, strict=True):
        shares, ids = likeliest_first(row, settings)
        rows.append(ids[_where(shares[None], point[None])[0]])
    return torch.stack(rows)


def _where(shares: Tensor, points: Tensor) -> Tensor:
    """Return the first place per row where the cumulated shares exceed the point's part of them."""
    cumulated = shares.cumsum(-1)
    whole = cumulated[:, -1:]
    # A point next to 1 may round up to the whole, which no place exceeds.
    target = torch.minimum(points[:, None] * whole, torch.nextafter(whole, torch.zeros_like(whole)))
    return torch.searchsorted(cumulated, target, right=True)[:, 0]


def likeliest_first(logits: Tensor, settings: Settings) -> tuple[Tensor, Tensor]:
    """Return the shares (fp64, not summing to 1) and ids that may be drawn, likeliest first.

    temperature, top_k, top_p and min_p in this order, as in Transformers: top_p is a share of
    what top_k left, and the token that reaches it is kept.

    Args:
        logits: of one row, shape (vocabulary,).
    """
    size = len(logits)
    count = settings.top_k or SORTED_AT_ONCE
    values, ids = logits.topk(min(count, size))
    scaled = values.double() / settings.temperature
    if settings.top_k:
        shares = scaled.softmax(-1)
    else:
        shares = (scaled - (logits.double() / settings.temperature).logsumexp(-1)).exp()
    before = shares.cumsum(-1) - shares
    kept = (before < settings.top_p) & (shares >= settings.min_p * shares[0]) & (shares > 0)
    kept[0] = True
    if settings.top_k == 0 and count < size and bool(kept[-1]):
        return likeliest_first(logits, replace(settings, top_k=size))
    return shares[kept], ids[kept]

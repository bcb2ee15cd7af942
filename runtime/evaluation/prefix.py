"""Log-probabilities of label continuations, reading each prompt once.

All labels of a row hang on the same prompt, so the prompt's keys and values are
computed once and kept. The first token of every label is then already predicted by the
prompt's last position. What is left of longer labels is laid side by side in one short
sequence per row with a mask that lets a token see the prompt and its own label only,
so that no cache is copied per label. What all prompts begin with (few-shot examples,
instructions) is read once for the whole data set.
"""

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import DynamicCache

# Below this many tokens a shared beginning costs more in a separate pass than it saves.
SHORTEST_SHARED_PREFIX = 16
# Largest (rows x positions x vocabulary) block of logits held at once: 256 MB in fp32.
LARGEST_LOGITS = 2**26

Ids = Sequence[int]


class Reports(Protocol):
    """Anything that can be told how many rows are done, such as `records.Progress`."""

    def update(self, done: int, **values: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class Branches:
    """Label tails beside one another. Tensors have shape (tokens,), `sees` (tokens, tokens)."""

    tokens: Tensor  # ids that are fed: each label without its last token
    targets: Tensor  # ids they predict: each label without its first token
    depths: Tensor  # positions after the end of the prompt
    owners: Tensor  # index of the label each token belongs to
    sees: Tensor  # bool: may token i (row) attend to token j (column)


def score_labels(
    model: Any,
    prompts: Sequence[Ids],
    labels: Sequence[Ids],
    *,
    batch_size: int = 16,
    progress: Reports | None = None,
) -> Tensor:
    """Return log p(label | prompt) in nats, fp32 on the CPU, shape (prompts, labels).

    Prompts are batched by length, longest first, and padded on the right. The model is
    left in the mode (train or eval) it came in. Every prompt and label must be non-empty.
    """
    scores = torch.empty(len(prompts), len(labels), dtype=torch.float32)
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            scorer = _PrefixScorer if can_reuse_prefix(model) else _WholeScorer
            score = scorer(model, prompts, labels)
            done = 0
            for batch in _batches(prompts, batch_size):
                scores[batch] = score([prompts[index] for index in batch]).cpu()
                done += len(batch)
                if progress is not None:
                    progress.update(done)
    finally:
        model.train(was_training)
    return scores


def can_reuse_prefix(model: Any) -> bool:
    """Say whether cached prompts are exact for this model.

    They are where every layer keeps plain keys and values, positions can be given and
    masks are dense. Sliding windows count padding and recurrent states swallow it, so
    these are scored as whole sequences instead.
    """
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    accepted = inspect.signature(base.forward).parameters
    if not {"position_ids", "past_key_values", "logits_to_keep"} <= set(accepted):
        return False
    if getattr(base.config, "_attn_implementation", None) not in ("sdpa", "eager"):
        return False
    layers = DynamicCache(config=base.config).layers
    return all(type(layer).__name__ == "DynamicLayer" for layer in layers)


def shared_prefix_length(prompts: Sequence[Ids]) -> int:
    """Count the leading tokens all prompts share, leaving each at least one of its own."""
    # The least and the greatest prompt differ no later than any other two.
    first, last = min(map(list, prompts)), max(map(list, prompts))
    limit = min(len(prompt) for prompt in prompts) - 1
    length = 0
    while length < limit and first[length] == last[length]:
        length += 1
    return length


def _batches(prompts: Sequence[Ids], size: int) -> Iterator[list[int]]:
    """Yield row numbers by falling length: memory runs out at once or not at all."""
    order = sorted(range(len(prompts)), key=lambda index: (-len(prompts[index]), index))
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _padded(sequences: Sequence[Ids], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return (rows, longest) ids padded on the right with 0, and the lengths (rows,)."""
    lengths = torch.tensor([len(sequence) for sequence in sequences], device=device)
    ids = torch.zeros(len(sequences), int(lengths.max()), dtype=torch.long)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.tensor(sequence)
    return ids.to(device), lengths


def _log_probability(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the fp32 log-probability of `targets` (...) under `logits` (..., vocabulary)."""
    logits = logits.float()
    chosen = logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return chosen - logits.logsumexp(-1)


class _PrefixScorer:
    """Scores batches of prompts from cached keys and values."""

    def __init__(self, model: Any, prompts: Sequence[Ids], labels: Sequence[Ids]) -> None:
        self.model, self.labels = model, labels
        self.device = next(model.parameters()).device
        self.vocabulary = int(model.get_output_embeddings().weight.shape[0])
        self.heads = torch.tensor([label[0] for label in labels], device=self.device)
        self.shared = shared_prefix_length(prompts) if len(prompts) > 1 else 0
        if self.shared < SHORTEST_SHARED_PREFIX:
            self.shared = 0
        self.prefix = self._read_prefix(prompts[0][: self.shared]) if self.shared else []

    def __call__(self, prompts: Sequence[Ids]) -> Tensor:
        """Return scores of shape (prompts, labels)."""
        ids, lengths = _padded([prompt[self.shared :] for prompt in prompts], self.device)
        rows, width = ids.shape
        columns = torch.arange(width, device=self.device)
        real = torch.ones(rows, self.shared + width, dtype=torch.bool, device=self.device)
        real[:, self.shared :] = columns < lengths[:, None]
        kept, where = torch.unique(lengths - 1, return_inverse=True)
        output = self.model(
            input_ids=ids,
            attention_mask=real.long(),
            position_ids=(self.shared + columns).expand(rows, width),
            past_key_values=self._prefix_for(rows),
            use_cache=True,
            logits_to_keep=kept,
        )
        ends = output.logits[torch.arange(rows, device=self.device), where]
        scores: Tensor = ends.float().log_softmax(-1)[:, self.heads]
        budget = max(1, LARGEST_LOGITS // (rows * self.vocabulary))
        for branches in _branches(self.labels, budget, self.device):
            tails = self._score_tails(branches, output.past_key_values, real, lengths)
            scores.index_add_(1, branches.owners, tails)
        return scores

    def _read_prefix(self, ids: Ids) -> list[tuple[Tensor, Tensor]]:
        """Return keys and values per layer of what all prompts begin with, batch size 1."""
        inputs = torch.tensor([list(ids)], device=self.device)
        output = self.model(input_ids=inputs, use_cache=True, logits_to_keep=1)
        return [(layer.keys, layer.values) for layer in output.past_key_values.layers]

    def _prefix_for(self, rows: int) -> DynamicCache:
        """Return a fresh cache for `rows` rows, since the model writes into what it is given."""
        cache = DynamicCache()
        for index, (keys, values) in enumerate(self.prefix):
            cache.update(
                keys.expand(rows, *keys.shape[1:]), values.expand(rows, *values.shape[1:]), index
            )
        return cache

    def _score_tails(
        self, branches: Branches, cache: DynamicCache, real: Tensor, lengths: Tensor
    ) -> Tensor:
        """Return the log-probabilities of the branches' targets, shape (rows, tokens)."""
        rows, count = len(real), len(branches.tokens)
        past = real[:, None, :].expand(rows, count, real.shape[1])
        sees = torch.cat([past, branches.sees.expand(rows, count, count)], dim=-1)
        output = self.model(
            input_ids=branches.tokens.expand(rows, count),
            attention_mask=self._dense_mask(sees[:, None]),
            position_ids=self.shared + lengths[:, None] + branches.depths,
            past_key_values=cache,
            use_cache=True,
        )
        cache.crop(-count)
        return _log_probability(output.logits, branches.targets.expand(rows, count))

    def _dense_mask(self, sees: Tensor) -> Tensor:
        """Return `sees` as the attention wants it: eager attention adds its mask."""
        if self.model.config._attn_implementation == "sdpa":
            return sees
        dtype = self.model.get_input_embeddings().weight.dtype
        mask = torch.zeros(sees.shape, dtype=dtype, device=sees.device)
        return mask.masked_fill(~sees, torch.finfo(dtype).min)


class _WholeScorer:
    """Scores batches of prompts by reading prompt and label together, one pass per label."""

    def __init__(self, model: Any, prompts: Sequence[Ids], labels: Sequence[Ids]) -> None:
        self.model, self.labels = model, labels
        self.device = next(model.parameters()).device

    def __call__(self, prompts: Sequence[Ids]) -> Tensor:
        """Return scores of shape (prompts, labels)."""
        return torch.stack([self._score(prompts, label) for label in self.labels], dim=1)

    def _score(self, prompts: Sequence[Ids], label: Ids) -> Tensor:
        ids, lengths = _padded([[*prompt, *label[:-1]] for prompt in prompts], self.device)
        real = torch.arange(ids.shape[1], device=self.device) < lengths[:, None]
        logits = self.model(input_ids=ids, attention_mask=real.long(), use_cache=False).logits
        starts = lengths - len(label)
        columns = starts[:, None] + torch.arange(len(label), device=self.device)
        picked = logits[torch.arange(len(prompts), device=self.device)[:, None], columns]
        targets = torch.tensor(list(label), device=self.device).expand(len(prompts), len(label))
        return _log_probability(picked, targets).sum(-1)


def _branches(labels: Sequence[Ids], budget: int, device: torch.device) -> Iterator[Branches]:
    """Yield label tails in groups of at most `budget` tokens (one label is never split)."""
    group: list[tuple[int, Ids]] = []
    for index, label in enumerate(labels):
        if len(label) == 1:
            continue
        if group and sum(len(ids) - 1 for _, ids in group) + len(label) - 1 > budget:
            yield _lay_out(group, device)
            group = []
        group.append((index, label))
    if group:
        yield _lay_out(group, device)


def _lay_out(group: Sequence[tuple[int, Ids]], device: torch.device) -> Branches:
    fed = [
        (token, after, depth, owner)
        for owner, label in group
        for depth, (token, after) in enumerate(pairwise(label))
    ]
    tokens, targets, depths, owners = (
        torch.tensor(list(column), device=device) for column in zip(*fed, strict=True)
    )
    sees = (owners[:, None] == owners) & (depths[:, None] >= depths)
    return Branches(tokens, targets, depths, owners, sees)

"""Pairs of answers as training rows, and the log-probabilities that a model gives them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import cross_entropy

from ..data.dealing import by_length
from ..models.soft import SoftPrompt
from ..paths import write_atomically
from ..records import Progress
from .batches import IGNORED, PADDING_ROW, LabelledRows
from .head import contiguous_head
from .identity import hash_rows

REFERENCE_FILE = "reference.safetensors"


class Encoded(Protocol):
    """What a side of encoded pairs has."""

    @property
    def input_ids(self) -> list[list[int]]: ...

    @property
    def labels(self) -> list[list[int]]: ...


class _EncodedPairs(Protocol):
    @property
    def chosen(self) -> Encoded: ...

    @property
    def rejected(self) -> Encoded: ...


class PairRows:
    """Pairs of a better and a worse answer to one prompt; a loss is a mean over pairs.

    Attributes:
        reference: (pairs, 2), log-probabilities of the chosen and the rejected answers under the
            model before training, where these are kept; None otherwise.
        margins: by how much each chosen answer is said to be better; None where nothing is said.
    """

    unit = "pairs"
    margins: Sequence[float] | None = None

    def __init__(
        self, pairs: _EncodedPairs, pad_id: int, *, reference: Tensor | None = None
    ) -> None:
        chosen, rejected = pairs.chosen, pairs.rejected
        self.count = len(chosen.input_ids)
        ids, labels = chosen.input_ids + rejected.input_ids, chosen.labels + rejected.labels
        self.answers = LabelledRows(ids, labels, pad_id)
        self.margins = getattr(pairs, "margins", None)
        self.reference = reference

    def __len__(self) -> int:
        return self.count

    def trained_tokens(self, index: int) -> int:
        """Every pair counts once, however long it is."""
        return 1

    def length(self, index: int) -> int:
        """How many tokens the longer answer of a pair has, with its prompt."""
        return max(self.answers.length(index), self.answers.length(index + self.count))

    def deal(self, indices: Sequence[int], parts: int) -> list[list[int]]:
        lengths = [0 if one == PADDING_ROW else self.length(one) for one in indices]
        return [[indices[place] for place in part] for part in by_length(lengths, parts)]

    def collate(self, indices: Sequence[int]) -> dict[str, Tensor]:
        """One micro-batch: the chosen answers and then the rejected ones, in one block.

        ``input_ids``, ``labels``, ``attention_mask``, ``position_ids``: (2 x pairs, longest);
        ``weights``: (pairs,), 0 for a pair that only fills the last step.
        ``reference``: (pairs, 2); ``margins``: (pairs,), where the rows have some.
        """
        pairs = [0 if index == PADDING_ROW else index for index in indices]
        batch = self.answers.collate([*pairs, *(index + self.count for index in pairs)])
        batch["weights"] = torch.tensor([float(index != PADDING_ROW) for index in indices])
        if self.reference is not None:
            batch["reference"] = self.reference[pairs]
        if self.margins is not None:
            batch["margins"] = torch.tensor([self.margins[pair] for pair in pairs])
        return batch


@dataclass(frozen=True, slots=True)
class PairLogProbs:
    """Of each pair's answers, in nats and fp32, all of shape (pairs,).

    Attributes:
        chosen, rejected: log-probabilities, summed over the tokens of the answer and its end.
        chosen_tokens, rejected_tokens: how many these are.
    """

    chosen: Tensor
    rejected: Tensor
    chosen_tokens: Tensor
    rejected_tokens: Tensor

    @property
    def chosen_mean(self) -> Tensor:
        """Log-probability of a chosen answer per token."""
        return self.chosen / self.chosen_tokens

    @property
    def rejected_mean(self) -> Tensor:
        """Log-probability of a rejected answer per token."""
        return self.rejected / self.rejected_tokens


def answer_log_probs(model: Any, batch: dict[str, Tensor]) -> Tensor:
    """Return the log-probability of each row's labelled tokens, in nats, fp32, shape (rows,).

    Logits exist only for the tail of the sequences that holds labels. Every row has some.
    """
    labels = batch["labels"]
    trained = (labels[:, 1:] != IGNORED).any(0)
    keep = int(trained.shape[0] - trained.long().argmax()) + 1  # from the first one's predictor on
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask", "position_ids")}
    with contiguous_head(model):
        logits = model(**inputs, use_cache=False, logits_to_keep=keep).logits
    predicted, wanted = logits[:, :-1].float(), labels[:, labels.shape[1] - keep + 1 :]
    nll = cross_entropy(
        predicted.flatten(0, 1), wanted.flatten(), ignore_index=IGNORED, reduction="none"
    )
    return -nll.view(wanted.shape).sum(1)


def pair_log_probs(model: Any, batch: dict[str, Tensor]) -> PairLogProbs:
    """Return what the model gives both answers of each pair, in one forward pass."""
    tokens = (batch["labels"][:, 1:] != IGNORED).sum(1)
    return PairLogProbs(*answer_log_probs(model, batch).chunk(2), *tokens.chunk(2))


def reference_log_probs(model: Any, batch: dict[str, Tensor]) -> PairLogProbs:
    """Return what the same weights give with the adapter switched off, without a gradient."""
    with torch.no_grad(), untuned(model) as reference:
        return pair_log_probs(reference, batch)


def kept_log_probs(batch: dict[str, Tensor]) -> PairLogProbs:
    """Return what :func:`keep_reference` found, from the batch."""
    tokens = (batch["labels"][:, 1:] != IGNORED).sum(1)
    return PairLogProbs(*batch["reference"].unbind(1), *tokens.chunk(2))


@contextmanager
def untuned(model: Any) -> Iterator[Any]:
    """Give the model as it was before tuning, without dropout, and put everything back."""
    training = {part: part.training for part in model.modules()}
    model.eval()
    try:
        if isinstance(model, SoftPrompt):
            yield model.get_base_model()
        else:
            with model.disable_adapter():
                yield model
    finally:
        for part, mode in training.items():
            part.training = mode


def keep_reference(
    model: Any,
    rows: PairRows,
    folder: Path,
    *,
    micro_batch: int,
    device: str = "cpu",
    precision: str = "fp32",
    name: str = "training",
) -> PairRows:
    """Return the rows with what the untouched model gives their answers.

    It is computed once, before anything is trained, and written to `folder`, so that a run that
    goes on has the same numbers; no second model is held in memory.

    Args:
        micro_batch: pairs at once.
        precision: what training computes in, `fp32` or `bf16`: the same here, so that a log-ratio
            holds no rounding.
        name: of these rows among those of the run.
    """
    file, key = folder / f"{name}-{REFERENCE_FILE}", hash_rows(rows)
    found = _read_kept(file, key)
    if found is None:
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
            found = _measure(model.to(device), rows, micro_batch, device)
        with write_atomically(file) as temporary:
            save_file({"log_probs": found}, temporary, metadata={"rows": key})
    rows.reference = found
    return rows


def _read_kept(file: Path, key: str) -> Tensor | None:
    if not file.is_file():
        return None
    with safe_open(file, framework="pt") as stored:
        if (stored.metadata() or {}).get("rows") != key:
            return None
        found: Tensor = stored.get_tensor("log_probs")
        return found


@torch.no_grad()
def _measure(model: Any, rows: PairRows, micro_batch: int, device: str) -> Tensor:
    """Return (pairs, 2), on the CPU."""
    training = model.training
    model.eval()
    found = []
    progress = Progress("reference", len(rows), "pairs")
    for start in range(0, len(rows), micro_batch):
        batch = rows.collate(range(start, min(start + micro_batch, len(rows))))
        batch = {key: value.to(device) for key, value in batch.items()}
        one = pair_log_probs(model, batch)
        found.append(torch.stack([one.chosen, one.rejected], 1).cpu())
        progress.update(min(start + micro_batch, len(rows)))
    progress.close()
    model.train(training)
    return torch.cat(found)

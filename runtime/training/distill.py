"""Distillation: a small model learns what a larger one holds likely, beside what the rows say.

The loss of a trained token is, with weight `alpha`, T^2 times the divergence between the two
distributions of the next token, both at temperature T (Hinton, Vinyals, Dean, arXiv:1503.02531,
section 2: T^2 keeps the size of the gradients), and with weight 1 - alpha the negative
log-likelihood of the token itself. `forward` is KL(teacher || student): the student covers all
that the teacher holds likely. `reverse` is KL(student || teacher): it keeps to the likeliest
(Gu et al., arXiv:2306.08543).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ..data import EncodedRows
from ..errors import ModelError
from ..models import load_model, load_tokenizer
from .batches import IGNORED

__all__ = ["Distillation", "Teacher", "distill_loss"]

_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Distillation:
    """How much is learned from a teacher, and by which measure.

    Attributes:
        temperature: above 0; both distributions are taken at it.
        alpha: weight of the divergence, from 0 to 1; the rest is that of the rows' own tokens.
        divergence: `forward`, KL(teacher || student), or `reverse`.
    """

    temperature: float
    alpha: float
    divergence: str


class Teacher:
    """A frozen model that is asked for its distributions and never trained.

    It is no `torch.nn.Module`, so that a module that holds it neither trains nor saves it, nor
    switches its dropout on.

    Args:
        path: `org/name`, `./folder`, `pkg:PACKAGE/FILE.gguf` or `run:NAME`.
        revision: commit, tag or branch, for the hub.
        dtype: of its weights, `fp32` or `bf16`; it computes in that, whatever the student does.
        tokenizer: of the student; the teacher has to have the same tokens under the same ids.
        rows: what is learned, encoded; the teacher has to read the longest.

    Raises:
        ModelError: its tokens are others, or it reads fewer positions.
    """

    def __init__(
        self, path: str, revision: str | None, dtype: str, tokenizer: Any, rows: EncodedRows
    ) -> None:
        self.vocabulary = len(tokenizer)
        _refuse_other_tokens(path, load_tokenizer(path, revision), tokenizer)
        model: Any = load_model(path, revision, dtype=dtype)  # in evaluation mode
        self.model = model.requires_grad_(False)
        length = max(map(len, rows.input_ids), default=0)
        positions = getattr(self.model.config, "max_position_embeddings", None)
        if positions is not None and positions < length:
            raise ModelError(
                f"the teacher {path!r} reads {positions} positions, and rows have up to {length}",
                f"lower train.max_length to {positions}, or name another teacher",
            )

    @torch.no_grad()
    def logits(self, batch: dict[str, Tensor], places: Tensor) -> Tensor:
        """Return logits (tokens, vocabulary) in fp32, as `_logits` does of the student."""
        device = batch["input_ids"].device
        if self.model.device != device:
            self.model.to(device)
        # in its own data type: autocast is for what is trained
        with torch.autocast(device.type, enabled=False):
            return _logits(self.model, batch, places)


def distill_loss(
    model: torch.nn.Module,
    teacher: Teacher,
    batch: dict[str, Tensor],
    how: Distillation,
) -> Tensor:
    """The loss in nats, summed over the trained tokens of one micro-batch.

    Args:
        model: the student, a causal language model of Transformers, with or without an adapter.
        batch: as for `token_nll`; both models read the same tokens.

    Raises:
        ModelError: the models give logits for fewer tokens than the tokenizer has.
    """
    if "documents" in batch:
        raise ModelError(
            "a teacher does not read several rows in one sequence", "write `packing: false`"
        )
    labels = batch["labels"][:, 1:]
    places = labels != IGNORED
    student = _logits(model, batch, places)
    if not places.any():  # a zero that still reaches every parameter
        return student.sum() * 0.0
    nll = cross_entropy(student, labels[places], reduction="sum")
    student, taught = _same_tokens(student, teacher.logits(batch, places), teacher.vocabulary)
    apart = _divergence(student / how.temperature, taught / how.temperature, how.divergence)
    return how.alpha * how.temperature**2 * apart + (1.0 - how.alpha) * nll


def _logits(model: Any, batch: dict[str, Tensor], places: Tensor) -> Tensor:
    """Return fp32 logits (tokens, vocabulary) of the positions that predict a trained token.

    The output layer sees those alone, so that no logits exist of the others; where there are none,
    it sees the first position of each row.

    Args:
        places: (rows, length - 1), whether the token after each position is trained.
    """

    def choose(layer: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor]:
        hidden = inputs[0]
        return (hidden[:, :-1][places][None] if places.any() else hidden[:, :1],)

    names = ("input_ids", "attention_mask", "position_ids")
    inputs = {name: batch[name] for name in names if name in batch}
    hook = model.get_output_embeddings().register_forward_pre_hook(choose)
    try:
        # use_cache=False: with a cache, Transformers would not take these as plain training rows
        found: Tensor = model(**inputs, use_cache=False).logits
    finally:
        hook.remove()
    return found.flatten(0, 1).float()


def _divergence(student: Tensor, teacher: Tensor, kind: str) -> Tensor:
    """Return the summed KL divergence between softmaxes of logits (tokens, vocabulary), nats."""
    ours, theirs = student.log_softmax(-1), teacher.log_softmax(-1)
    first, second = (theirs, ours) if kind == "forward" else (ours, theirs)
    return (first.exp() * (first - second)).sum()


def _same_tokens(student: Tensor, teacher: Tensor, vocabulary: int) -> tuple[Tensor, Tensor]:
    """Cut logits to the tokens that both have: matrices may be padded to a round size."""
    width = min(student.shape[-1], teacher.shape[-1])
    if width < vocabulary:
        raise ModelError(
            f"a model gives logits for {width:,} tokens, and the tokenizer has {vocabulary:,}",
            "name a teacher of the same family",
        )
    return student[:, :width], teacher[:, :width]


def _refuse_other_tokens(path: str, teacher: Any, student: Any) -> None:
    """Compare ids, which are all that the models see; how text is cut is the student's alone."""
    theirs, ours = teacher.get_vocab(), student.get_vocab()
    other = [token for token, number in ours.items() if theirs.get(token) != number]
    if not other and len(theirs) == len(ours):
        return
    shown = ", ".join(repr(token) for token in sorted(other)[:_SHOWN])
    said = f"{len(other):,} tokens have another id or none there, such as {shown}"
    more = f"it has {len(theirs):,} tokens and the student {len(ours):,}"
    raise ModelError(
        f"the teacher {path!r} does not share the student's tokenizer: {said if other else more}",
        "name a teacher of the same family; one distribution over tokens is not the other's",
    )

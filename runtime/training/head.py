"""The output layer and its loss, a few positions at a time.

A vocabulary of 50,000 words makes 50,000 numbers of every token, and the loss of a micro-batch
needs several of each: more memory than the rest of the model. Here the hidden states are caught
before the output layer, those that predict a trained token are picked out, and their loss is taken
in pieces. Each piece's gradient is computed with it, since the loss is a sum: nothing is computed
twice, and no piece outlives the next. (The idea is Liger Kernel's, arXiv:2410.10989, section 3.2.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from .tensor import local_of, placed_like, words_of

LOGITS_AT_ONCE = {"cpu": 2**24, "cuda": 2**27}
"""Largest number of logits that exist at a time: 64 MiB in fp32 on a CPU, where more is no faster;
512 MiB on a GPU, which was not measured."""

TOLERANCE = 1e-3

Watched = Callable[[Tensor], Tensor]

_PLAIN: WeakKeyDictionary[nn.Module, bool] = WeakKeyDictionary()


@contextmanager
def watching(head: nn.Module, change: Watched) -> Iterator[None]:
    """Give the output layer what `change` makes of the hidden states, (rows, length, width)."""
    # before the layer's own, which give it to several devices
    hook = head.register_forward_pre_hook(lambda layer, inputs: (change(inputs[0]),), prepend=True)
    try:
        yield
    finally:
        hook.remove()


@contextmanager
def resting(model: nn.Module) -> Iterator[None]:
    """Call a model without gradients or dropout, and leave its modes and random state alone."""
    modes = {part: part.training for part in model.modules()}
    model.eval()
    try:
        place = next(model.parameters()).device
        with torch.no_grad(), torch.random.fork_rng([place] if place.type == "cuda" else []):
            yield
    finally:
        for part, mode in modes.items():
            part.training = mode


@contextmanager
def contiguous_head(model: nn.Module) -> Iterator[None]:
    """Give the output layer contiguous hidden states.

    The kept tail is a slice, and torch multiplies a slice of a batch by copying the whole weight
    once per row: 40% of a LoRA step of a 135M model on a CPU.
    """
    find: Any = getattr(model, "get_output_embeddings", None)
    head = find() if find else None
    if head is None:
        yield
        return
    hook = head.register_forward_pre_hook(lambda layer, inputs: (inputs[0].contiguous(),))
    try:
        yield
    finally:
        hook.remove()


def ends_plainly(model: Any, head: nn.Module) -> bool:
    """Say whether the model's logits are what its output layer gives, unscaled and uncapped.

    It is tried once on two tokens: there is no list of models to keep.
    """
    if head not in _PLAIN:
        seen: list[Tensor] = []

        def keep(hidden: Tensor) -> Tensor:
            seen.append(hidden)
            return hidden

        ids = torch.zeros(1, 2, dtype=torch.long, device=next(model.parameters()).device)
        with resting(model):
            with watching(head, keep):
                logits = model(input_ids=ids, use_cache=False).logits
            own = head(seen[0])
        same = logits.shape == own.shape and torch.allclose(logits, own, TOLERANCE, TOLERANCE)
        _PLAIN[head] = same
    return _PLAIN[head]


def summed_nll(head: nn.Module, hidden: Tensor, targets: Tensor) -> Tensor:
    """Negative log-likelihood in nats of `targets`, (positions,), summed; softmax in fp32.

    Args:
        head: output layer, from (..., width) to (..., words).
        hidden: states that predict the targets, (positions, width).
    """
    return summed_loss(head, hidden, targets, 0.0)[0]


def summed_loss(
    head: nn.Module, hidden: Tensor, targets: Tensor, z_loss: float
) -> tuple[Tensor, Tensor]:
    """`summed_nll` with `z_loss` times the squared log of the normaliser, and `summed_nll` alone.

    The second has no gradient.
    """
    wanted = [p for p in head.parameters() if p.requires_grad]
    if not (torch.is_grad_enabled() and (hidden.requires_grad or wanted)):
        pieces = [_piece(head, *one, z_loss) for one in _pieces(head, hidden, targets)]
        loss, nll = (torch.stack(parts).sum() for parts in zip(*pieces, strict=True))
        return loss, nll
    both: tuple[Tensor, Tensor] = _SummedNll.apply(head, targets, z_loss, hidden, *wanted)  # type: ignore[no-untyped-call]
    return both


def z_penalty(logits: Tensor, z_loss: float) -> Tensor:
    """`z_loss` times the squared log of the softmax's normaliser, summed over positions."""
    return z_loss * logits.float().logsumexp(-1).square().sum()


def _pieces(head: nn.Module, hidden: Tensor, targets: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    words = int(getattr(head, "out_features", 0)) or next(head.parameters()).shape[0]
    size = max(1, LOGITS_AT_ONCE.get(hidden.device.type, 2**24) // words)
    yield from zip(torch.split(hidden, size), torch.split(targets, size), strict=True)


def _piece(
    head: nn.Module, hidden: Tensor, targets: Tensor, z_loss: float
) -> tuple[Tensor, Tensor]:
    logits = head(hidden).float()
    nll = cross_entropy(logits, targets, reduction="sum")
    return (nll + z_penalty(logits, z_loss) if z_loss else nll), nll.detach()


class _SummedNll(torch.autograd.Function):
    """The sum over pieces; the gradients are made on the way forward and scaled on the way back."""

    @staticmethod
    def forward(
        ctx: Any, head: nn.Module, targets: Tensor, z_loss: float, hidden: Tensor, *wanted: Tensor
    ) -> Any:
        total = hidden.new_zeros((2,), dtype=torch.float32)
        to_hidden = torch.empty_like(hidden)
        to_wanted = [torch.zeros_like(local_of(each)) for each in wanted]
        bare = type(head) is nn.Linear and head.bias is None
        one = _of_matrix if bare else _of_any
        start = 0
        for states, words in _pieces(head, hidden, targets):
            place = to_hidden[start : start + len(words)]
            total += torch.stack(one(head, states, words, z_loss, wanted, place, to_wanted))
            start += len(words)
        own = [placed_like(made, each) for made, each in zip(to_wanted, wanted, strict=True)]
        ctx.save_for_backward(to_hidden, *own)
        loss, nll = total.unbind()
        ctx.mark_non_differentiable(nll)
        return loss, nll

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> Any:
        scale = outer[0]
        to_hidden, *to_wanted = ctx.saved_tensors
        return None, None, None, to_hidden * scale, *(_scaled(each, scale) for each in to_wanted)


def _scaled(tensor: Tensor, scale: Tensor) -> Tensor:
    return placed_like(local_of(tensor) * scale, tensor)


def _of_any(
    head: nn.Module,
    hidden: Tensor,
    targets: Tensor,
    z_loss: float,
    wanted: tuple[Tensor, ...],
    to_hidden: Tensor,
    to_wanted: list[Tensor],
) -> tuple[Tensor, Tensor]:
    """The loss of a piece by whatever layer; gradients are written to `to_hidden`, added to the
    rest."""
    with torch.enable_grad():
        states = hidden.detach().requires_grad_()
        loss, nll = _piece(head, states, targets, z_loss)
        first, *rest = torch.autograd.grad(loss, [states, *wanted])
    to_hidden.copy_(first)
    for total, each in zip(to_wanted, rest, strict=True):
        total.add_(local_of(each))
    return loss.detach(), nll


def _of_matrix(
    head: Any,
    hidden: Tensor,
    targets: Tensor,
    z_loss: float,
    wanted: tuple[Tensor, ...],
    to_hidden: Tensor,
    to_wanted: list[Tensor],
) -> tuple[Tensor, Tensor]:
    """As `_of_any` where the layer is one matrix: logits are turned into their gradient in place.

    The gradient of the loss by the logits is their softmax, less one at the target; that of the
    squared log of the normaliser is the softmax times twice that log. Where several devices have
    the words, each has the logits of its own; sums over words, and largest ones, are over all.
    """
    kind = hidden.device.type
    low = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden.dtype
    words = words_of(head.weight)
    with torch.autocast(kind, enabled=False):
        states, weight = hidden.to(low), words.weight.to(low)
        logits = (states @ weight.T).float()
        place, here = words.place(targets[:, None])
        largest = words.largest(logits.amax(1, keepdim=True))
        picked = logits.gather(1, place) - largest
        if here is not None:
            picked = words.summed(picked * here)
        logits.sub_(largest).exp_()
        whole = words.summed(logits.sum(1, keepdim=True))
        nll = loss = (whole.log() - picked).sum()
        logits.div_(whole)
        if z_loss:
            log = whole.log() + largest
            loss = nll + z_loss * log.square().sum()
            logits.mul_(1.0 + 2.0 * z_loss * log)
        ones = torch.ones_like(picked)
        logits.scatter_add_(1, place, -ones if here is None else -(ones * here))
        error = logits.to(low)
        to_hidden.copy_(words.summed(error @ weight))
        if wanted and low == wanted[0].dtype:
            to_wanted[0].addmm_(error.T, states)
        elif wanted:
            to_wanted[0].add_(error.T @ states)
    return loss, nll

"""What one micro-batch keeps for its backward pass, in closed form.

The counting is that of Korthikanti et al. (arXiv:2205.05198, section 4), who add up the inputs
that each operation saves, carried over to what is run here: torch's scaled dot-product attention,
which keeps queries, keys, values and its result and no matrix of scores; RMSNorm written in Python,
which keeps its input in fp32 and the normed values; gated MLPs; autocast, which gives every matrix
its own short copy of its input; and frozen weights, whose matrices keep no input unless an adapter
reads it.
"""

from __future__ import annotations

from dataclasses import dataclass

from .adapters import Tuned
from .experts import EXPERTS
from .shapes import Linear, Norm, Shape

FULL, SHORT = 4, 2
"""Bytes of a number in fp32 and in bf16."""

_KEPT_INNER = {"relu": 0, "gelu_new": 4, "gelu_fast": 4}
"""Values an MLP that is not gated keeps beside what its second matrix reads, per inner number.

A gelu in one operation keeps its input; one written out in Python keeps four.
"""


@dataclass(frozen=True, slots=True)
class Width:
    """Bytes of a number: of a loaded weight, of the residual stream, and of a matrix product."""

    weight: int
    residual: int
    product: int


def width_of(bf16: bool, frozen: bool) -> Width:
    """Return the sizes of numbers of a training here.

    Weights that are trained stay in fp32, and with them the residual stream; frozen ones, and what
    flows past them, may be bf16. Products are bf16 wherever the computation is.
    """
    short = SHORT if bf16 else FULL
    return Width(short, short, short) if frozen else Width(FULL, FULL, short)


def block_bytes(shape: Shape, how: Tuned, width: Width, masked: int) -> int:
    """Return the bytes that one block keeps of one token.

    ``masked`` is the length of rows that are padded, and 0 where none are: keys and values are then
    repeated for every head, and each block has its own mask of a row's length per token.
    """
    product = width.product
    norms = sum(_norm(shape, norm, how, width) for norm in shape.norms)
    queries = shape.heads * shape.head_dim
    keys = (shape.heads if masked else shape.kv_heads) * shape.head_dim
    attention = product * (2 * queries + 2 * keys)
    attention += product * masked
    inside = _inputs(shape, how, width) + _inner(shape, product)
    return norms + attention + inside + _experts(shape, how, width)


def _experts(shape: Shape, how: Tuned, width: Width) -> int:
    """What the experts of a token keep, each of a copy of its own.

    Gate, up, the activated gate, and the result before it is weighed; of weights that get a
    gradient also the inputs of both products. The router's logits and scores are in fp32.
    """
    experts = shape.experts
    if experts is None:
        return 0
    each = experts.width + 3 * experts.inner
    if adapts_experts(how):
        each += experts.width + experts.inner
    router = 2 * FULL * experts.count + (0 if how.frozen else width.product * experts.width)
    return experts.chosen * each * width.product + router


def adapts_experts(how: Tuned) -> bool:
    """Whether the weights of experts get a gradient, their own or that of an adapter."""
    return not how.frozen or EXPERTS in how.adapted


def experts_bytes(shape: Shape, how: Tuned, width: Width) -> int:
    """Return the bytes of experts with their adapters added, which peft makes for each step."""
    if shape.experts is None or not how.frozen or EXPERTS not in how.adapted:
        return 0
    return shape.layers * shape.experts.size * width.product


def _norm(shape: Shape, norm: Norm, how: Tuned, width: Width) -> int:
    """RMSNorm keeps its input in fp32, and the normed values where its scale is trained."""
    size = norm.width * norm.heads
    scaled = shape.rms and not how.frozen
    return size * (FULL + (width.residual if scaled else 0))


def _inputs(shape: Shape, how: Tuned, width: Width) -> int:
    """Inputs of matrices: one for all that read the same, or a copy each where it is cast."""
    kept = [each for each in shape.linears if not how.frozen or each.path in how.adapted]
    if width.product == FULL:
        kept = list({each.reads: each for each in kept}.values())
    return width.product * sum(each.inputs for each in kept)


def _inner(shape: Shape, product: int) -> int:
    """What an activation keeps beside its result, which the next matrix reads."""
    if shape.gated:  # the gate, the other factor, and the activated gate
        return 3 * product * shape.inner
    return _KEPT_INNER.get(shape.activation, 1) * product * shape.inner


def outside_bytes(shape: Shape, how: Tuned, width: Width) -> int:
    """Return the bytes that norms and matrices outside the blocks keep of one token."""
    norms = sum(_norm(shape, norm, how, width) for norm in shape.outer_norms if norm.size > 0)
    linears: list[Linear] = [] if how.frozen else list(shape.outer_linears)
    return norms + width.product * sum(each.inputs for each in linears)


LOGITS_AT_ONCE = {"cpu": 2**24, "cuda": 2**27}
"""Numbers in the largest piece of the logits; a test holds it to what the runtime does."""


def logit_bytes(shape: Shape, how: Tuned, width: Width, predicted: int, accelerator: str) -> int:
    """Return the bytes of the loss of ``predicted`` positions, which is taken in pieces.

    Of one piece the logits, their copy in fp32 and the softmax; of every position the state that
    predicts it, and its gradient; and the gradient of the output layer where that is trained.
    """
    if shape.head is None:
        return 0
    piece = min(predicted * shape.vocabulary, LOGITS_AT_ONCE[accelerator])
    piece = piece * shape.head.outputs // shape.vocabulary  # devices may share the words out
    states = 2 * width.residual * predicted * shape.head.inputs
    gradient = 0 if how.frozen else FULL * shape.head_matrix
    return piece * (width.product + 2 * FULL) + states + gradient

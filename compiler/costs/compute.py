"""Tokens and floating-point operations of a training, per optimizer step and in all.

A matrix of N numbers takes 2N operations a token forward, 2N to send the gradient on, and 2N for
its own gradient: 6N (Kaplan et al., arXiv:2001.08361, section 2.1). Frozen matrices save the last
third: 4N. Attention adds 4 x layers x width of all heads x length forward, and twice that backward
(Chowdhery et al., arXiv:2204.02311, appendix B); causal masks are not taken off, as there.
Of experts those that are chosen for a token count.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..plan import FinetunePlan, PretrainPlan
from .adapters import Tuned
from .memory import texts_of
from .shapes import Shape


@dataclass(frozen=True, slots=True)
class Compute:
    """``tokens`` and ``flops`` of one optimizer step, over all devices, and of the whole run.

    ``exact`` says that every row has that length; otherwise these are the most that rows may
    take. What is ``total`` is None where only the run can count the steps.
    """

    tokens_per_step: int
    flops_per_step: float
    steps: int | None
    total_tokens: int | None
    total_flops: float | None
    exact: bool


def flops_per_token(shape: Shape, how: Tuned, length: int, predicted: int) -> float:
    """Return the operations of training on one token of a row of ``length``.

    Logits are computed for ``predicted`` of its positions.
    """
    head = shape.head_matrix * predicted / length
    body = shape.active_matrices - shape.head_matrix + head
    attention = _attention(shape, length)
    own = 2.0 * (how.trained if how.frozen else body)
    return 4.0 * body + (4.0 * how.added if how.frozen else 0.0) + own + 3.0 * attention


def _attention(shape: Shape, length: int) -> float:
    """Return the operations of one token forward, beside those of matrices."""
    return 4.0 * shape.layers * shape.heads * shape.head_dim * length


def compute(
    plan: FinetunePlan | PretrainPlan, shape: Shape, how: Tuned, length: int, predicted: int
) -> Compute:
    """Return what a plan computes where every row has ``length`` tokens."""
    tokens = plan.batch.batch * length * texts_of(plan)
    flops = tokens * flops_per_token(shape, how, length, predicted)
    if texts_of(plan) > 1 and plan.batch.accumulation > 1:  # each chunk is computed again
        flops += tokens * (2.0 * shape.active_matrices + _attention(shape, length))
    steps, exact = plan.steps, isinstance(plan, PretrainPlan)
    if steps is None:
        return Compute(tokens, flops, None, None, None, exact)
    total = plan.tokens if isinstance(plan, PretrainPlan) else steps * tokens
    return Compute(tokens, flops, steps, total, total / tokens * flops, exact)

"""From a budget of floating-point operations to a model, its tokens, its batch and its rate.

The loss of a model of N parameters after D tokens is taken as E + A / N^alpha + B / D^beta, the law
of Hoffmann et al. (arXiv:2203.15556, approach 3) with the constants that Besiroglu et al. found on
its data again (arXiv:2404.10102). N counts all parameters, as there. The budget C pays for
D = C / F tokens, F being the operations that training this very model takes for a token
(:mod:`.costs.compute`); of all sizes of the ladder, the one of the lowest loss is taken. The law
was fitted on web text and another tokenizer, so its loss orders sizes and predicts none.

Batch and learning rate follow DeepSeek LLM (arXiv:2401.02954, section 3.1), fitted between 1e17
and 2e19 operations: 0.2920 C^0.3271 tokens, of which the nearest power of two in sequences is
taken, and 0.3118 C^-0.1250, in two digits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import floor, log2, log10
from typing import Any

E, A, ALPHA, B, BETA = 1.8172, 482.01, 0.3478, 2085.43, 0.3658
BATCH, RATE = (0.2920, 0.3271), (0.3118, -0.1250)
FITTED = (1e17, 2e19)
"""Between which operations batch and rate were fitted."""

HEAD = 64
"""Numbers of an attention head; a block more makes the model a head wider."""
MOST_BLOCKS = 128
_STEP = 64
"""The MLP's width is a multiple of it, so that it divides well on every device."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A model of the ladder, and how a budget trains it.

    ``sizes`` are named as in a spec. ``tokens`` is whole steps of ``batch`` sequences; ``loss`` is
    the law's, in nats. ``beside`` are the next smaller and the next larger model: parameters,
    tokens and the law's loss.
    """

    flops: float
    sizes: dict[str, Any]
    parameters: int
    flops_per_token: float
    tokens: int
    batch: int
    learning_rate: float
    loss: float
    beside: tuple[tuple[int, int, float], ...]


@dataclass(frozen=True, slots=True)
class _Rung:
    sizes: dict[str, Any]
    parameters: int
    flops_per_token: float
    tokens: int
    loss: float


def choose(
    flops: float,
    architecture: str,
    gated: bool,
    vocabulary: int,
    length: int,
    tied: bool,
    batch: int | None,
) -> Choice | None:
    """Return the best model for ``flops``; None where they do not pay for one step of any.

    ``length`` is that of a sequence in tokens; ``batch`` in sequences, None to derive it.
    """
    batch = batch or power_of_two(_law(BATCH, flops) / length)
    rungs = [
        rung
        for rung in ladder(flops, architecture, gated, vocabulary, length, tied)
        if rung.tokens >= batch * length
    ]
    if not rungs:
        return None
    best = min(range(len(rungs)), key=lambda index: rungs[index].loss)
    found = rungs[best]
    beside = [rungs[i] for i in (best - 1, best + 1) if 0 <= i < len(rungs)]
    return Choice(
        flops, found.sizes, found.parameters, found.flops_per_token,
        found.tokens - found.tokens % (batch * length), batch, two_digits(_law(RATE, flops)),
        found.loss, tuple((each.parameters, each.tokens, each.loss) for each in beside),
    )  # fmt: skip


def ladder(
    flops: float, architecture: str, gated: bool, vocabulary: int, length: int, tied: bool
) -> Iterator[_Rung]:
    """Yield models of 1 to 128 blocks, each as many heads wide, with what ``flops`` teach them."""
    from .costs.adapters import tuned
    from .costs.compute import flops_per_token
    from .costs.families import read_shape
    from .costs.shapes import Unknown
    from .spec import MethodSpec

    for blocks in range(1, MOST_BLOCKS + 1):
        sizes = _sizes(architecture, gated, blocks, tied)
        try:
            shape = read_shape(_config(sizes, length, vocabulary))
        except Unknown:  # sizes that no model has
            return
        each = flops_per_token(shape, tuned(shape, MethodSpec("full", {})), length, length)
        tokens = int(flops / each)
        if tokens:
            loss = predicted_loss(shape.total, tokens)
            yield _Rung(sizes, shape.total, each, tokens, loss)


def _sizes(architecture: str, gated: bool, blocks: int, tied: bool) -> dict[str, Any]:
    """A head of 64 numbers for each block; an MLP of 8/3 the width with a gate, 4 without."""
    width = HEAD * blocks
    inner = -(-(8 * width // 3) // _STEP) * _STEP if gated else 4 * width
    return {
        "architecture": architecture,
        "hidden_size": width,
        "num_hidden_layers": blocks,
        "num_attention_heads": blocks,
        "intermediate_size": inner,
        "tie_word_embeddings": tied,
    }


def _config(sizes: dict[str, Any], length: int, vocabulary: int) -> dict[str, Any]:
    from .sizes import whole_config
    from .spec_model import ArchitectureSpec

    heads = sizes["num_attention_heads"]
    model = ArchitectureSpec(
        **sizes, num_key_value_heads=heads, max_position_embeddings=length, head_dim=HEAD
    )
    return whole_config(model, vocabulary)


def predicted_loss(parameters: int, tokens: int) -> float:
    """Return the law's loss in nats a token."""
    return float(E + A / float(parameters) ** ALPHA + B / float(tokens) ** BETA)


def power_of_two(number: float) -> int:
    """Return the nearest power of two by ratio, 1 at least.

    >>> power_of_two(23)
    32
    """
    return int(2 ** max(0, round(log2(number)))) if number > 0 else 1


def two_digits(number: float) -> float:
    """Round to two significant digits.

    >>> two_digits(0.0023412)
    0.0023
    """
    return round(number, 1 - floor(log10(number)))


def _law(constants: tuple[float, float], flops: float) -> float:
    return float(constants[0] * float(flops) ** constants[1])

"""The experts of a block, from ``config.json``: how many numbers they hold, and for one token."""

from __future__ import annotations

from typing import Any

from .shapes import Config, Experts, Linear, Shape, Unknown
from .targets import ALL

FAMILIES: dict[str, dict[str, Any]] = {
    "mixtral": {"experts": 8, "chosen": 2, "own": None},
    "olmoe": {"experts": 64, "chosen": 8, "own": None},
    "qwen2_moe": {"experts": 60, "chosen": 4, "own": 1408, "shared": 5632},
    "qwen3_moe": {"experts": 128, "chosen": 8, "own": 768},
}
"""Family -> the defaults of its configuration class; `own` is None where an expert's width is the
`intermediate_size`."""


def read_experts(config: Config, kind: str, width: int, inner: int) -> Experts:
    """Return the experts of a model of one of :data:`FAMILIES`.

    Raises:
        Unknown: a size is none, or blocks differ from one another.
    """
    base = FAMILIES[kind]
    if config.values.get("mlp_only_layers") or config.whole("decoder_sparse_step", 1) != 1:
        raise Unknown("a model with experts in some of its blocks alone is not counted")
    count = config.maybe("num_experts") or config.whole("num_local_experts", base["experts"])
    chosen = config.whole("num_experts_per_tok", base["chosen"])
    if chosen > count:
        raise Unknown("the num_experts_per_tok of config.json are more than there are")
    own = base["own"]
    size = inner if own is None else config.whole("moe_intermediate_size", own)
    return Experts(count, chosen, width, size)


def shared_expert(config: Config, kind: str, width: int) -> tuple[int, tuple[Linear, ...]]:
    """Return the width of the expert that sees every token, and its matrices; 0 without one."""
    default = FAMILIES[kind].get("shared")
    if default is None:
        return 0, ()
    inner, at = config.whole("shared_expert_intermediate_size", default), "mlp.shared_expert"
    return inner, (
        Linear(f"{at}.gate_proj", "mlp", width, inner, False, "mlp"),
        Linear(f"{at}.up_proj", "mlp", width, inner, False, "mlp"),
        Linear(f"{at}.down_proj", "mlp", inner, width, False, "inner"),
        Linear(f"{at}_gate", "mlp", width, 1, False, "mlp"),
    )


EXPERTS = "mlp.experts"
"""Where the experts of a block stand in it."""

_PLAIN = ("qwen2_moe",)
"""Families whose experts peft leaves alone where all linear layers are named."""

_ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj", "lm_head", "embed_tokens")


def on_experts(shape: Shape, kind: str, options: dict[str, Any], key: str) -> int:
    """Return what an adapter adds to experts and routers, which are no linear layers.

    peft gives the experts of a block one adapter with the rank of all of them, and that of gate
    and up, which are one matrix, twice as much.

    Raises:
        Unknown: it depends on what peft makes of names, or of another adapter than LoRA.
    """
    said, experts = options.get(key), shape.experts
    if experts is None:
        return 0
    if said != ALL:
        if any(name.rpartition(".")[2] not in _ATTENTION for name in said or ()):
            raise Unknown("what is added to experts by name is counted when the model is loaded")
        return 0
    if shape.family in _PLAIN:
        return 0
    if kind != "lora" or options.get("dora") or options.get("layers") is not None:
        raise Unknown(f"what method {kind!r} adds to experts is counted when the model is loaded")
    rank, width, inner = options["rank"] * experts.count, experts.width, experts.inner
    router = options["rank"] * (width + experts.count)
    return int(shape.layers * (2 * rank * (width + 2 * inner) + rank * (inner + width) + router))

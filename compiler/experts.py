"""Mixtures of experts: what of them a spec says, and what they are called in each family.

The MLP of every block is several, the experts, of which a router chooses a few for each token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Data = dict[str, Any]

NUMBERS = ("num_experts", "num_experts_per_tok")
OWN_WIDTH = "moe_intermediate_size"
SHARED_WIDTH = "shared_expert_intermediate_size"
SIZES = (*NUMBERS, OWN_WIDTH, SHARED_WIDTH, "norm_topk_prob")
"""What a preset says of experts."""

KEYS = (*SIZES, "router_aux_loss_coef")
"""Every key of `model` that only a model with experts has."""

BALANCE = 0.01
"""Weight of the balance loss where a spec says none (arXiv:2101.03961, section 2.2)."""


@dataclass(frozen=True, slots=True)
class Family:
    """What a family of models with experts has of its own.

    ``own_width``: the width of an expert has a key of its own, and no block has a plain MLP.
    ``shared``: one more expert sees every token. ``scored``: it can be said whether the scores of
    the experts that were chosen are made to add up to one.
    """

    own_width: bool = False
    shared: bool = False
    scored: bool = True

    def has(self, key: str) -> bool:
        """Tell whether a model of the family has a key of :data:`KEYS`."""
        special = {
            OWN_WIDTH: self.own_width,
            SHARED_WIDTH: self.shared,
            "norm_topk_prob": self.scored,
        }
        return special.get(key, True)

    @property
    def needed(self) -> tuple[str, ...]:
        """Sizes without a default, in place of `intermediate_size` where that is not its own."""
        width = (OWN_WIDTH,) if self.own_width else ("intermediate_size",)
        return (*width, *NUMBERS, *((SHARED_WIDTH,) if self.shared else ()))


@dataclass(frozen=True, slots=True)
class ExpertsSpec:
    """Experts of each block, named as in ``config.json``.

    ``shared_expert_intermediate_size`` is None where no expert sees every token, and
    ``norm_topk_prob`` where the family's own is taken.
    """

    num_experts: int
    num_experts_per_tok: int
    router_aux_loss_coef: float
    shared_expert_intermediate_size: int | None = None
    norm_topk_prob: bool | None = None


def build_experts(data: Data) -> ExpertsSpec:
    """Return the experts of a model whose keys are sound."""
    balance, shared = data.get("router_aux_loss_coef"), data.get(SHARED_WIDTH)
    return ExpertsSpec(
        int(data["num_experts"]),
        int(data["num_experts_per_tok"]),
        BALANCE if balance is None else float(balance),
        None if shared is None else int(shared),
        data.get("norm_topk_prob"),
    )


def experts_config(experts: ExpertsSpec) -> Data:
    """Return the keys of ``config.json`` that say what the experts are."""
    values: Data = {name: getattr(experts, name) for name in (*NUMBERS, SHARED_WIDTH)}
    values |= {name: getattr(experts, name) for name in ("norm_topk_prob", "router_aux_loss_coef")}
    return {name: value for name, value in values.items() if value is not None}


def experts_lines(experts: ExpertsSpec | None, z_loss: float) -> list[tuple[str, str]]:
    """Return the lines of a plan on experts."""
    if experts is None:
        return []
    shared = ", and one that sees every token" if experts.shared_expert_intermediate_size else ""
    text = f"{experts.num_experts} in each block, {experts.num_experts_per_tok} for a token{shared}"
    loss = f"{experts.router_aux_loss_coef:g}, sequence by sequence"
    lines = [("experts", text), ("balance loss", loss)]
    return [*lines, ("router z-loss", f"{z_loss:g}")] if z_loss else lines

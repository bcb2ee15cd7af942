"""Mixtures of experts: numbers that fit together, and what is not done with experts."""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..sizes import ARCHITECTURES
from .base import Context, error, rule
from .hardware import machine_of

EXPERTS = ("model", "num_experts")
CHOSEN = ("model", "num_experts_per_tok")


def _family(context: Context) -> str | None:
    """Return the family of a new model with experts; None of every other."""
    if context.level != "pretrain":
        return None
    name = context.get("model", "architecture")
    family = ARCHITECTURES.get(name) if isinstance(name, str) else None
    return name if family is not None and family.experts is not None else None


@rule("NV685", "more experts for a token than there are")
def check_chosen(context: Context) -> Iterator[Diagnostic]:
    """A router takes the best of the experts that are there."""
    count, chosen = context.get(*EXPERTS), context.get(*CHOSEN)
    if _family(context) is None or count is None or chosen is None or chosen <= count:
        return
    message = f"{int(chosen)} experts for each token are more than the {int(count)} that there are"
    related = context.related((EXPERTS, "the experts"))
    cure = f"write `num_experts_per_tok: {int(count)}` or less"
    yield error("NV685", message, context.where(*CHOSEN), cure, related)


@rule("NV686", "budget of a mixture of experts")
def check_budget(context: Context) -> Iterator[Diagnostic]:
    """The laws that turn operations into sizes were fitted on models without experts."""
    name = _family(context)
    if name is None or not context.has("model", "budget"):
        return
    message = f"a budget gives no sizes of {name}: its laws are of models without experts"
    related = context.related((("model", "architecture"), "the family"))
    cure = "write the sizes, or name a family without experts: `architecture: llama`"
    yield error("NV686", message, context.key("model", "budget"), cure, related)


@rule("NV687", "loss of a router that is not there")
def check_router(context: Context) -> Iterator[Diagnostic]:
    """Without experts nothing is chosen."""
    path = ("train", "router_z_loss")
    named = context.get("model", "architecture") in ARCHITECTURES
    if context.level != "pretrain" or not context.get(*path) or not named:
        return
    if _family(context) is None:
        message = f"a {context.get('model', 'architecture')} has no routers"
        cure = "remove `router_z_loss`; `z_loss` is for the words that are predicted"
        yield error("NV687", message, context.key(*path), cure)


@rule("NV688", "speed that a mixture of experts was not seen with")
def check_speed(context: Context) -> Iterator[Diagnostic]:
    """How many tokens an expert has is known only when it has them."""
    name, machine = _family(context), machine_of(context)
    if name is None:
        return
    if context.get("hardware", "compile"):
        message = f"blocks of {name} are not compiled: their sizes differ at every step"
        where = context.where("hardware", "compile")
        yield error("NV688", message, where, "write `compile: false`")
    if machine is not None and machine.kernels != "torch":
        message = f"the kernels of {machine.kernels} were not seen with experts"
        where = context.where("hardware", "kernels")
        yield error("NV688", message, where, "write `kernels: torch`")


@rule("NV689", "Muon and experts")
def check_muon(context: Context) -> Iterator[Diagnostic]:
    """Muon makes a matrix orthogonal, and the experts of a block are many in one tensor."""
    path = ("train", "optimizer", "type")
    name = _family(context)
    if name is None or context.get(*path) != "muon":
        return
    message = f"Muon trains no experts, and most of the weights of {name} are theirs"
    where = context.where(*path)
    yield error("NV689", message, where, "write `optimizer: {type: adamw}`")

"""How many parameters the models of a plan have, and how many of them are trained."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..embedding import ContrastiveSpec
from ..plan import FinetunePlan, Plan, PretrainPlan
from ..sizes import whole_config
from ..spec import MethodSpec, ModelRef
from .adapters import Tuned, tuned
from .families import read_shape
from .models import find_config
from .shapes import Shape, Unknown


@dataclass(frozen=True, slots=True)
class Counted:
    """Parameters of one model, exactly; ``unknown`` says why there are none, and is else empty.

    ``parts`` is the model before anything is added to it. ``total`` and ``trained`` count what a
    method adds too; both are None where the method has no closed form, and ``trained`` is None
    where nothing is trained. A head that shares its matrix with the embeddings is ``tied``.
    """

    name: str
    parts: dict[str, int] | None
    tied: bool
    total: int | None
    trained: int | None
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """A model's shape, and how it is trained; None where that cannot be known."""

    counted: Counted
    shape: Shape | None
    tuned: Tuned | None


def count(plan: Plan, project: str) -> tuple[Known, ...]:
    """Return what is known of each model that a plan trains, or asks on this machine."""
    if isinstance(plan, PretrainPlan):
        config = whole_config(plan.model, plan.tokenizer.vocab_size)
        return (_known(plan.model.architecture, read_shape(config), MethodSpec("full", {})),)
    if isinstance(plan, FinetunePlan):
        if plan.head is not None:
            return (_headed(_existing(plan.model, None, project)),)
        if isinstance(plan.objective, ContrastiveSpec):
            return (_existing(plan.model, plan.method, project, embeds=True),)
        return (_existing(plan.model, plan.method, project),)
    local = {m.path: m for _, m in plan.models if isinstance(m, ModelRef)}
    return tuple(_existing(model, None, project) for model in local.values())


def _existing(
    model: ModelRef, method: MethodSpec | None, project: str, *, embeds: bool = False
) -> Known:
    try:
        shape = read_shape(find_config(model, project))
    except Unknown as why:
        return Known(Counted(model.path, None, False, None, None, str(why)), None, None)
    return _known(model.path, _without_output(shape) if embeds else shape, method)


def _without_output(shape: Shape) -> Shape:
    """Leave out what comes after the last hidden states, from which vectors are pooled."""
    outer = tuple(one for one in shape.outer_linears if not one.path.startswith("pooler"))
    return replace(shape, head=None, tied=False, outer_linears=outer)


def _headed(known: Known) -> Known:
    """Say of a model what it is before its last layer gives way to a head."""
    why = known.counted.unknown or "the head is counted when the model is loaded"
    return replace(known, counted=replace(known.counted, unknown=why))


def _known(name: str, shape: Shape, method: MethodSpec | None) -> Known:
    parts, tied = shape.by_part(), shape.tied
    if method is None:
        return Known(Counted(name, parts, tied, shape.total, None), shape, None)
    try:
        found = tuned(shape, method)
    except Unknown as why:
        return Known(Counted(name, parts, tied, None, None, str(why)), shape, None)
    return Known(Counted(name, parts, tied, found.total, found.trained), shape, found)

"""A model as one device of a group has it that cuts matrices among its devices.

The cut is that of :mod:`nivel.runtime.training.tensor`: some of the heads and of the MLP's inner
numbers, some of the words where their number divides, and all of the norms.
"""

from __future__ import annotations

from dataclasses import replace

from ..plan import FinetunePlan, PretrainPlan
from ..sharding import INPUTS
from ..spec import MethodSpec
from .adapters import Tuned, tuned
from .shapes import Linear, Norm, Shape

Slice = tuple[Shape, Tuned]
"""What a device has of a model, and how that is trained."""


def slice_of(plan: FinetunePlan | PretrainPlan, shape: Shape) -> Slice | None:
    """Return a device's slice of the model that a plan trains; None where none is cut."""
    together = plan.common.hardware.tensor_parallel
    method = plan.method if isinstance(plan, FinetunePlan) else MethodSpec("full", {})
    return None if together == 1 else sliced(shape, method, together)


def sliced(shape: Shape, method: MethodSpec, count: int) -> Slice:
    """Return the slice of one of ``count`` devices."""
    cut = _cut(shape, count)
    return cut, tuned(cut, method)


def _cut(shape: Shape, count: int) -> Shape:
    words = count if shape.vocabulary % count == 0 else 1
    return replace(
        shape,
        heads=shape.heads // count,
        kv_heads=shape.kv_heads // count,
        inner=shape.inner // count,
        linears=tuple(_matrix(each, count) for each in shape.linears),
        norms=tuple(_norm(each, count) for each in shape.norms),
        tables=tuple(replace(each, rows=each.rows // words) for each in shape.tables),
        head=shape.head and replace(shape.head, outputs=shape.head.outputs // words),
    )


def _matrix(linear: Linear, count: int) -> Linear:
    if linear.path.rpartition(".")[2] in INPUTS:
        return replace(linear, inputs=linear.inputs // count)
    return replace(linear, outputs=linear.outputs // count)


def _norm(norm: Norm, count: int) -> Norm:
    """Norms of heads: a device has those of its own."""
    return norm if norm.heads == 1 else replace(norm, heads=norm.heads // count)

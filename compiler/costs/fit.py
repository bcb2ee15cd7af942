"""Whether a plan fits its device, and the smallest change with which it does.

Changes are tried in a fixed order, and the first that fits is named: a smaller micro-batch with
more accumulation, which leaves the experiment as it is; then an adapter in place of all weights;
then the model in 4 bits; these two with a smaller micro-batch where that is needed too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..devices import Device
from ..diagnostics import Diagnostic
from ..plan import FinetunePlan, Plan, PretrainPlan
from ..schema import flow
from .memory import GIB, Memory, memory, setting_of
from .parameters import Known

if TYPE_CHECKING:
    from ..document import Document

Again = Callable[[tuple[str, ...]], "tuple[Plan, Known] | None"]
"""Plans the spec anew with more ``KEY=VALUE``; None where it would not be sound."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the spec: keys with the values to write, and what it does in words."""

    values: tuple[tuple[str, Any], ...]
    words: str

    @property
    def assignments(self) -> tuple[str, ...]:
        """The change as ``--set`` takes it."""
        return tuple(f"{key}={flow(value)}" for key, value in self.values)

    def __add__(self, other: Change) -> Change:
        return Change(self.values + other.values, f"{self.words}, {other.words}")

    def __str__(self) -> str:
        keys = " and ".join(f"`{key}: {flow(value)}`" for key, value in self.values)
        return f"write {keys}: {self.words}"


def measure(plan: Plan, known: Known) -> Memory | None:
    """Return the memory of a plan that trains a model whose shape is known."""
    setting = setting_of(plan)
    if setting is None or known.shape is None or known.tuned is None:
        return None
    return memory(known.shape, known.tuned, setting)


def check_fit(
    plan: Plan, known: Known, device: Device | None, document: Document, again: Again
) -> Diagnostic | None:
    """Return NV405 where a device is too small: an error, or a warning where it only may be."""
    needed = measure(plan, known)
    if needed is None or device is None or device.memory_gib is None:
        return None
    room = device.memory_gib * GIB
    if needed.high <= room:
        return None
    change = next((each for each in changes(plan, known, room, document, again)), None)
    severity = "error" if needed.low > room else "warning"
    word = "needs" if severity == "error" else "may need"
    message = (
        f"{word} {gib(needed.low)} to {gib(needed.high)} on each device, and {device.title} has "
        f"{device.memory_gib:g} GiB ({parts(needed)})"
    )
    cure = "name a device with more memory, a smaller model or shorter rows"
    if change is not None:
        cure = str(change)
    where = document.point(("hardware",)) or document.start()
    return Diagnostic("NV405", severity, message, where, cure)


def changes(
    plan: Plan, known: Known, room: float, document: Document, again: Again
) -> Iterator[Change]:
    """Yield the changes that fit in ``room`` bytes, the least first."""
    assert isinstance(plan, FinetunePlan | PretrainPlan)
    smaller = _smaller(plan, known, room)
    if smaller is not None:
        yield _micro_batch(plan, smaller, document)
    for change in _methods(plan, document):
        planned = again(change.assignments)
        if planned is None or not isinstance(planned[0], FinetunePlan):
            continue
        needed = measure(*planned)
        if needed is not None and needed.high <= room:
            yield change
        elif (rows := _smaller(planned[0], planned[1], room)) is not None:
            yield change + _micro_batch(planned[0], rows, document)


def _smaller(plan: FinetunePlan | PretrainPlan, known: Known, room: float) -> int | None:
    """Return the largest micro-batch below the plan's that fits."""
    batch = plan.batch
    whole = batch.micro_batch * batch.accumulation
    for rows in range(batch.micro_batch - 1, 0, -1):
        if whole % rows:
            continue
        needed = measure(replace(plan, batch=replace(batch, micro_batch=rows)), known)
        if needed is not None and needed.high <= room:
            return rows
    return None


def _micro_batch(plan: FinetunePlan | PretrainPlan, rows: int, document: Document) -> Change:
    said = document.value(("hardware",))
    machine = dict(said) if isinstance(said, dict) else {"profile": said or "local"}
    batch = plan.batch
    more = batch.micro_batch * batch.accumulation // rows
    words = (
        f"micro-batch {batch.micro_batch} to {rows}, accumulation {batch.accumulation} to {more}, "
        "same global batch"
    )
    return Change((("hardware", {**machine, "micro_batch": rows}),), words)


def _methods(plan: FinetunePlan | PretrainPlan, document: Document) -> Iterator[Change]:
    if not isinstance(plan, FinetunePlan):
        return
    said = document.value(("method",))
    if plan.method.type == "full":
        yield Change((("method", {"type": "lora"}),), "adapters in place of all weights")
        said = {"type": "lora"}
    if plan.method.type in ("full", "lora") and plan.common.hardware.accelerator == "cuda":
        words = "the frozen weights in 4 bits"
        yield Change((("method", {**said, "quantize": "nf4"}),), words)


def parts(needed: Memory, most: int = 4) -> str:
    """Name the parts of a device's memory with their sizes, the largest ``most`` of them."""
    named = {
        "weights": needed.weights,
        "gradients": needed.gradients,
        "optimizer": needed.optimizer,
        "activations": needed.activations,
        "logits": needed.logits,
        "copies": needed.copies,
        "libraries": needed.libraries,
    }
    found = sorted(((size, name) for name, size in named.items() if size), reverse=True)
    return ", ".join(f"{name} {gib(size)}" for size, name in found[:most])


def gib(size: float) -> str:
    """Write bytes in GiB or MiB, in three digits."""
    return f"{size / GIB:.3g} GiB" if size >= GIB / 2 else f"{size / 2**20:.3g} MiB"

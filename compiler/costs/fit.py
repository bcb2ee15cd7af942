"""Whether a plan fits its device, and the smallest change with which it does.

Changes are tried in a fixed order, and the first that fits is named: a smaller micro-batch with
more accumulation, which leaves the experiment as it is; blocks that are computed again; a model in
parts, where there are several devices; then an adapter in place of all weights; then the model in
4 bits. Each with a smaller micro-batch where that is needed too, and parts with blocks that are
computed again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from ..devices import Device
from ..diagnostics import Diagnostic
from ..plan import FinetunePlan, Plan, PretrainPlan
from ..schema import flow
from .memory import GIB, Memory, memory, setting_of
from .parameters import Known
from .slices import slice_of

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
    if not isinstance(plan, FinetunePlan | PretrainPlan) or setting is None:
        return None
    if known.shape is None or known.tuned is None:
        return None
    return memory(known.shape, known.tuned, setting, slice=slice_of(plan, known.shape))


def check_fit(
    plan: Plan,
    known: Known,
    device: Device | None,
    document: Document,
    again: Again,
    *,
    shares: bool = False,
) -> Diagnostic | None:
    """Return NV405 where a device is too small: an error, or a warning where it only may be.

    ``shares`` says whether several devices could hold the model in parts.
    """
    needed = measure(plan, known)
    if needed is None or device is None or device.memory_gib is None:
        return None
    room = device.memory_gib * GIB
    if needed.high <= room:
        return None
    change = next((each for each in changes(plan, known, room, document, again, shares)), None)
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
    plan: Plan, known: Known, room: float, document: Document, again: Again, shares: bool
) -> Iterator[Change]:
    """Yield the changes that fit in ``room`` bytes, the least first."""
    assert isinstance(plan, FinetunePlan | PretrainPlan)
    for keys, words in _machines(plan, shares):
        hardware = replace(plan.common.hardware, **keys)
        other = replace(plan, common=replace(plan.common, hardware=hardware))
        needed, more = measure(other, known), {}
        if not keys or needed is None or needed.high > room:
            rows = _smaller(other, known, room)
            if rows is None:
                continue
            more = {"micro_batch": rows}
            words = [*words, _rows_words(plan, rows)]
        change = _on_machine({**keys, **more}, words, document)
        if again(change.assignments) is not None:  # or the spec would not be sound
            yield change
    for change in _methods(plan, document):
        planned = again(change.assignments)
        if planned is None or not isinstance(planned[0], FinetunePlan):
            continue
        needed = measure(*planned)
        if needed is not None and needed.high <= room:
            yield change
        elif (rows := _smaller(planned[0], planned[1], room)) is not None:
            words = [_rows_words(planned[0], rows)]
            yield change + _on_machine({"micro_batch": rows}, words, document)


Keys = dict[str, Any]

_AGAIN: tuple[Keys, str] = (
    {"activation_checkpointing": True},
    "blocks computed again on the way back, not kept",
)
_PARTS: tuple[Keys, str] = ({"strategy": "fsdp"}, "a part of the model on each device")
_TAKEN: tuple[Keys, str] = (
    {"sharding": "full"},
    "blocks taken apart again as soon as they have computed",
)


def _machines(plan: FinetunePlan | PretrainPlan, shares: bool) -> Iterator[tuple[Keys, list[str]]]:
    """Yield what to change of the hardware, the least first; nothing, for a smaller micro-batch."""
    hardware = plan.common.hardware
    yield {}, []
    steps = [] if hardware.activation_checkpointing else [_AGAIN]
    parts = []
    if shares and hardware.processes > 1 and hardware.strategy != "fsdp":
        parts = [_PARTS]
    elif hardware.strategy == "fsdp" and hardware.sharding != "full":
        parts = [_TAKEN]
    for keys, words in [*steps, *parts]:
        yield keys, [words]
    for (keys, words), (more, others) in product(parts, steps):
        yield {**keys, **more}, [words, others]


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


def _on_machine(keys: Keys, words: list[str], document: Document) -> Change:
    said = document.value(("hardware",))
    machine = dict(said) if isinstance(said, dict) else {"profile": said or "local"}
    return Change((("hardware", {**machine, **keys}),), ", ".join(words))


def _rows_words(plan: FinetunePlan | PretrainPlan, rows: int) -> str:
    batch = plan.batch
    more = batch.micro_batch * batch.accumulation // rows
    return (
        f"micro-batch {batch.micro_batch} to {rows}, accumulation {batch.accumulation} to {more}, "
        "same global batch"
    )


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
        "blocks put together": needed.gathered,
        "libraries": needed.libraries,
    }
    found = sorted(((size, name) for name, size in named.items() if size), reverse=True)
    return ", ".join(f"{name} {gib(size)}" for size, name in found[:most])


def gib(size: float) -> str:
    """Write bytes in GiB or MiB, in three digits."""
    return f"{size / GIB:.3g} GiB" if size >= GIB / 2 else f"{size / 2**20:.3g} MiB"

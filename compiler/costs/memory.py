"""The memory of one device in training, by part, in bytes.

Every part is a closed form; what is left out stands in docs/planning.md, with the error that was
measured. Weights, gradients and the two running means of AdamW are those of Rajbhandari et al.
(arXiv:1910.02054, section 3.1), with gradients and means in fp32; activations are in
:mod:`.activations`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..embedding import ContrastiveSpec
from ..plan import FinetunePlan, Plan, PretrainPlan
from ..spec import SftSpec
from .activations import (
    FULL,
    SHORT,
    Width,
    block_bytes,
    experts_bytes,
    logit_bytes,
    outside_bytes,
    width_of,
)
from .adapters import Tuned
from .shapes import Shape

GIB = 2**30

FOUR_BITS = 0.5 + 0.127 / 8
"""Bytes of a weight in NF4 with nested scales (QLoRA, arXiv:2305.14314, section 3)."""

LIBRARIES = {"cpu": 0.4 * GIB, "cuda": 0.6 * GIB}
"""What the process holds beside tensors: Python and libraries, measured here with torch 2.13 on a
CPU; on a GPU the driver's context and the kernels, an assumption."""

LOOSE = {"cpu": 2.1, "cuda": 1.15}
"""How far the highest figure lies above the formula, for what allocators round up and cut apart.
On a CPU it is the worst that was measured (docs/planning.md); on a GPU it is an assumption."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes on one device at the fullest moment, by part; ``low`` and ``high`` of the whole.

    ``rows`` and ``length`` say for which micro-batch: sequences and tokens in each. ``predicted``
    are the positions of a row that logits are computed for. ``moment`` is `training` or `saving`.
    ``gathered`` are blocks that are put together for a while, and their gradients.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int
    logits: int
    copies: int
    libraries: int
    low: int
    high: int
    rows: int
    length: int
    predicted: int
    moment: str
    gathered: int = 0


@dataclass(frozen=True, slots=True)
class Setting:
    """What of a plan decides on memory, apart from the model.

    ``again``: blocks are computed again on the way back, and keep their input alone. ``parts`` is
    how many devices, or groups of ``together`` devices, hold the model together, 0 where each holds
    the whole; ``stays``: blocks that were put together stay so until the way back; ``offload``: the
    parts are in the CPU's memory.
    """

    accelerator: str
    devices: int
    bf16: bool
    rows: int
    length: int
    predicted: int
    masked: bool
    four_bits: bool = False
    again: bool = False
    optimizer: str = "adamw"
    averaged: bool = False
    parts: int = 0
    together: int = 1
    stays: bool = False
    offload: bool = False


def setting_of(plan: Plan) -> Setting | None:
    """Return the setting of a plan that trains; None of one that asks, or compares answers."""
    if not isinstance(plan, FinetunePlan | PretrainPlan):
        return None
    counted = SftSpec | ContrastiveSpec
    if isinstance(plan, FinetunePlan) and not isinstance(plan.objective, counted):
        return None  # two answers a row, and a model to compare with: not counted
    hardware, rows = plan.common.hardware, plan.batch.micro_batch * texts_of(plan)
    groups = hardware.processes // hardware.tensor_parallel
    parts = hardware.devices if hardware.sharding == "hybrid" else groups
    known = Setting(
        hardware.accelerator, hardware.processes, hardware.precision == "bf16", rows, 0, 0, False,
        again=hardware.activation_checkpointing, optimizer=plan.optimizer.type,
        parts=parts if hardware.in_parts else 0, together=hardware.tensor_parallel,
        stays=hardware.sharding == "gradients", offload=hardware.offload,
    )  # fmt: skip
    if isinstance(plan, PretrainPlan):
        length = plan.sequence_length
        return replace(known, length=length, predicted=length, averaged=_keeps_mean(plan))
    four_bits = plan.method.options.get("quantize") is not None
    return replace(known, length=plan.max_length, predicted=_predicted(plan), four_bits=four_bits)


def _keeps_mean(plan: PretrainPlan) -> bool:
    """Whether a second set of weights is there all the time; means of files are made at the end."""
    return plan.average is not None and plan.average.type == "ema"


def _predicted(plan: FinetunePlan) -> int:
    """At most so many positions of a row are predicted: its label, a token a byte, and the end.

    None are where vectors are learned; then a row is one text.
    """
    task = plan.common.task
    if isinstance(plan.objective, ContrastiveSpec):
        return 0
    if task is None or task.type != "classify":
        return plan.max_length
    longest = max((len(label.encode()) for label in task.labels), default=plan.max_length)
    return min(plan.max_length, longest + 3)


def texts_of(plan: FinetunePlan | PretrainPlan) -> int:
    """Return how many sequences a row is."""
    contrasts = isinstance(plan, FinetunePlan) and isinstance(plan.objective, ContrastiveSpec)
    return len(plan.common.data.columns) if contrasts else 1


def memory(
    shape: Shape,
    how: Tuned,
    setting: Setting,
    *,
    saves: bool = True,
    slice: tuple[Shape, Tuned] | None = None,
) -> Memory:
    """Return what one device holds at its fullest, for rows as long as ``setting`` says.

    With ``saves`` it may be fullest when adapters are merged, after the last step. ``slice`` is
    what a device has of a model whose matrices are cut.
    """
    whole = how
    shape, how = slice or (shape, how)
    width = width_of(setting.bf16, how.frozen)
    weights = _weights(shape, how, width, setting)
    gradients, optimizer = FULL * how.trained, optimizer_bytes(shape, how, setting)
    tokens = setting.rows * setting.length
    block = block_bytes(shape, how, width, setting.length if setting.masked else 0)
    kept = shape.layers * block
    if setting.again:  # the inputs of all blocks, and what the block at work keeps
        kept = shape.layers * width.residual * shape.width + block
    activations = tokens * (kept + outside_bytes(shape, how, width))
    predicted = setting.rows * setting.predicted
    logits = logit_bytes(shape, how, width, predicted, setting.accelerator)
    routed = experts_bytes(shape, how, width)
    copies, gathered = _copies(shape, how, setting) + routed, 0
    if setting.parts:
        weights, gradients, optimizer = (
            0 if setting.offload else -(-size // setting.parts)
            for size in (weights, gradients, optimizer)
        )
        copies, gathered = routed, _gathered(shape, how, width, setting)
    state = weights + gradients + optimizer
    training = state + activations + logits + copies + gathered
    saving = state + _saved(whole, setting)
    if saves and saving > training:
        activations, logits, copies, gathered, training = 0, 0, saving - state, 0, saving
    libraries = int(LIBRARIES[setting.accelerator])
    low = training + libraries
    return Memory(
        weights, gradients, optimizer, activations, logits, copies, libraries,
        low, int(LOOSE[setting.accelerator] * training) + libraries,
        setting.rows, setting.length, setting.predicted,
        "saving" if saving == training else "training", gathered,
    )  # fmt: skip


def optimizer_bytes(shape: Shape, how: Tuned, setting: Setting) -> int:
    """What the optimizer keeps of trained weights, and their moving average.

    AdamW and the schedule-free one keep two numbers in fp32, 8 bits 2 bytes and two scales for 256
    numbers. Muon keeps one number of the matrices inside the blocks.
    """
    mean = FULL * how.trained if setting.averaged else 0
    if setting.optimizer == "adamw-8bit":
        return int((2 + 2 * FULL / 256) * how.trained) + mean
    inside = how.trained if how.frozen else shape.matrices - shape.head_matrix
    single = inside if setting.optimizer == "muon" else 0
    return 2 * FULL * how.trained - FULL * single + mean


def _weights(shape: Shape, how: Tuned, width: Width, setting: Setting) -> int:
    """Of the model as it is loaded, and of adapters, which are kept in fp32."""
    added = FULL * how.added
    if not setting.four_bits:
        return width.weight * how.base + added
    short = shape.layers * sum(each.inputs * each.outputs for each in shape.linears)
    # what is not in 4 bits is turned to fp32 before training, as peft prepares it
    return int(FOUR_BITS * short) + FULL * (how.base - short) + added


def _copies(shape: Shape, how: Tuned, setting: Setting) -> int:
    """Short copies of trained weights under autocast, and the buckets that devices exchange."""
    cast = how.added if how.frozen else shape.matrices
    copies = SHORT * cast if setting.bf16 else 0
    return copies + (FULL * how.trained if setting.devices > 1 else 0)


def _gathered(shape: Shape, how: Tuned, width: Width, setting: Setting) -> int:
    """What a device puts together of a model in parts, as torch's `fully_shard` has it.

    Of blocks, in the precision that they compute in: the one at work and the next, or all of them
    until the way back; of two blocks the gradients in that precision, and in fp32 where they are
    summed. What stands outside of the blocks is whole from its first use to its last, with its
    gradient and, under autocast, the short copy of the output layer.
    """
    own = sum(each.size for each in shape.linears) + sum(each.size for each in shape.norms)
    own += 0 if shape.experts is None else shape.experts.size
    inside, outside = own + how.added // shape.layers, shape.total - shape.layers * own
    product = SHORT if setting.bf16 else FULL
    blocks = product * inside * (shape.layers if setting.stays else min(2, shape.layers))
    learned = how.added // shape.layers if how.frozen else inside
    sums = min(2, shape.layers) * learned * (product + FULL)
    root = outside * (width.weight if how.frozen else 2 * FULL)
    return blocks + sums + root + (SHORT * shape.head_matrix if setting.bf16 else 0)


def _saved(how: Tuned, setting: Setting) -> int:
    """Adapters are merged into a copy of the whole model in fp32, in the CPU's memory; a model in
    parts is put together there by the first process."""
    if setting.parts and setting.accelerator == "cpu":
        return FULL * how.total * (2 if how.frozen else 1)
    return FULL * how.total if how.frozen and setting.accelerator == "cpu" else 0

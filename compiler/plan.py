"""Plan: what will happen. Every default is explicit, every derived number carries its unit."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from .embedding import ContrastiveSpec
from .launching import LaunchPlan
from .spec import (
    BudgetSpec,
    DataSpec,
    EndpointSpec,
    EvaluateSpec,
    FewShotSpec,
    GenerationSpec,
    MessageSpec,
    MethodSpec,
    ModelRef,
    PreferenceSpec,
    SftSpec,
    TaskSpec,
    TokenizerSpec,
)
from .spec_heads import HeadSpec
from .spec_model import ArchitectureSpec
from .track import ServiceSpec
from .training import AverageSpec, DivergenceSpec, MuonSpec, RampPlan, ScheduleSpec
from .words import plural

IN_PARTS = ("fsdp", "tensor")
"""Strategies with which no device holds the whole model."""


@dataclass(frozen=True, slots=True)
class HardwarePlan:
    """Where the program runs. ``precision`` is what tensors are computed in: fp32 or bf16.

    ``launch`` is None where Lightning starts the processes.
    ``devices`` are those of one machine of ``nodes``. ``strategy`` is auto (one device), ddp or
    fsdp or tensor; ``sharding`` and ``offload`` are theirs. ``whole_on`` is where the trained model
    is asked. ``tensor_parallel`` devices compute the same rows, each with a slice of every matrix.
    """

    accelerator: str
    devices: int
    strategy: str
    precision: str
    threads: int | None
    activation_checkpointing: bool = False
    compile: bool = False
    kernels: str = "torch"
    nodes: int = 1
    sharding: str | None = None
    offload: bool = False
    whole_on: str = "cpu"
    launch: LaunchPlan | None = None
    tensor_parallel: int = 1

    @property
    def processes(self) -> int:
        """Of all machines."""
        return self.devices * self.nodes

    @property
    def in_parts(self) -> bool:
        """Whether no device holds the whole model."""
        return self.strategy in IN_PARTS


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """One optimizer step: ``batch = micro_batch x devices x accumulation`` sequences, exactly.

    ``devices`` that compute the same rows together count once.
    """

    batch: int
    micro_batch: int
    accumulation: int
    devices: int

    def text(self, what: str, together: int) -> str:
        """Say how `what` is made up, where so many devices compute the same rows together."""
        each = "device" if together == 1 else "group"
        of = "" if together == 1 else f" of {together} devices"
        return (
            f"{what} = {self.micro_batch} per {each} x {plural(self.devices, each)}{of} "
            f"x {self.accumulation} accumulation"
        )


@dataclass(frozen=True, slots=True)
class OptimizerPlan:
    """Optimizer and schedule; ``betas`` and ``eps`` are AdamW's, ``muon`` what Muon adds."""

    type: str
    learning_rate: float
    betas: tuple[float, float]
    eps: float
    weight_decay: float
    max_grad_norm: float
    schedule: ScheduleSpec
    muon: MuonSpec | None = None


@dataclass(frozen=True, slots=True)
class KeptPlan:
    """What is watched and kept during training, in optimizer steps.

    Intervals are None where they follow from steps that only the run can count: a tenth of them.
    ``validate_every`` without ``validates`` means nothing. ``patience`` is None where nothing
    stops early.
    """

    validates: bool
    validate_every: int | None
    metric: str | None
    patience: int | None
    use: str
    checkpoint_every: int | None
    keep: int


@dataclass(frozen=True, slots=True)
class Common:
    """What every level has."""

    name: str
    description: str
    seed: int
    data: DataSpec
    task: TaskSpec | None
    evaluate: EvaluateSpec
    hardware: HardwarePlan
    track: tuple[ServiceSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class VariantPlan:
    """One way of asking, whole; ``input`` is empty where ``messages`` are asked with."""

    name: str
    input: str
    system: str | None
    few_shot: FewShotSpec
    messages: tuple[MessageSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class PromptPlan:
    """``models`` x ``variants`` x rows x ``repeats`` answers.

    ``generation`` holds the defaults of local models where only such are asked; with an
    endpoint among them it holds what the spec says, since the rest is not sent.
    """

    level: ClassVar[str] = "prompt"
    common: Common
    models: tuple[tuple[str, ModelRef | EndpointSpec], ...]
    variants: tuple[VariantPlan, ...]
    repeats: int
    generation: GenerationSpec
    budget: BudgetSpec | None


@dataclass(frozen=True, slots=True)
class FinetunePlan:
    """``steps`` is None where the number of rows is known only when they are read.

    ``generation`` is how the trained model answers the test rows; None where it writes nothing.
    With a ``head`` its outputs are learned, and there is no ``objective`` of tokens.
    ``reference`` is where the model before tuning comes from that a preference is compared with:
    `off`, the adapter switched off, or `kept`; None where nothing is.
    """

    level: ClassVar[str] = "finetune"
    common: Common
    model: ModelRef
    method: MethodSpec
    objective: SftSpec | PreferenceSpec | ContrastiveSpec | None
    epochs: int
    steps: int | None
    max_length: int
    too_long: str
    too_long_at_most: float
    packing: bool
    batch: BatchPlan
    optimizer: OptimizerPlan
    kept: KeptPlan
    generation: GenerationSpec | None
    reference: str | None = None
    head: HeadSpec | None = None
    divergence: DivergenceSpec | None = None


@dataclass(frozen=True, slots=True)
class PretrainPlan:
    """``flops`` is 6 x parameters x tokens (Kaplan et al., arXiv:2001.08361, section 2.1).

    ``active_parameters`` are those that one token meets, and they are what ``flops`` takes; None
    where they are all.
    """

    level: ClassVar[str] = "pretrain"
    common: Common
    model: ArchitectureSpec
    tokenizer: TokenizerSpec
    parameters: int
    parameters_without_embeddings: int
    tokens: int
    tokens_per_step: int
    steps: int
    flops: float
    sequence_length: int
    document_mask: bool
    batch: BatchPlan
    optimizer: OptimizerPlan
    kept: KeptPlan
    z_loss: float = 0.0
    average: AverageSpec | None = None
    divergence: DivergenceSpec | None = None
    ramp: RampPlan | None = None
    router_z_loss: float = 0.0
    active_parameters: int | None = None


Plan = PromptPlan | FinetunePlan | PretrainPlan


def to_json(plan: Plan) -> str:
    """The plan as JSON with sorted keys; the same plan gives the same bytes."""
    body: dict[str, Any] = {"level": plan.level, **asdict(plan)}
    if isinstance(plan, FinetunePlan) and plan.objective is not None:
        body["objective"]["type"] = plan.objective.type
    return json.dumps(body, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

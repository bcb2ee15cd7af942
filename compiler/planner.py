"""Spec -> Plan: the defaults that depend on other values, and the arithmetic."""

from __future__ import annotations

from dataclasses import replace

from .costs.families import read_shape
from .launching import plan_launch
from .plan import (
    IN_PARTS,
    BatchPlan,
    Common,
    FinetunePlan,
    HardwarePlan,
    KeptPlan,
    OptimizerPlan,
    Plan,
    PretrainPlan,
)
from .planner_heads import head_metrics, plan_head
from .planner_prompt import default_metrics, local_generation, plan_prompt
from .preferences import UNRANKED, PreferenceSpec, reference_of
from .sizes import whole_config
from .spec import (
    DataSpec,
    EvaluateSpec,
    FinetuneSpec,
    FinetuneTrain,
    HardwareSpec,
    PretrainSpec,
    PretrainTrain,
    PromptSpec,
    Spec,
)
from .spec_heads import HEADED
from .training import muon_at, plan_ramp, ramp_steps

# Rows per device at once where the spec does not say: enough to keep two CPU cores busy on short
# rows, and few enough for any GPU at the lengths and models of a first experiment.
MICRO_BATCH_CAP = 16

# Checkpoints, and validations, in a run whose spec does not say: a kill costs a tenth of it at
# most, and in a long one the minutes that this many steps take.
INTERVALS = 10
MOST_STEPS = 500

# Operations from which a pretraining is compiled. It takes up to 40 s and saves about a fifth of
# the time, so the run should take some 10 minutes at least: at the 0.1 TFLOP/s of a few CPU cores,
# or at 150 TFLOP/s, half of what a GPU of the catalog gives.
COMPILED_FROM = {"cpu": 6e13, "cuda": 9e16}

SILENT = ("classify", "prefer", "embed", *HEADED)
"""Tasks of level finetune whose model writes no answers."""


def make_plan(spec: Spec) -> Plan:
    """What running ``spec`` will do. The rules must have held."""
    if isinstance(spec, PromptSpec):
        return plan_prompt(spec, _common(spec))
    if isinstance(spec, FinetuneSpec):
        return _finetune(spec)
    return _pretrain(spec)


def _common(spec: Spec) -> Common:
    return Common(
        spec.name,
        spec.description,
        spec.seed,
        _data(spec),
        spec.task,
        _evaluate(spec),
        _hardware(spec.hardware, not isinstance(spec, PromptSpec), _compiles(spec)),
        spec.track,
    )


def _data(spec: Spec) -> DataSpec:
    """A text that is only predicted has no label column unless its template reads one."""
    if spec.task is None or spec.task.type != "language-model":
        return spec.data
    columns = {k: v for k, v in spec.data.columns.items() if k != "label"}
    return replace(spec.data, columns=columns)


def _evaluate(spec: Spec) -> EvaluateSpec:
    """The measures of the task stand in where the spec names none."""
    if spec.evaluate.metrics or spec.task is None:
        return spec.evaluate
    if spec.task.type in HEADED:
        return replace(spec.evaluate, metrics=head_metrics(spec.task))
    trained = isinstance(spec, FinetuneSpec)
    labelled = trained or "label" in spec.data.columns
    task = "generate" if trained and spec.task.type == "chat" else spec.task.type
    found = default_metrics(task, labelled)
    if isinstance(spec, FinetuneSpec) and spec.objective.type in UNRANKED:
        found = found[:2]
    return replace(spec.evaluate, metrics=found)


def _hardware(hardware: HardwareSpec, trains: bool, compiles: bool) -> HardwarePlan:
    devices = hardware.devices if trains else 1  # a prompting runner uses one device
    nodes = hardware.nodes if trains else 1
    said = None if hardware.strategy == "single" or not trains else hardware.strategy
    strategy = said or ("ddp" if devices * nodes > 1 else "auto")
    shares = strategy in IN_PARTS
    return HardwarePlan(
        hardware.accelerator,
        devices,
        strategy,
        hardware.precision,
        hardware.threads,
        hardware.activation_checkpointing,
        compiles,
        hardware.kernels if trains else "torch",
        nodes,
        hardware.sharding if shares else None,
        shares and hardware.offload,
        hardware.accelerator,
        plan_launch(hardware, trains),
        hardware.together if trains else 1,
    )


def _compiles(spec: Spec) -> bool:
    """Whether blocks are compiled: as said, or in a pretraining that is long enough."""
    if isinstance(spec, PromptSpec) or spec.hardware.compile is not None:
        return bool(spec.hardware.compile)
    if isinstance(spec, FinetuneSpec):
        return False  # rows of many lengths, and as a rule few of them
    if spec.hardware.strategy == "tensor":
        return False  # was not seen with matrices that are cut
    if spec.model.experts is not None:
        return False  # how many tokens an expert has is known when it has them
    total = read_shape(whole_config(spec.model, spec.tokenizer.vocab_size)).total
    least = COMPILED_FROM[spec.hardware.accelerator] * spec.hardware.processes
    return 6.0 * total * spec.train.tokens >= least


def _batch(train: FinetuneTrain | PretrainTrain, hardware: HardwareSpec) -> BatchPlan:
    devices = hardware.groups
    per_device = train.batch // devices
    micro_batch = hardware.micro_batch or largest_divisor(per_device, MICRO_BATCH_CAP)
    ramp = train.ramp if isinstance(train, PretrainTrain) else None
    if ramp is not None and hardware.micro_batch is None:
        # so many micro-batches that each has sequences in the smallest step, too
        first = max(1, ramp.start // devices)
        micro_batch = per_device // least_divisor(first, -(-per_device // MICRO_BATCH_CAP))
    return BatchPlan(train.batch, micro_batch, per_device // micro_batch, devices)


def largest_divisor(number: int, cap: int) -> int:
    """The largest divisor of ``number`` that is at most ``cap``.

    >>> largest_divisor(60, 16)
    15
    """
    return max(d for d in range(1, min(number, cap) + 1) if number % d == 0)


def least_divisor(number: int, least: int) -> int:
    """The smallest divisor of ``number`` that is at least ``least``; itself where none is.

    >>> least_divisor(12, 5)
    6
    """
    return next((d for d in range(least, number) if number % d == 0), number)


def _optimizer(train: FinetuneTrain | PretrainTrain) -> OptimizerPlan:
    said = train.optimizer
    return OptimizerPlan(
        said.type,
        train.learning_rate,
        (said.beta1, said.beta2),
        said.eps,
        said.weight_decay,
        train.max_grad_norm,
        train.schedule,
        muon_at(said.muon, train.learning_rate),
    )


def _kept(train: FinetuneTrain | PretrainTrain, steps: int | None, *, rows: bool) -> KeptPlan:
    """``rows`` says whether there are rows to validate on where the spec gives no interval."""
    said, derived = train.kept, _tenth(steps)
    validates = said.validate_every is not None or rows
    return KeptPlan(
        validates,
        (said.validate_every or derived) if validates else None,
        said.metric,
        said.patience,
        said.use or ("best" if said.patience is not None else "last"),
        said.checkpoint_every or derived,
        said.keep,
    )


def _tenth(steps: int | None) -> int | None:
    return None if steps is None else min(MOST_STEPS, -(-steps // INTERVALS))


def _finetune(spec: FinetuneSpec) -> FinetunePlan:
    train, source, said = spec.train, spec.data.train, spec.objective
    steps = None
    if source is not None and source.balance and source.limit is not None:
        # balance with a limit gives exactly that many rows; any other source may hold fewer
        steps = -(-source.limit * train.epochs // train.batch)
    head = plan_head(spec)
    return FinetunePlan(
        _common(spec),
        spec.model,
        spec.method,
        said if head is None else None,
        train.epochs,
        steps,
        train.max_length,
        train.too_long,
        train.too_long_at_most,
        train.packing,
        _batch(train, spec.hardware),
        _optimizer(train),
        _kept(train, steps, rows=spec.data.validation is not None),
        local_generation(spec.generation) if spec.task.type not in SILENT else None,
        reference_of(said, spec.method) if isinstance(said, PreferenceSpec) else None,
        head,
        train.divergence,
    )


def _pretrain(spec: PretrainSpec) -> PretrainPlan:
    train = spec.train
    per_step = train.batch * train.sequence_length
    full_steps = train.tokens // per_step
    ramp = plan_ramp(train.ramp, train.batch, full_steps)
    steps = full_steps + ramp_steps(ramp, train.batch)
    shape = read_shape(whole_config(spec.model, spec.tokenizer.vocab_size))
    parts = shape.by_part()
    total, outside = shape.total, parts["embeddings"] + parts["head"]
    active = shape.total if shape.experts is None else shape.active
    return PretrainPlan(
        _common(spec),
        spec.model,
        spec.tokenizer,
        total,
        total - outside,
        train.tokens,
        per_step,
        steps,
        6.0 * active * train.tokens,
        train.sequence_length,
        train.document_mask,
        _batch(train, spec.hardware),
        _optimizer(train),
        _kept(train, steps, rows=False),
        train.z_loss,
        train.average,
        train.divergence,
        ramp,
        train.router_z_loss,
        None if shape.experts is None else active,
    )

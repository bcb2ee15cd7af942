"""What the user said, typed: one frozen dataclass per level.

A spec is made by :mod:`.structure` from data that already satisfies the schema, with
every static default filled in. ``None`` means "not said, and no static default exists".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from .embedding import ContrastiveSpec as ContrastiveSpec
from .embedding import EmbedSpec
from .machine import HardwareSpec as HardwareSpec
from .preferences import PreferenceSpec as PreferenceSpec
from .spec_asking import BudgetSpec as BudgetSpec
from .spec_asking import EndpointSpec as EndpointSpec
from .spec_asking import FewShotSpec as FewShotSpec
from .spec_asking import GenerationSpec as GenerationSpec
from .spec_asking import KeySpec as KeySpec
from .spec_asking import PriceSpec as PriceSpec
from .spec_asking import PromptSection as PromptSection
from .spec_asking import VariantSpec as VariantSpec
from .spec_heads import HeadSpec
from .spec_model import ArchitectureSpec
from .spec_text import CurateStep, TextSource
from .spec_text import TokenizerSpec as TokenizerSpec
from .track import ServiceSpec
from .training import AverageSpec, DivergenceSpec, RampSpec, SamplesSpec
from .training import OptimizerSpec as OptimizerSpec
from .training import ScheduleSpec as ScheduleSpec


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """Where rows come from: exactly one of ``builtin`` and ``path`` is set."""

    builtin: str | None
    path: str | None
    split: str | None
    limit: int | None
    balance: bool


@dataclass(frozen=True, slots=True)
class DataSpec:
    """The sources, and the template name -> column name map (``label`` is the gold label).

    ``format`` is that of conversations, at level finetune; None elsewhere. ``text`` and ``curate``
    are those of level pretrain, and empty elsewhere.
    """

    train: SourceSpec | None
    validation: SourceSpec | None
    test: SourceSpec | None
    text: tuple[TextSource, ...]
    columns: dict[str, str]
    format: str | None = None
    curate: tuple[CurateStep, ...] = ()


@dataclass(frozen=True, slots=True)
class MessageSpec:
    """One message of a chat; ``content`` is a template."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """What is asked of the model for each row, and how its answer is read.

    Either ``input`` is given or ``messages`` are; the other is empty, as both are of `chat`.
    ``labels``, ``scoring`` and ``null_input`` are those of `classify`, ``schema`` that of
    `extract` as JSON text with sorted keys, ``embed`` that of `embed`; elsewhere they are empty
    or None.
    """

    type: str
    input: str
    format: str
    labels: tuple[str, ...] = ()
    scoring: str | None = None
    null_input: str | None = None
    schema: str | None = None
    messages: tuple[MessageSpec, ...] = ()
    embed: EmbedSpec | None = None


@dataclass(frozen=True, slots=True)
class NextWordSpec:
    """A text whose next-token distribution is shown, cut to the ``top`` likeliest tokens."""

    text: str
    top: int


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """A measure and its options: ``tolerance`` of `numeric`, ``pattern`` of `regex`,
    ``model`` of `embedding`."""

    type: str
    tolerance: float | None = None
    pattern: str | None = None
    model: ModelRef | None = None


@dataclass(frozen=True, slots=True)
class GateSpec:
    """What has to hold of the result; one of the limits is None."""

    metric: str
    at_least: float | None
    at_most: float | None
    bound: str
    of: str


@dataclass(frozen=True, slots=True)
class JudgeSpec:
    """A model that grades answers; ``choices`` pairs a verdict with its score from 0 to 1.

    ``scoring`` is None where the spec leaves it to the kind of model; a plan always says it.
    """

    model: ModelRef | EndpointSpec
    input: str
    format: str
    system: str | None
    choices: tuple[tuple[str, float], ...]
    scoring: str | None
    generation: GenerationSpec


@dataclass(frozen=True, slots=True)
class BaselineSpec:
    """What columns are compared with: an earlier ``run``, or a column of the matrix."""

    run: str | None
    model: str | None
    variant: str | None


@dataclass(frozen=True, slots=True)
class EvaluateSpec:
    """What is measured; ``confidence`` is the level of every interval, between 0.5 and 1.

    ``metrics`` is empty where the measures of the task are meant; ``compare`` and ``baseline`` are
    None where the first metric and column are meant, and in a plan where nothing is compared.
    ``lm_eval`` names tasks of lm-eval, and task files.
    """

    metrics: tuple[MetricSpec, ...]
    confidence: float
    next_word: NextWordSpec | None
    gates: tuple[GateSpec, ...] = ()
    judge: JudgeSpec | None = None
    compare: str | None = None
    baseline: BaselineSpec | None = None
    lm_eval: tuple[str, ...] = ()
    samples: SamplesSpec | None = None


@dataclass(frozen=True, slots=True)
class ModelRef:
    """An existing model: hub id, ``./folder``, ``pkg:PACKAGE/FILE`` or ``run:NAME``."""

    path: str
    revision: str | None
    chat_template: str | None = None


@dataclass(frozen=True, slots=True)
class MethodSpec:
    """Which parameters are trained: the ``type`` and its options, defaults included.

    ``options`` holds what the schema of the type lists, lists as tuples; an option that is not
    said and has no default is absent. What they mean to peft stands in ``schemas/methods.json``.
    """

    type: str
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class KeptSpec:
    """What is watched and kept during training, in optimizer steps; None: not said.

    ``patience`` counts validations without a better loss; None where nothing stops early.
    ``use`` is `best` or `last`: the weights that the run ends with.
    """

    validate_every: int | None
    metric: str | None
    patience: int | None
    use: str | None
    checkpoint_every: int | None
    keep: int


@dataclass(frozen=True, slots=True)
class SftSpec:
    """Supervised learning of the tokens that ``train_on`` names, with or without the end."""

    train_on: str
    train_end: bool
    type: ClassVar[str] = "sft"


@dataclass(frozen=True, slots=True)
class FinetuneTrain:
    """Training on rows; ``batch`` is sequences per optimizer step over all devices.

    ``too_long_at_most`` is the largest share of the rows that may be dropped or cut.
    """

    epochs: int
    batch: int
    learning_rate: float
    schedule: ScheduleSpec
    optimizer: OptimizerSpec
    max_grad_norm: float
    max_length: int
    kept: KeptSpec
    too_long: str
    too_long_at_most: float
    packing: bool
    divergence: DivergenceSpec | None = None


@dataclass(frozen=True, slots=True)
class PretrainTrain:
    """Training on packed text; ``tokens`` is the total seen, over all epochs and devices.

    With ``document_mask`` a document sees only itself.
    ``z_loss`` is the weight of the squared logarithm of the softmax's normaliser, and
    ``router_z_loss`` that of the same of the routers of experts.
    """

    tokens: int
    batch: int
    sequence_length: int
    document_mask: bool
    learning_rate: float
    schedule: ScheduleSpec
    optimizer: OptimizerSpec
    max_grad_norm: float
    kept: KeptSpec
    divergence: DivergenceSpec | None = None
    z_loss: float = 0.0
    router_z_loss: float = 0.0
    average: AverageSpec | None = None
    ramp: RampSpec | None = None


@dataclass(frozen=True, slots=True)
class PromptSpec:
    """Level 1: use a model as it is; ``models`` pairs a name with what is asked by it."""

    name: str
    description: str
    seed: int
    models: tuple[tuple[str, ModelRef | EndpointSpec], ...]
    data: DataSpec
    task: TaskSpec
    evaluate: EvaluateSpec
    hardware: HardwareSpec
    prompt: PromptSection
    generation: GenerationSpec
    budget: BudgetSpec | None
    track: tuple[ServiceSpec, ...] = ()
    level: ClassVar[str] = "prompt"


@dataclass(frozen=True, slots=True)
class FinetuneSpec:
    """Level 2: change at least one parameter of an existing model."""

    name: str
    description: str
    seed: int
    model: ModelRef
    data: DataSpec
    task: TaskSpec
    evaluate: EvaluateSpec
    hardware: HardwareSpec
    method: MethodSpec
    objective: SftSpec | PreferenceSpec | ContrastiveSpec
    train: FinetuneTrain
    generation: GenerationSpec
    head: HeadSpec | None = None
    track: tuple[ServiceSpec, ...] = ()
    level: ClassVar[str] = "finetune"


@dataclass(frozen=True, slots=True)
class PretrainSpec:
    """Level 3: train the tokenizer and every parameter of a new model."""

    name: str
    description: str
    seed: int
    model: ArchitectureSpec
    data: DataSpec
    task: TaskSpec | None
    evaluate: EvaluateSpec
    hardware: HardwareSpec
    tokenizer: TokenizerSpec
    train: PretrainTrain
    track: tuple[ServiceSpec, ...] = ()
    level: ClassVar[str] = "pretrain"


Spec = PromptSpec | FinetuneSpec | PretrainSpec

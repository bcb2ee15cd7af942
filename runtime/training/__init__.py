"""What emitted training programs stand on: exact batches, exact loss, schedules, records.

A new schedule goes into ``schedules.py``, a new kind of training row into ``batches.py``; both are
then named in ``__all__`` here, the list that emitted programs may import from.
"""

from .averages import CheckpointAverage, MovingAverage, ScheduleFreeAverage
from .batches import Batch, LabelledRows, MicroBatches, TokenRows, count_steps
from .callbacks import Recorder, StepSeed
from .checkpoint import Checkpoints
from .compiled import CompiledBlocks
from .contrastive import AnchorRows, contrastive_loss
from .distill import Distillation, Teacher, distill_loss
from .divergence import LossWatch, RollBacks
from .documents import JoinedRows
from .experts import ExpertLoad, routed_loss
from .liger import LigerKernels
from .loader import step_loader
from .loss import token_loss, token_nll
from .optimizers import (
    Together,
    adamw_8bit,
    adamw_schedule_free,
    loraplus_groups,
    muon_groups,
    parameter_groups,
)
from .pairs import (
    PairRows,
    keep_reference,
    kept_log_probs,
    pair_log_probs,
    reference_log_probs,
)
from .preferences import dpo_loss, kto_loss, orpo_loss, sft_loss, simpo_loss
from .ramp import BatchRamp
from .rewards import pair_rewards, reward_loss
from .samples import Samples
from .schedules import (
    by_step,
    constant_schedule,
    cosine_schedule,
    linear_schedule,
    warmup_stable_decay_schedule,
)
from .sharding import Sharded, gather, shard
from .targets import FeatureRows, TargetRows, target_loss
from .trainer import make_trainer
from .validation import Validation
from .verdicts import StepDivergence, VerdictRows, verdict_log_ratios

__all__ = [
    "AnchorRows",
    "Batch",
    "BatchRamp",
    "CheckpointAverage",
    "Checkpoints",
    "CompiledBlocks",
    "Distillation",
    "ExpertLoad",
    "FeatureRows",
    "JoinedRows",
    "LabelledRows",
    "LigerKernels",
    "LossWatch",
    "MicroBatches",
    "MovingAverage",
    "PairRows",
    "Recorder",
    "RollBacks",
    "Samples",
    "ScheduleFreeAverage",
    "Sharded",
    "StepDivergence",
    "StepSeed",
    "TargetRows",
    "Teacher",
    "Together",
    "TokenRows",
    "Validation",
    "VerdictRows",
    "adamw_8bit",
    "adamw_schedule_free",
    "by_step",
    "constant_schedule",
    "contrastive_loss",
    "cosine_schedule",
    "count_steps",
    "distill_loss",
    "dpo_loss",
    "gather",
    "keep_reference",
    "kept_log_probs",
    "kto_loss",
    "linear_schedule",
    "loraplus_groups",
    "make_trainer",
    "muon_groups",
    "orpo_loss",
    "pair_log_probs",
    "pair_rewards",
    "parameter_groups",
    "reference_log_probs",
    "reward_loss",
    "routed_loss",
    "sft_loss",
    "shard",
    "simpo_loss",
    "step_loader",
    "target_loss",
    "token_loss",
    "token_nll",
    "verdict_log_ratios",
    "warmup_stable_decay_schedule",
]

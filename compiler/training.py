"""How a model is trained, apart from its rows: the schedule, the optimizer, and what is watched.

The levels finetune and pretrain share these parts; their schemas are in ``schemas/training.json``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

Data = dict[str, Any]

SPIKE_WINDOW = 50
"""Steps whose mean loss a spike is measured by."""


@dataclass(frozen=True, slots=True)
class ScheduleSpec:
    """Shape of the learning rate; ``warmup`` and ``decay`` are fractions of all optimizer steps.

    ``minimum`` is the fraction of the highest rate that is left at the end; ``decay`` is None but
    for `warmup-stable-decay`.
    """

    type: str
    warmup: float
    minimum: float = 0.0
    decay: float | None = None


@dataclass(frozen=True, slots=True)
class MuonSpec:
    """What Muon has beside AdamW, in torch's words; ``adamw_learning_rate`` None: the same rate."""

    momentum: float
    nesterov: bool
    ns_steps: int
    adjust_lr_fn: str
    adamw_learning_rate: float | None


@dataclass(frozen=True, slots=True)
class OptimizerSpec:
    """``beta1`` and ``beta2`` are the decays of AdamW's two running means."""

    type: str
    weight_decay: float
    beta1: float
    beta2: float
    eps: float
    muon: MuonSpec | None = None


@dataclass(frozen=True, slots=True)
class AverageSpec:
    """Weights that are used are a mean: `ema`, with ``decay``, or of the ``last`` `checkpoints`."""

    type: str
    decay: float | None
    last: int | None


@dataclass(frozen=True, slots=True)
class DivergenceSpec:
    """`stop`, or `roll-back` ``at_most`` so many times, when training has diverged.

    A loss of more than ``spike`` times the mean of the steps before it is a divergence, as NaN
    and infinity always are; None: only these.
    """

    type: str
    spike: float | None
    at_most: int | None


@dataclass(frozen=True, slots=True)
class RampSpec:
    """A batch that grows from ``start`` in the first ``over`` of the tokens."""

    start: int
    over: float


@dataclass(frozen=True, slots=True)
class RampPlan:
    """``start``, 2 x ``start``, ... below the batch, for ``steps`` optimizer steps each."""

    start: int
    steps: int


def plan_ramp(said: RampSpec | None, batch: int, full_steps: int) -> RampPlan | None:
    """Return the steps of each size; ``full_steps`` of the whole batch would see all tokens.

    The steps below the batch hold as many sequences as a whole number of batches, so that the run
    sees the tokens that it says.
    """
    if said is None:
        return None
    stages = batch // said.start - 1
    steps = max(1, round(2 * said.over * full_steps / stages))
    odd = steps * stages % 2
    return RampPlan(said.start, steps + odd)


def ramp_steps(ramp: RampPlan | None, batch: int) -> int:
    """Return how many more optimizer steps a ramp makes of the same tokens."""
    return 0 if ramp is None else ramp.steps * (batch // ramp.start - 1) // 2


def build_ramp(data: Data | None) -> RampSpec | None:
    """Return the typed ramp of filled data; None where the batch is whole from the first step."""
    return None if data is None else RampSpec(int(data["start"]), float(data["over"]))


@dataclass(frozen=True, slots=True)
class SamplesSpec:
    """Texts that are continued in a pretraining, for readers; ``max_tokens`` each at most."""

    prompts: tuple[str, ...]
    max_tokens: int
    temperature: float


def build_samples(data: Data | None) -> SamplesSpec | None:
    """Return the typed samples of filled data; None where nothing is written."""
    if data is None:
        return None
    return SamplesSpec(tuple(data["prompts"]), int(data["max_tokens"]), float(data["temperature"]))


def build_schedule(data: Data) -> ScheduleSpec:
    """Return the typed schedule of filled data."""
    decay = data.get("decay")
    return ScheduleSpec(
        data["type"],
        float(data["warmup"]),
        float(data.get("minimum", 0.0)),
        None if decay is None else float(decay),
    )


def build_optimizer(data: Data) -> OptimizerSpec:
    """Return the typed optimizer of filled data."""
    decay, beta1, beta2, eps = (
        float(data[key]) for key in ("weight_decay", "beta1", "beta2", "eps")
    )
    return OptimizerSpec(data["type"], decay, beta1, beta2, eps, _muon(data))


def _muon(data: Data) -> MuonSpec | None:
    if data["type"] != "muon":
        return None
    other = data.get("adamw_learning_rate")
    return MuonSpec(
        float(data["momentum"]),
        data["nesterov"],
        int(data["ns_steps"]),
        data["adjust_lr_fn"],
        None if other is None else float(other),
    )


def muon_at(said: MuonSpec | None, rate: float) -> MuonSpec | None:
    """Return what Muon adds, with the rate of the rest where it is not said: the run's."""
    if said is None or said.adamw_learning_rate is not None:
        return said
    return replace(said, adamw_learning_rate=rate)


def build_average(data: Data | None) -> AverageSpec | None:
    """Return the typed average of filled data; None where nothing is averaged."""
    if data is None:
        return None
    decay, last = data.get("decay"), data.get("last")
    return AverageSpec(
        data["type"], None if decay is None else float(decay), None if last is None else int(last)
    )


def build_divergence(data: Data | None) -> DivergenceSpec | None:
    """Return what is done when training diverges; None where only NaN and infinity end it."""
    if data is None or (data["type"] == "stop" and data.get("spike") is None):
        return None
    spike, most = data.get("spike"), data.get("at_most")
    return DivergenceSpec(
        data["type"], None if spike is None else float(spike), None if most is None else int(most)
    )

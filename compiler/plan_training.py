"""Lines of `nivel plan` on how a model is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .training import SPIKE_WINDOW, AverageSpec, DivergenceSpec, RampPlan, SamplesSpec, ScheduleSpec
from .words import plural

if TYPE_CHECKING:
    from .plan import OptimizerPlan

Line = tuple[str, str]

NAMES = {
    "adamw": "AdamW",
    "muon": "Muon",
    "adamw-8bit": "AdamW in 8 bits",
    "schedule-free": "schedule-free AdamW",
}
"""Optimizer -> its name in a sentence."""


def optimizer_lines(optimizer: OptimizerPlan) -> list[Line]:
    """Say the optimizer, its rate and its schedule; with Muon, what trains the rest."""
    text = (
        f"{NAMES[optimizer.type]}, learning rate {optimizer.learning_rate:g}, "
        f"{_schedule(optimizer.schedule)}, weight decay {optimizer.weight_decay:g}"
    )
    lines = [("optimizer", text)]
    if (muon := optimizer.muon) is not None:
        rate = muon.adamw_learning_rate
        lines.append(("", f"AdamW for what is no hidden matrix, learning rate {rate:g}"))
    if optimizer.type == "schedule-free":
        lines.append(("", "validated and saved are the averaged weights"))
    return lines


def _schedule(schedule: ScheduleSpec) -> str:
    text = f"{schedule.type}, warmup {schedule.warmup:.0%}"
    text += f" and decay {schedule.decay:.0%}" if schedule.decay is not None else ""
    text += " of the steps"
    return text + (f", down to {schedule.minimum:.0%} of the rate" if schedule.minimum else "")


def ramp_lines(ramp: RampPlan | None, batch: int) -> list[Line]:
    """Say how the batch grows."""
    if ramp is None:
        return []
    stages = batch // ramp.start - 1
    sizes = f"{ramp.start}, {2 * ramp.start}, ..." if stages > 1 else str(ramp.start)
    text = f"{sizes} sequences at first, {ramp.steps:,} steps of each size below {batch}"
    return [("ramp", text)]


def average_lines(average: AverageSpec | None) -> list[Line]:
    """Say which mean of the weights is used."""
    if average is None:
        return []
    if average.type == "ema":
        what = f"exponential moving average, decay {average.decay:g}"
    else:
        what = f"mean of the last {average.last} checkpoints"
    return [("averaged", f"{what}; it is what is validated and saved")]


def sample_lines(samples: SamplesSpec | None) -> list[Line]:
    """Say what is written for readers."""
    if samples is None:
        return []
    count = plural(len(samples.prompts), "text")
    return [("samples", f"{count} of at most {samples.max_tokens} tokens at each validation")]


def divergence_lines(said: DivergenceSpec | None) -> list[Line]:
    """Say what counts as divergence and what is done then."""
    if said is None:
        return []
    when = "NaN or infinity"
    if said.spike is not None:
        when += f", or a loss of {said.spike:g} times the mean of {SPIKE_WINDOW} steps"
    does = "ends the run"
    if said.type == "roll-back":
        does = f"goes back to a checkpoint and skips the batches, at most {said.at_most} times"
    return [("divergence", f"{when} {does}")]

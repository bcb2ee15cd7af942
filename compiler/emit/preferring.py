"""What the template of preferences is given."""

from __future__ import annotations

from typing import Any

from ..plan import FinetunePlan
from ..preferences import PreferenceSpec, objective_schema
from .asking import gates_of
from .context import tuned_context

LOSSES = {"dpo": "dpo_loss", "orpo": "orpo_loss", "simpo": "simpo_loss", "kto": "kto_loss"}
"""Objective -> the function of its loss."""

REWARDS = {"dpo": "log-ratio", "orpo": "mean", "simpo": "mean", "kto": "log-ratio"}
"""Objective -> what it takes an answer to be worth."""

NOTES = {
    "gamma": "by how much the chosen answer has to be ahead",
    "loss_type": "its shape",
    "label_smoothing": "share of the labels that is taken as wrong",
    "desirable_weight": "of good answers",
    "undesirable_weight": "of bad answers",
    "rpo_alpha": "weight of the likelihood of chosen answers",
}
"""Option -> what it is, in a few words."""

BETAS = {
    "dpo": "how much a log-ratio to the model before tuning counts",
    "kto": "how much a log-ratio to the model before tuning counts",
    "orpo": "weight of the odds ratio beside the likelihood of chosen answers",
    "simpo": "how much a difference of log-probabilities per token counts",
}
"""What `beta` is to each objective."""

ALWAYS = ("desirable_weight", "undesirable_weight")
"""Options that mean something at 0."""

ADDED = ("rpo_alpha",)
"""Options that the program reads beside the loss."""


def preference_context(plan: FinetunePlan) -> dict[str, Any]:
    """The names that ``preference.py.j2`` uses; options at 0 are left out, as they do nothing."""
    said = plan.objective
    assert isinstance(said, PreferenceSpec)
    options = {key: value for key, value in said.options.items() if value or key in ALWAYS}
    notes = {**NOTES, "beta": BETAS[said.type]}
    about = objective_schema(said.type)["description"].partition(":")[0]
    return {
        **tuned_context(plan),
        "format": plan.common.data.format,
        "objective_note": f"objective: {said.type}, {about[0].lower()}{about[1:]}",
        "options": [(key.upper(), value, notes[key]) for key, value in options.items()],
        "arguments": [key for key in options if key not in ADDED],
        "constants": {key: key.upper() for key in options},
        "rpo_alpha": options.get("rpo_alpha"),
        "single": said.type == "kto",
        "rows_class": "VerdictRows" if said.type == "kto" else "PairRows",
        "loss": LOSSES[said.type],
        "reward": REWARDS[said.type],
        "reference": plan.reference,
        "gates": gates_of(plan.common.evaluate.gates),
    }

"""Objectives of task `prefer`, as ``schemas/preferences.json`` describes them.

The schema alone decides which options an objective has; what they do stands in
``runtime/training/preferences.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from ..schemas import read_schema

if TYPE_CHECKING:
    from .schema import Schema
    from .spec import MethodSpec

KINDS = tuple(name.removeprefix("objective_") for name in read_schema("preferences.json")["$defs"])
"""Their names."""

COMPARED = frozenset(("dpo", "kto"))
"""Those that compare the model with itself before tuning."""

UNRANKED = frozenset(("kto", "reward"))
"""Those without a ranking by log-probability: of single answers, and of a model that has none."""

_MOVED = frozenset(("pissa", "olora", "mica"))
"""Ways to begin LoRA that change the weights beneath it: switched off, they are not the model's."""


@dataclass(frozen=True, slots=True)
class PreferenceSpec:
    """Learning which answers are better: the ``type`` and its options, defaults included."""

    type: str
    options: dict[str, Any]


@cache
def objective_schema(kind: str) -> Schema:
    """Return the definition of an objective; not to be changed."""
    found: Schema = read_schema("preferences.json")["$defs"][f"objective_{kind}"]
    return found


def build_preference(data: dict[str, Any]) -> PreferenceSpec:
    """Return the typed objective of filled, schema-valid ``data``."""
    known = objective_schema(data["type"])["properties"]
    options = {
        key: float(data[key]) if known[key].get("type") == "number" else data[key]
        for key in known
        if key in data and key != "type"
    }
    return PreferenceSpec(data["type"], options)


def reference_of(objective: PreferenceSpec, method: MethodSpec) -> str | None:
    """Say where the model before tuning comes from that the objective compares with.

    `off`: the same weights with the adapter switched off. `kept`: its log-probabilities are
    computed before training, where no adapter can be switched off or that would not give the
    model back. None where nothing is compared.
    """
    if objective.type not in COMPARED:
        return None
    said = method.options
    exact = said.get("bias", "none") == "none" and said.get("init") not in _MOVED
    own = method.type in ("full", "freeze")  # they change the model's own weights
    return "off" if exact and not own else "kept"


def preference_lines(objective: PreferenceSpec, reference: str | None) -> list[tuple[str, str]]:
    """Return what a plan says of the objective."""
    said = [f"{key.replace('_', ' ')} {_words(value)}" for key, value in objective.options.items()]
    lines = [("objective", ", ".join([objective.type, *said]))]
    if reference is not None:
        where = {
            "off": "the same weights with the adapter switched off",
            "kept": "log-probabilities of the untouched weights, computed once before training",
        }[reference]
        lines.append(("reference", where))
    return lines


def _words(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)

"""The sizes of a new model: said one by one, by the name of a published one, or by a budget.

Whatever way they are said, what follows reads sizes alone: :func:`with_sizes` puts them in place of
the name or the budget before anything looks at the spec.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, TypeGuard

from ..schemas import read_schema
from .devices import catalog
from .experts import OWN_WIDTH, Family, experts_config
from .experts import SIZES as EXPERT_SIZES
from .scaling import Choice, choose
from .spec_model import ArchitectureSpec

Data = dict[str, Any]

NEEDED = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
"""Sizes that have no default; of a mixture of experts see :func:`needed`."""

SIZES = (*NEEDED, "num_key_value_heads", "head_dim", "rope_theta", *EXPERT_SIZES)
"""What a preset and a budget say themselves."""

LEARNED = ("tokens", "batch", "learning_rate")
"""Of `train`, what a budget says where the spec does not."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """What of a family can be said, beside the sizes that all have.

    ``grouped``: heads may share keys and values. ``head_dim``: a head may have another width than
    its share. ``rotary``: positions are rotations, with a base. ``gated``: the MLP has a gate.
    ``names`` are the family's own in its ``config.json``, where they are not the usual ones.
    ``experts`` says what a mixture of experts has; None of the families that are none.
    """

    grouped: bool = True
    head_dim: bool = False
    rotary: bool = True
    gated: bool = True
    names: tuple[tuple[str, str], ...] = ()
    experts: Family | None = None


_GPT2 = (
    ("hidden_size", "n_embd"),
    ("num_hidden_layers", "n_layer"),
    ("num_attention_heads", "n_head"),
    ("intermediate_size", "n_inner"),
    ("max_position_embeddings", "n_positions"),
)

_OWN_WIDTH = (("intermediate_size", OWN_WIDTH),)

ARCHITECTURES: dict[str, Architecture] = {
    "llama": Architecture(head_dim=True),
    "mistral": Architecture(head_dim=True),
    "qwen2": Architecture(),
    "qwen3": Architecture(head_dim=True),
    "gemma": Architecture(head_dim=True),
    "gemma2": Architecture(head_dim=True),
    "olmo": Architecture(),
    "olmo2": Architecture(),
    "phi": Architecture(gated=False),
    "phi3": Architecture(),
    "gpt2": Architecture(grouped=False, rotary=False, gated=False, names=_GPT2),
    "gpt_neox": Architecture(grouped=False, gated=False),
    "mixtral": Architecture(
        head_dim=True, names=(("num_experts", "num_local_experts"),), experts=Family(scored=False)
    ),
    "olmoe": Architecture(experts=Family()),
    "qwen2_moe": Architecture(names=_OWN_WIDTH, experts=Family(own_width=True, shared=True)),
    "qwen3_moe": Architecture(head_dim=True, names=_OWN_WIDTH, experts=Family(own_width=True)),
}
"""``model_type`` in Transformers -> what can be said of it; the schema lists the same names."""


def needed(architecture: Any) -> tuple[str, ...]:
    """Return the sizes of a family that have no default."""
    family = ARCHITECTURES.get(architecture) if isinstance(architecture, str) else None
    if family is None or family.experts is None:
        return NEEDED
    return (*NEEDED[:3], *family.experts.needed)


@cache
def presets() -> dict[str, Data]:
    """Return the published models whose sizes can be named."""
    found: dict[str, Data] = read_schema("presets.json")["presets"]
    return found


def with_sizes(filled: Data, said: Data) -> Data:
    """Return a spec of level pretrain with sizes in place of `model.preset` or `model.budget`.

    ``filled`` has the schema's defaults, ``said`` is what was written. What is not sound is left
    as it is, for the rules to tell.
    """
    model = filled.get("model")
    if not isinstance(model, dict):
        return filled
    preset = presets().get(_text(model.get("preset")))
    if preset is not None:
        return {**filled, "model": _sized(model, preset["sizes"], said)}
    found = chosen(filled)
    if found is None:
        return filled
    train = filled.get("train")
    learned = {**_learned(found), **(train if isinstance(train, dict) else {})}
    return {**filled, "model": _sized(model, found.sizes, said), "train": learned}


def chosen(data: Data) -> Choice | None:
    """Return what the budget of a spec gives, or None where there is none that is sound."""
    model, train = data.get("model"), data.get("train")
    budget = model.get("budget") if isinstance(model, dict) else None
    vocabulary = _whole(data, "tokenizer", "vocab_size")
    length = _whole(data, "train", "sequence_length")
    kind = _text(model.get("architecture")) if isinstance(model, dict) else ""
    flops = flops_of(budget) if isinstance(budget, dict) else None
    if flops is None or vocabulary is None or length is None or kind not in ARCHITECTURES:
        return None
    assert isinstance(model, dict) and isinstance(train, dict)
    tied = model.get("tie_word_embeddings", True) is not False
    batch = _whole(data, "train", "batch")
    return choose(flops, kind, ARCHITECTURES[kind].gated, vocabulary, length, tied, batch)


def flops_of(budget: Data) -> float | None:
    """Return the floating-point operations that a budget pays for, or None.

    Hours of a device are its dense bf16 rate times the share of it that is reached.
    """
    flops, hours = budget.get("flops"), budget.get("gpu_hours")
    if _number(flops) and hours is None:
        return float(flops)
    device, share = catalog().get(_text(budget.get("device"))), budget.get("mfu")
    rate = None if device is None else device.bf16_tflops
    if not (_number(hours) and _number(rate) and _number(share)) or flops is not None:
        return None
    return hours * 3600 * rate * 1e12 * share


def config_of(model: ArchitectureSpec) -> Data:
    """Return the sizes of a model under the names of its family's ``config.json``."""
    family = ARCHITECTURES[model.architecture]
    values: Data = {name: getattr(model, name) for name in ("hidden_size", *NEEDED[1:3])}
    if family.grouped:
        values["num_key_value_heads"] = model.num_key_value_heads
    if family.head_dim and (_own_width(model) or model.architecture in _WIDE):
        values["head_dim"] = model.head_dim
    rest = ("intermediate_size", "max_position_embeddings", "tie_word_embeddings")
    values |= {name: getattr(model, name) for name in rest}
    if model.experts is not None:
        values |= experts_config(model.experts)
    if model.rope_theta is not None:
        values["rope_parameters"] = {"rope_type": "default", "rope_theta": model.rope_theta}
    names = dict(family.names)
    return {names.get(name, name): value for name, value in values.items()}


def whole_config(model: ArchitectureSpec, vocabulary: int) -> Data:
    """Return the ``config.json`` of a model that is built from nothing."""
    return {"model_type": model.architecture, "vocab_size": vocabulary, **config_of(model)}


_WIDE = ("qwen3", "gemma", "gemma2")
"""Families that give heads a width of their own where none is said."""


def _own_width(model: ArchitectureSpec) -> bool:
    return model.head_dim * model.num_attention_heads != model.hidden_size


def _sized(model: Data, sizes: Data, said: Data) -> Data:
    """Put sizes in; a preset's tying gives way to one that is written."""
    rest = {key: value for key, value in model.items() if key not in ("preset", "budget")}
    written = said.get("model")
    if isinstance(written, dict) and "tie_word_embeddings" in written:
        sizes = {**sizes, "tie_word_embeddings": rest["tie_word_embeddings"]}
    return {**rest, **sizes}


def _learned(found: Choice) -> Data:
    return {name: getattr(found, name) for name in LEARNED}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _whole(data: Data, section: str, key: str) -> int | None:
    found = data.get(section)
    value = found.get(key) if isinstance(found, dict) else None
    return int(value) if _number(value) and value == int(value) else None

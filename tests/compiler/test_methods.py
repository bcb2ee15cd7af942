"""The options of every adapter are those of the peft that is installed, with its defaults.

What a newer peft adds, renames or changes fails here by the name of the field.
"""

from __future__ import annotations

import dataclasses
import typing
from enum import Enum
from typing import Any

import peft
import pytest

from nivel.compiler.methods import OWN, adapter, method_text
from nivel.compiler.spec import MethodSpec
from nivel.schemas import read_schema

METHODS = {
    name.removeprefix("method_"): schema
    for name, schema in read_schema("methods.json")["$defs"].items()
    if "peft" in schema
}

COMMON = frozenset(field.name for field in dataclasses.fields(peft.PeftConfig))

# Left out everywhere: what peft finds by itself, what only other architectures have, expressions
# over module names, and switches that peft asks not to touch.
LEFT_OUT = {
    "exclude_modules", "fan_in_fan_out", "layers_pattern", "rank_pattern", "alpha_pattern",
    "n_frequency_pattern", "block_size_pattern", "lambda_pattern", "init_weights",
    "init_ia3_weights", "use_effective_conv2d", "token_dim", "num_attention_heads", "num_layers",
    "num_transformer_submodules",
}  # fmt: skip

# Left out of one method, and why.
LEFT_OUT_OF = {
    "lora": {
        "megatron_config", "megatron_core", "loftq_config", "eva_config", "corda_config",
        "lora_ga_config", "velora_config", "monteclora_config", "use_bdlora", "arrow_config",
        "kasa_config", "runtime_config",  # each a tool of its own, with its own data
        "trainable_token_indices", "layer_replication", "lora_bias", "target_parameters",
        "alora_invocation_tokens", "use_qalora", "qalora_group_size",  # not seen working here
        "ensure_weight_tying",  # what is saved is untied where it has to be
    },
    "adalora": {"total_step"},  # the program counts the steps
    "oft": {"coft", "eps", "layers_to_transform"},  # the loss was no number with the first two
    "boft": {"layers_to_transform"}, "hra": {"apply_GS", "layers_to_transform"},
    "miss": {"mini_r"},  # of an initialisation that is not offered
    "shira": {"mask_type"},  # has one value
    "vblora": {"save_only_topk_weights"},  # such adapters cannot be trained on
    "prompt": {
        "modules_to_save", "prompt_tuning_init_text", "tokenizer_name_or_path", "tokenizer_kwargs",
    },
    "prefix": {"modules_to_save"}, "p-tuning": {"modules_to_save"},
}  # fmt: skip

# AdaLoRA's class inherits LoRA's fields, and uses few of them.
INHERITED = {field.name for field in dataclasses.fields(peft.LoraConfig)}

# Defaults that differ on purpose.
OWN_DEFAULTS = {
    ("lora", "alpha"): "two times the rank, as most recipes have it",
    ("lora", "init"): "`default` is peft's True",
    ("adalora", "tfinal"): "with peft's 0 the last ranks are never taken away",
}


def fields_of(kind: str) -> dict[str, dataclasses.Field[Any]]:
    found = dataclasses.fields(getattr(peft, METHODS[kind]["peft"]))
    return {field.name: field for field in found if field.name not in COMMON}


def options_of(kind: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Peft's field -> (name in a spec, schema)."""
    options = METHODS[kind]["properties"].items()
    return {
        schema.get("peft", key): (key, schema)
        for key, schema in options
        if key != "type" and key not in OWN
    }


@pytest.mark.parametrize("kind", METHODS)
def test_every_option_is_a_field_and_every_field_an_option_or_left_out(kind: str) -> None:
    fields, options = set(fields_of(kind)), set(options_of(kind))
    assert options <= fields
    skipped = LEFT_OUT | LEFT_OUT_OF.get(kind, set())
    skipped |= INHERITED if kind == "adalora" else set()
    assert fields - options - skipped == set(), "new fields of peft"
    assert LEFT_OUT_OF.get(kind, set()) <= fields, "left out, and peft has it no more"


@pytest.mark.parametrize("kind", METHODS)
def test_defaults_are_those_of_peft(kind: str) -> None:
    fields = fields_of(kind)
    for name, (key, schema) in options_of(kind).items():
        if key in ("targets", "target_modules") or (kind, key) in OWN_DEFAULTS:
            continue
        theirs = fields[name].default
        theirs = theirs.value if isinstance(theirs, Enum) else theirs
        assert schema.get("default") == theirs, name


@pytest.mark.parametrize("kind", METHODS)
def test_types_are_those_of_peft(kind: str) -> None:
    hints = typing.get_type_hints(getattr(peft, METHODS[kind]["peft"]))
    kinds = {"integer": {int}, "number": {int, float}, "boolean": {bool}, "array": {list}}
    for name, (key, schema) in options_of(kind).items():
        if "type" in schema and (kind, key) != ("ia3", "target_modules"):
            assert atoms(hints[name]) & kinds[schema["type"]], name


def atoms(hint: Any) -> set[Any]:
    """The plain types that a hint allows."""
    inner = typing.get_args(hint)
    origin = typing.get_origin(hint)
    if origin in (list, dict, typing.Literal) or not inner:
        return {origin or hint}
    return {atom for part in inner for atom in atoms(part)}


@pytest.mark.parametrize("kind", METHODS)
def test_words_are_taken_by_peft(kind: str) -> None:
    for name, (key, schema) in options_of(kind).items():
        for word in schema.get("enum", ()):
            call = adapter(MethodSpec(kind, {key: word}))
            assert call is not None
            said = dict(call.arguments).get(name, word)
            assert said == word
            assert word == schema.get("default") or name in dict(call.arguments)


def test_a_method_is_said_in_a_few_words() -> None:
    options = {"rank": 16, "alpha": 32.0, "dropout": 0.0, "targets": "all-linear", "bias": "none"}
    assert method_text(MethodSpec("lora", options)) == "lora, rank 16, alpha 32"
    assert method_text(MethodSpec("lora", {**options, "targets": ("q_proj", "v_proj")})) == (
        "lora, rank 16, alpha 32, targets q_proj v_proj"
    )
    assert method_text(MethodSpec("full", {})) == "full, every parameter"

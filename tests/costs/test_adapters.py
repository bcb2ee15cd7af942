"""What each method of tuning adds and trains, against the peft that is installed."""

from __future__ import annotations

from typing import Any

import peft
import pytest
import torch
from peft.utils import constants
from transformers import AutoConfig, AutoModelForCausalLM

from nivel.compiler.costs import adapters
from nivel.compiler.costs.adapters import tuned
from nivel.compiler.costs.families import read_shape
from nivel.compiler.costs.shapes import Unknown
from nivel.compiler.methods import adapter
from nivel.compiler.spec import MethodSpec
from nivel.compiler.structure import _method

SMALL = {
    "llama": {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3,
              "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
              "vocab_size": 100},
    "qwen2": {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
              "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100,
              "tie_word_embeddings": True},
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": 100, "n_positions": 64},
    "opt": {"hidden_size": 32, "ffn_dim": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
            "vocab_size": 100, "word_embed_proj_dim": 16, "max_position_embeddings": 64},
    "gemma3_text": {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
                    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
                    "vocab_size": 100},
    "olmoe": {"hidden_size": 32, "intermediate_size": 24, "num_hidden_layers": 2,
              "num_attention_heads": 4, "num_experts": 6, "num_experts_per_tok": 2,
              "vocab_size": 100, "pad_token_id": 0, "eos_token_id": 1},
    "qwen2_moe": {"hidden_size": 32, "moe_intermediate_size": 24, "num_hidden_layers": 2,
                  "num_attention_heads": 4, "num_key_value_heads": 2, "num_experts": 6,
                  "shared_expert_intermediate_size": 40, "num_experts_per_tok": 2,
                  "vocab_size": 100},
}  # fmt: skip

CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("llama", "lora", {"rank": 4}),
    ("llama", "lora", {"rank": 4, "dora": True, "targets": ["q_proj", "self_attn.v_proj"]}),
    ("llama", "lora", {"rank": 2, "targets": ["q_proj", "v_proj"], "layers": [1]}),
    ("llama", "lora", {"rank": 2, "targets": ["lm_head", "embed_tokens", "layers.1.mlp.up_proj"]}),
    ("llama", "lora", {"modules_to_save": ["lm_head", "input_layernorm"]}),
    ("qwen2", "lora", {"rank": 4, "bias": "all"}),
    ("qwen2", "lora", {"rank": 4, "bias": "lora_only", "targets": ["k_proj", "down_proj"]}),
    ("qwen2", "lora", {"modules_to_save": ["embed_tokens"]}),
    ("gpt2", "lora", {"rank": 4, "bias": "all"}),
    ("gpt2", "lora", {"rank": 4, "targets": ["c_proj"]}),
    ("opt", "lora", {"rank": 3}),
    ("gemma3_text", "lora", {"rank": 3, "dora": True}),
    ("olmoe", "lora", {"rank": 4}),
    ("olmoe", "lora", {"rank": 4, "targets": ["q_proj", "v_proj"]}),
    ("qwen2_moe", "lora", {"rank": 4}),
    ("llama", "ia3", {}),
    ("llama", "ia3", {"target_modules": ["v_proj", "down_proj"],
                      "feedforward_modules": ["down_proj"]}),
    ("gpt2", "ia3", {}),
    ("llama", "adalora", {"init_r": 6, "target_r": 3, "tinit": 2, "tfinal": 5}),
    ("llama", "oft", {"oft_block_size": 8}),
    ("llama", "oft", {"oft_block_size": 0, "r": 4, "block_share": True}),
    ("llama", "boft", {}),
    ("qwen2", "hra", {"r": 4, "bias": "hra_only"}),
    ("llama", "loha", {"r": 4}),
    ("llama", "lokr", {"r": 4}),
    ("llama", "lokr", {"r": 2, "decompose_both": True}),
    ("llama", "lokr", {"r": 2, "decompose_factor": 5}),
    ("llama", "vera", {"r": 16}),
    ("llama", "fourierft", {"n_frequency": 50}),
    ("llama", "vblora", {"r": 2, "vector_length": 8, "num_vectors": 16}),
    ("llama", "miss", {"r": 4}),
    ("llama", "shira", {"r": 4}),
    ("llama", "c3a", {"block_size": 8}),
    ("llama", "delora", {"r": 4}),
    ("llama", "gralora", {"r": 4, "alpha": 8}),
    ("llama", "gralora", {"r": 4, "hybrid_r": 2}),
    ("llama", "road", {"group_size": 8}),
    ("llama", "road", {"group_size": 8, "variant": "road_4"}),
    ("llama", "ln-tuning", {}),
    ("gpt2", "ln-tuning", {}),
    ("llama", "ln-tuning", {"target_modules": ["input_layernorm"]}),
    ("llama", "prompt", {"num_virtual_tokens": 5}),
    ("llama", "prefix", {"num_virtual_tokens": 5}),
    ("llama", "prefix", {"num_virtual_tokens": 5, "prefix_projection": True,
                         "encoder_hidden_size": 16}),
    ("llama", "p-tuning", {"num_virtual_tokens": 5}),
    ("llama", "p-tuning", {"num_virtual_tokens": 5, "encoder_hidden_size": 16,
                           "encoder_reparameterization_type": "LSTM"}),
]  # fmt: skip


def method(kind: str, options: dict[str, Any]) -> MethodSpec:
    """The method as a spec gives it, with the defaults of its schema."""
    from nivel.schemas import read_schema

    known = read_schema("methods.json")["$defs"][f"method_{kind}"]["properties"]
    defaults = {key: known[key]["default"] for key in known if "default" in known[key]}
    return _method({"type": kind, **defaults, **options})


def small(family: str) -> Any:
    torch.manual_seed(0)
    config = AutoConfig.for_model(family, **SMALL[family])
    return AutoModelForCausalLM.from_config(config)


def counts(model: Any) -> tuple[int, int]:
    found = list(model.parameters())
    return sum(p.numel() for p in found), sum(p.numel() for p in found if p.requires_grad)


@pytest.mark.parametrize(
    ("family", "kind", "options"), CASES, ids=[f"{f}-{k}-{i}" for i, (f, k, _) in enumerate(CASES)]
)
def test_parameters_added_and_trained_are_those_that_peft_makes(
    family: str, kind: str, options: dict[str, Any]
) -> None:
    said = method(kind, options)
    call = adapter(said)
    assert call is not None
    more = {"total_step": 100} if kind == "adalora" else {}
    config = getattr(peft, call.name)(**dict(call.arguments), task_type="CAUSAL_LM", **more)
    model = peft.get_peft_model(small(family), config)
    found = tuned(read_shape({"model_type": family, **SMALL[family]}), said)
    assert (found.total, found.trained) == counts(model)


def test_every_method_of_the_language_has_a_case() -> None:
    from nivel.schemas import read_schema

    known = {name.removeprefix("method_") for name, schema in
             read_schema("methods.json")["$defs"].items() if "peft" in schema}  # fmt: skip
    assert {kind for _, kind, _ in CASES} == known


def test_full_tuning_trains_every_parameter() -> None:
    shape = read_shape({"model_type": "llama", **SMALL["llama"]})
    found = tuned(shape, MethodSpec("full", {}))
    assert (found.total, found.trained) == counts(small("llama"))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("oft", {"oft_block_size": 7}),
        ("c3a", {"block_size": 7}),
        ("vblora", {"vector_length": 7}),
        ("lora", {"targets": ["attention"]}),
        ("lora", {"modules_to_save": ["mlp"]}),
        ("boft", {"boft_n_butterfly_factor": 2}),
        ("hra", {"target_modules": ["embed_tokens"]}),
    ],
)
def test_what_peft_changes_or_refuses_is_unknown(kind: str, options: dict[str, Any]) -> None:
    shape = read_shape({"model_type": "llama", **SMALL["llama"]})
    with pytest.raises(Unknown):
        tuned(shape, method(kind, options))


@pytest.mark.parametrize(
    ("kind", "options"),
    [("lora", {"dora": True}), ("lora", {"targets": ["down_proj"]}), ("loha", {})],
)
def test_what_peft_makes_of_experts_otherwise_is_unknown(
    kind: str, options: dict[str, Any]
) -> None:
    shape = read_shape({"model_type": "olmoe", **SMALL["olmoe"]})
    with pytest.raises(Unknown):
        tuned(shape, method(kind, options))


def test_modules_that_are_chosen_by_peft_are_those_of_the_peft_installed() -> None:
    for family, names in adapters._IA3.items():
        assert list(names) == constants.TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING[family]
        inner = constants.TRANSFORMERS_MODELS_TO_IA3_FEEDFORWARD_MODULES_MAPPING[family]
        assert list(names[-1:]) == inner
    for family, names in adapters._NORMS.items():
        assert (
            list(names) == constants.TRANSFORMERS_MODELS_TO_LNTUNING_TARGET_MODULES_MAPPING[family]
        )


@pytest.mark.parametrize("family", SMALL)
@pytest.mark.parametrize("options", [{}, {"blocks": 2}, {"blocks": 1, "embeddings": False}])
def test_what_freezing_leaves_is_what_the_run_trains(family: str, options: dict[str, Any]) -> None:
    from nivel.runtime.models import freeze

    said, model = method("freeze", options), small(family)
    freeze(model, **{"blocks": 0, **options})
    found = tuned(read_shape({"model_type": family, **SMALL[family]}), said)
    assert (found.total, found.trained) == counts(model)


def test_what_only_the_run_can_count_is_unknown() -> None:
    shape = read_shape({"model_type": "llama", **SMALL["llama"]})
    for options in ({"blocks": 4}, {"patterns": ["*.bias"]}):
        with pytest.raises(Unknown):
            tuned(shape, method("freeze", options))

"""Parameters by part, counted from a config.json, against the model that Transformers builds.

Models are built on the meta device: no memory, whatever their size. The sizes are those of
published models.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

from nivel.compiler.costs.encoders import ENCODERS
from nivel.compiler.costs.families import FAMILIES, read_shape
from nivel.compiler.costs.shapes import PARTS, Shape, Unknown

TINY = {"vocab_size": 96, "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 3,
        "num_attention_heads": 6}  # fmt: skip

CONFIGS: dict[str, dict[str, Any]] = {
    "smollm2-135m": {"model_type": "llama", "vocab_size": 49152, "hidden_size": 576,
                     "intermediate_size": 1536, "num_hidden_layers": 30,
                     "num_attention_heads": 9, "num_key_value_heads": 3,
                     "tie_word_embeddings": True},
    "llama-2-7b": {"model_type": "llama"},
    "llama-3.2-1b": {"model_type": "llama", "vocab_size": 128256, "hidden_size": 2048,
                     "intermediate_size": 8192, "num_hidden_layers": 16,
                     "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64,
                     "tie_word_embeddings": True},
    "llama-3-8b": {"model_type": "llama", "vocab_size": 128256, "hidden_size": 4096,
                   "intermediate_size": 14336, "num_hidden_layers": 32,
                   "num_attention_heads": 32, "num_key_value_heads": 8},
    "llama-3-70b": {"model_type": "llama", "vocab_size": 128256, "hidden_size": 8192,
                    "intermediate_size": 28672, "num_hidden_layers": 80,
                    "num_attention_heads": 64, "num_key_value_heads": 8},
    "llama-biases": {"model_type": "llama", **TINY, "attention_bias": True, "mlp_bias": True,
                     "num_key_value_heads": 2},
    "mistral-7b": {"model_type": "mistral"},
    "mistral-nemo": {"model_type": "mistral", "vocab_size": 131072, "hidden_size": 5120,
                     "intermediate_size": 14336, "num_hidden_layers": 40, "head_dim": 128,
                     "num_attention_heads": 32, "num_key_value_heads": 8},
    "qwen2.5-0.5b": {"model_type": "qwen2", "vocab_size": 151936, "hidden_size": 896,
                     "intermediate_size": 4864, "num_hidden_layers": 24,
                     "num_attention_heads": 14, "num_key_value_heads": 2,
                     "tie_word_embeddings": True},
    "qwen2.5-7b": {"model_type": "qwen2", "vocab_size": 152064, "hidden_size": 3584,
                   "intermediate_size": 18944, "num_hidden_layers": 28,
                   "num_attention_heads": 28, "num_key_value_heads": 4},
    "qwen3-0.6b": {"model_type": "qwen3", "vocab_size": 151936, "hidden_size": 1024,
                   "intermediate_size": 3072, "num_hidden_layers": 28, "head_dim": 128,
                   "num_attention_heads": 16, "num_key_value_heads": 8,
                   "tie_word_embeddings": True},
    "qwen3-8b": {"model_type": "qwen3", "vocab_size": 151936, "hidden_size": 4096,
                 "intermediate_size": 12288, "num_hidden_layers": 36, "head_dim": 128,
                 "num_attention_heads": 32, "num_key_value_heads": 8},
    "qwen3-biases": {"model_type": "qwen3", **TINY, "attention_bias": True, "head_dim": 16,
                     "num_key_value_heads": 3},
    "gemma-2b": {"model_type": "gemma", "hidden_size": 2048, "intermediate_size": 16384,
                 "num_hidden_layers": 18, "num_attention_heads": 8, "num_key_value_heads": 1,
                 "head_dim": 256},
    "gemma-7b": {"model_type": "gemma"},
    "gemma-2-2b": {"model_type": "gemma2"},
    "gemma-2-9b": {"model_type": "gemma2", "hidden_size": 3584, "intermediate_size": 14336,
                   "num_hidden_layers": 42, "num_attention_heads": 16,
                   "num_key_value_heads": 8, "head_dim": 256},
    "gemma-3-270m": {"model_type": "gemma3_text", "vocab_size": 262144, "hidden_size": 640,
                     "intermediate_size": 2048, "num_hidden_layers": 18,
                     "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256},
    "gemma-3-1b": {"model_type": "gemma3_text", "vocab_size": 262144, "hidden_size": 1152,
                   "intermediate_size": 6912, "num_hidden_layers": 26,
                   "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256},
    "gpt2": {"model_type": "gpt2"},
    "gpt2-xl": {"model_type": "gpt2", "n_embd": 1600, "n_layer": 48, "n_head": 25},
    "gpt2-untied": {"model_type": "gpt2", "n_embd": 48, "n_layer": 2, "n_head": 4,
                    "n_inner": 80, "vocab_size": 96, "tie_word_embeddings": False},
    "phi-1.5": {"model_type": "phi"},
    "phi-2": {"model_type": "phi", "hidden_size": 2560, "intermediate_size": 10240,
              "num_hidden_layers": 32, "num_attention_heads": 32},
    "phi-norms": {"model_type": "phi", **TINY, "num_key_value_heads": 2, "qk_layernorm": True},
    "phi-3-mini": {"model_type": "phi3"},
    "phi-4": {"model_type": "phi3", "vocab_size": 100352, "hidden_size": 5120,
              "intermediate_size": 17920, "num_hidden_layers": 40, "num_attention_heads": 40,
              "num_key_value_heads": 10, "pad_token_id": 0},
    "olmo-1b": {"model_type": "olmo", "hidden_size": 2048, "intermediate_size": 8192,
                "num_hidden_layers": 16, "num_attention_heads": 16,
                "tie_word_embeddings": True},
    "olmo-2-1b": {"model_type": "olmo2", "vocab_size": 100352, "hidden_size": 2048,
                  "intermediate_size": 8192, "num_hidden_layers": 16,
                  "num_attention_heads": 16, "num_key_value_heads": 16},
    "olmo-2-gqa": {"model_type": "olmo2", **TINY, "num_key_value_heads": 2},
    "opt-125m": {"model_type": "opt"},
    "opt-350m": {"model_type": "opt", "hidden_size": 1024, "ffn_dim": 4096,
                 "num_hidden_layers": 24, "num_attention_heads": 16,
                 "word_embed_proj_dim": 512, "do_layer_norm_before": False},
    "opt-bare": {"model_type": "opt", "hidden_size": 48, "ffn_dim": 80, "num_hidden_layers": 2,
                 "num_attention_heads": 4, "word_embed_proj_dim": 48, "enable_bias": False,
                 "layer_norm_elementwise_affine": False},
    "mixtral-8x7b": {"model_type": "mixtral"},
    "mixtral-heads": {"model_type": "mixtral", **TINY, "num_key_value_heads": 2, "head_dim": 12,
                      "num_local_experts": 5, "num_experts_per_tok": 3},
    "olmoe-1b-7b": {"model_type": "olmoe", "intermediate_size": 1024},
    "olmoe-biases": {"model_type": "olmoe", **TINY, "num_key_value_heads": 2, "num_experts": 4,
                     "attention_bias": True, "num_experts_per_tok": 1, "pad_token_id": 0},
    "qwen1.5-moe": {"model_type": "qwen2_moe"},
    "qwen2-moe-bare": {"model_type": "qwen2_moe", **TINY, "num_experts": 6, "qkv_bias": False,
                       "moe_intermediate_size": 32, "num_key_value_heads": 2,
                       "shared_expert_intermediate_size": 64, "tie_word_embeddings": True},
    "qwen3-30b-a3b": {"model_type": "qwen3_moe", "num_hidden_layers": 48, "head_dim": 128},
    "qwen3-moe-biases": {"model_type": "qwen3_moe", **TINY, "attention_bias": True,
                         "num_key_value_heads": 2},
    "pythia-160m": {"model_type": "gpt_neox", "vocab_size": 50304, "hidden_size": 768,
                    "intermediate_size": 3072, "num_hidden_layers": 12,
                    "num_attention_heads": 12},
    "gpt-neox-20b": {"model_type": "gpt_neox"},
    "neox-without-biases": {"model_type": "gpt_neox", **TINY, "attention_bias": False,
                            "tie_word_embeddings": True},
    "bert-base": {"model_type": "bert"},
    "roberta-base": {"model_type": "roberta", "max_position_embeddings": 514,
                     "type_vocab_size": 1},
    "distilbert": {"model_type": "distilbert"},
    "modernbert-base": {"model_type": "modernbert"},
    "modernbert-biases": {"model_type": "modernbert", **TINY, "attention_bias": True,
                          "mlp_bias": True, "norm_bias": True, "pad_token_id": 0},
}  # fmt: skip


def build(values: dict[str, Any]) -> tuple[Any, Any]:
    """Return (model on the meta device, its whole configuration)."""
    kind = values["model_type"]
    more = {key: value for key, value in values.items() if key != "model_type"}
    config = AutoConfig.for_model(kind, **more)
    with torch.device("meta"):
        make = AutoModel if kind in ENCODERS else AutoModelForCausalLM
        return make.from_config(config), config


def part_of(name: str, shape: Shape) -> str:
    """Say by its name, and not by the code that is tested, which part a parameter belongs to."""
    if any(word in name.rsplit(".", 1)[0].lower() for word in ("norm", "ln_")):
        return "norms"
    if name.startswith(("lm_head", "pooler")):
        return "head"
    if any(word in name for word in ("attn", "attention")):
        return "attention"
    if any(word in name for word in ("embed", "wte", "wpe", "project_")):
        return "embeddings"
    return "mlp"


@pytest.mark.parametrize("name", CONFIGS)
def test_parameters_are_those_of_the_model_that_transformers_builds(name: str) -> None:
    values = CONFIGS[name]
    model, config = build(values)
    shape = read_shape(values)
    parts = dict.fromkeys(PARTS, 0)
    for path, parameter in model.named_parameters():
        parts[part_of(path, shape)] += parameter.numel()
    assert shape.by_part() == parts
    experts = sum(p.numel() for path, p in model.named_parameters() if ".experts." in path)
    share = config.num_experts_per_tok / config.num_experts if experts else 1
    assert shape.active == shape.total - experts + round(experts * share)
    # as Transformers saves it, with every key; and through JSON, as a file has it
    whole = json.loads(json.dumps(config.to_dict(), default=str))
    assert read_shape(whole).by_part() == parts


@pytest.mark.parametrize("name", CONFIGS)
def test_modules_have_the_names_that_transformers_gives_them(name: str) -> None:
    model, _ = build(CONFIGS[name])
    shape = read_shape(CONFIGS[name])
    names = {path for path, _ in model.named_modules()}
    said = {path for path, _, _ in shape.modules()} | {t.path for t in shape.tables}
    said |= {linear.path for linear in shape.outer_linears}
    said |= {f"{shape.blocks}.{shape.layers - 1}.{norm.path}" for norm in shape.norms}
    said |= {norm.path for norm in shape.outer_norms if norm.size >= 0}
    said |= {shape.head.path} if shape.head else set()
    assert said <= names


def test_every_family_is_compared() -> None:
    assert {values["model_type"] for values in CONFIGS.values()} == set(FAMILIES)
    assert len(CONFIGS) >= 25


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, "models of type 'None' are not counted"),
        ({"model_type": "mamba"}, "models of type 'mamba' are not counted"),
        ({"model_type": ["llama"]}, "models of type \"['llama']\" are not counted"),
        ({"model_type": "gemma3", "text_config": {}}, "a gemma3 that also reads pictures"),
        ({"model_type": "llama", "hidden_size": "4096"}, "the hidden_size of config.json"),
        ({"model_type": "llama", "hidden_size": True}, "the hidden_size of config.json"),
        ({"model_type": "llama", "vocab_size": 0}, "the vocab_size of config.json"),
        ({"model_type": "llama", "num_hidden_layers": 10**9}, "the num_hidden_layers of config"),
        ({"model_type": "llama", "mlp_bias": 1}, "the mlp_bias of config.json is neither"),
    ],
)
def test_what_cannot_be_counted_is_unknown_and_says_why(
    values: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Unknown) as caught:
        read_shape(values)
    assert reason in str(caught.value)

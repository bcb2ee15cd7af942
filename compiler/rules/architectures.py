"""What is known of model architectures without loading one: their modules and sizes.

Names are those of the Transformers library's modeling files; a test holds them against the
installed version. An architecture that is not listed gives no finding at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_GATED = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
_FUSED = ("query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h")
_GPT2 = ("c_attn", "c_proj", "c_fc")

MODULES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        (
            "llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3", "gemma3_text",
            "olmo", "olmo2", "olmo3", "smollm3", "granite", "cohere", "cohere2", "stablelm",
            "helium", "ministral", "ministral3", "exaone4", "seed_oss", "hunyuan_v1_dense",
        ),
        _GATED,
    ),
    **dict.fromkeys(("gpt_neox", "falcon", "bloom", "persimmon"), _FUSED),
    "gpt2": _GPT2,
    "gpt_bigcode": _GPT2,
    "gpt_neo": ("q_proj", "k_proj", "v_proj", "out_proj", "c_fc", "c_proj"),
    "gptj": ("q_proj", "k_proj", "v_proj", "out_proj", "fc_in", "fc_out"),
    "codegen": ("qkv_proj", "out_proj", "fc_in", "fc_out"),
    "opt": ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2", "project_in", "project_out"),
    "xglm": ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"),
    "biogpt": ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"),
    "phi": ("q_proj", "k_proj", "v_proj", "dense", "fc1", "fc2"),
    "phi3": ("qkv_proj", "o_proj", "gate_up_proj", "down_proj"),
    "glm": ("q_proj", "k_proj", "v_proj", "o_proj", "gate_up_proj", "down_proj"),
    "glm4": ("q_proj", "k_proj", "v_proj", "o_proj", "gate_up_proj", "down_proj"),
    "starcoder2": ("q_proj", "k_proj", "v_proj", "o_proj", "c_fc", "c_proj"),
    "nemotron": ("q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "down_proj"),
    "mpt": ("Wqkv", "out_proj", "up_proj", "down_proj"),
}  # fmt: skip
"""``model_type`` of a config.json -> the linear modules of its blocks."""

_OUTSIDE = frozenset(("lm_head", "embed_tokens", "wte", "wpe", "embed_in", "embed_out",
                      "embed_positions", "word_embeddings", "output_projection"))  # fmt: skip
"""Input and output layers, which can get an adapter too."""

_POSITIONS = ("max_position_embeddings", "n_positions", "max_seq_len")
_WIDTHS = ("hidden_size", "n_embd", "d_model")
_KEY_VALUE = frozenset(("k_proj", "v_proj"))


def known_module(model_type: str, target: str) -> bool:
    """Tell whether a model could have a module of that name, by its last part.

    PEFT takes a target for any module whose full name ends with it at a dot.
    """
    last = target.rpartition(".")[2]
    return model_type not in MODULES or last in MODULES[model_type] or last in _OUTSIDE


def positions(config: Mapping[str, Any]) -> int | None:
    """Return how many positions a model was given, in tokens, or None where none is said."""
    return next((value for key in _POSITIONS if (value := _whole(config, key))), None)


def smallest_side(config: Mapping[str, Any], target: str) -> int | None:
    """Return the smaller side of a module's matrix as far as it is certain, or None.

    The matrices of an attention block are at most as wide as the residual stream; those of
    keys and values are narrower where heads share them.
    """
    width = next((value for key in _WIDTHS if (value := _whole(config, key))), None)
    heads = _whole(config, "num_attention_heads")
    shared, head = _whole(config, "num_key_value_heads"), _whole(config, "head_dim")
    if width is None:
        return None
    if target.rpartition(".")[2] not in _KEY_VALUE or heads is None:
        return width
    return min(width, (shared or heads) * (head or width // heads))


def _whole(config: Mapping[str, Any], key: str) -> int | None:
    value = config.get(key)
    sound = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return value if sound else None

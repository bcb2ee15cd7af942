"""From ``config.json`` to a :class:`Shape`, by family, as Transformers builds the causal model.

Sizes that a file leaves out are the defaults of the family's configuration class; tests build
each family on torch's meta device, with and without its keys, and compare every part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .encoders import ENCODERS
from .experts import FAMILIES as EXPERTS
from .experts import read_experts, shared_expert
from .shapes import Config, Linear, Norm, Shape, Table, Unknown

LONGEST = 1000
"""More layers than that is a broken file."""

Sizes = dict[str, int]

_SIZES: dict[str, Sizes] = {
    "llama": {"vocab": 32000, "width": 4096, "inner": 11008, "layers": 32, "heads": 32,
              "positions": 2048},
    "mistral": {"vocab": 32000, "width": 4096, "inner": 14336, "layers": 32, "heads": 32,
                "kv": 8, "positions": 131072},
    "qwen2": {"vocab": 151936, "width": 4096, "inner": 22016, "layers": 32, "heads": 32,
              "kv": 32, "positions": 32768},
    "qwen3": {"vocab": 151936, "width": 4096, "inner": 22016, "layers": 32, "heads": 32,
              "kv": 32, "head_dim": 128, "positions": 32768},
    "gemma": {"vocab": 256000, "width": 3072, "inner": 24576, "layers": 28, "heads": 16,
              "kv": 16, "head_dim": 256, "positions": 8192},
    "gemma2": {"vocab": 256000, "width": 2304, "inner": 9216, "layers": 26, "heads": 8,
               "kv": 4, "head_dim": 256, "positions": 8192},
    "gemma3_text": {"vocab": 262208, "width": 2304, "inner": 9216, "layers": 26, "heads": 8,
                    "kv": 4, "head_dim": 256, "positions": 131072},
    "phi": {"vocab": 51200, "width": 2048, "inner": 8192, "layers": 24, "heads": 32,
            "positions": 2048},
    "phi3": {"vocab": 32064, "width": 3072, "inner": 8192, "layers": 32, "heads": 32,
             "positions": 4096},
    "olmo": {"vocab": 50304, "width": 4096, "inner": 11008, "layers": 32, "heads": 32,
             "positions": 2048},
    "olmo2": {"vocab": 50304, "width": 4096, "inner": 11008, "layers": 32, "heads": 32,
              "positions": 2048},
    "mixtral": {"vocab": 32000, "width": 4096, "inner": 14336, "layers": 32, "heads": 32,
                "kv": 8, "positions": 131072},
    "olmoe": {"vocab": 50304, "width": 2048, "inner": 2048, "layers": 16, "heads": 16,
              "positions": 4096},
    "qwen2_moe": {"vocab": 151936, "width": 2048, "inner": 5632, "layers": 24, "heads": 16,
                  "kv": 16, "positions": 32768},
    "qwen3_moe": {"vocab": 151936, "width": 2048, "inner": 6144, "layers": 24, "heads": 32,
                  "kv": 4, "positions": 32768},
    "gpt_neox": {"vocab": 50432, "width": 6144, "inner": 24576, "layers": 44, "heads": 64,
                 "positions": 2048},
}  # fmt: skip

_TIED = frozenset(("gemma", "gemma2", "gemma3_text"))


def read_shape(values: dict[str, Any]) -> Shape:
    """Return the shape of the model that a ``config.json`` describes.

    Raises:
        Unknown: the family is not one of those here, or a size is missing or is no size.
    """
    kind = values.get("model_type")
    text = values.get("text_config")
    if isinstance(text, dict) and f"{kind}_text" in FAMILIES:
        raise Unknown(f"a {kind} that also reads pictures is not counted")
    if not isinstance(kind, str) or kind not in FAMILIES:
        raise Unknown(f"models of type {str(kind)[:40]!r} are not counted")
    return FAMILIES[kind](Config(values), kind)


def _common(config: Config, kind: str) -> Sizes:
    """Read the sizes that most families share; ``head_dim`` is the width's share of a head."""
    base = _SIZES[kind]
    width = config.whole("hidden_size", base["width"])
    heads = config.whole("num_attention_heads", base["heads"])
    layers = config.whole("num_hidden_layers", base["layers"])
    if layers > LONGEST:
        raise Unknown("the num_hidden_layers of config.json is no size")
    return {
        "width": width,
        "heads": heads,
        "layers": layers,
        "kv": config.whole("num_key_value_heads", base.get("kv", heads)),
        "head_dim": config.maybe("head_dim") or base.get("head_dim") or width // heads,
        "inner": config.whole("intermediate_size", base["inner"]),
        "vocab": config.whole("vocab_size", base["vocab"]),
        "positions": config.whole("max_position_embeddings", base["positions"]),
    }


def _gated(config: Config, kind: str) -> Shape:
    """Llama and its many relatives: a gated MLP, RMSNorm, rotary positions."""
    size = _common(config, kind)
    width, inner = size["width"], size["inner"]
    bias = kind != "qwen2" and kind != "mistral" and config.flag("attention_bias", False)
    wide = kind == "qwen2" or bias
    mlp = kind == "llama" and config.flag("mlp_bias", False)
    linears = (
        *_attention(size, (wide, wide, wide, bias)),
        Linear("mlp.gate_proj", "mlp", width, inner, mlp, "mlp"),
        Linear("mlp.up_proj", "mlp", width, inner, mlp, "mlp"),
        Linear("mlp.down_proj", "mlp", inner, width, mlp, "inner"),
    )
    return _decoder(config, kind, size, linears, _gated_norms(kind, size), gated=True)


def _mixture(config: Config, kind: str) -> Shape:
    """Llama's blocks with several gated MLPs, of which a router chooses for each token."""
    size = _common(config, kind)
    experts = read_experts(config, kind, size["width"], size["inner"])
    size["inner"], shared = shared_expert(config, kind, size["width"])
    bias = kind in ("olmoe", "qwen3_moe") and config.flag("attention_bias", False)
    wide = config.flag("qkv_bias", True) if kind == "qwen2_moe" else bias
    linears = (*_attention(size, (wide, wide, wide, bias)), *shared)
    norms = _gated_norms(kind, size)
    return _decoder(config, kind, size, linears, norms, gated=True, experts=experts)


def _attention(
    size: Sizes, bias: tuple[bool, bool, bool, bool], out: str = "o_proj"
) -> tuple[Linear, ...]:
    width, q, kv = size["width"], size["heads"] * size["head_dim"], size["kv"] * size["head_dim"]
    sides = (("q_proj", q), ("k_proj", kv), ("v_proj", kv))
    first = [
        Linear(f"self_attn.{name}", "attention", width, side, has, "attention")
        for (name, side), has in zip(sides, bias[:3], strict=True)
    ]
    return (*first, Linear(f"self_attn.{out}", "attention", q, width, bias[3], "heads"))


_BEFORE = ("input_layernorm", "post_attention_layernorm")
_AROUND = (*_BEFORE, "pre_feedforward_layernorm", "post_feedforward_layernorm")
_NORMS = {
    "gemma2": _AROUND,
    "gemma3_text": _AROUND,
    "olmo2": ("post_attention_layernorm", "post_feedforward_layernorm"),
}


def _gated_norms(kind: str, size: Sizes) -> tuple[Norm, ...]:
    width, head = size["width"], size["head_dim"]
    own = 0 if kind == "olmo" else width  # OLMo's norm has no parameters
    norms = [Norm(path, width, own) for path in _NORMS.get(kind, _BEFORE)]
    for path, heads in (("q_norm", size["heads"]), ("k_norm", size["kv"])):
        if kind in ("qwen3", "qwen3_moe", "gemma3_text"):  # over each head, all with one scale
            norms.append(Norm(f"self_attn.{path}", head, head, heads))
        elif kind in ("olmo2", "olmoe"):  # over all heads at once
            norms.append(Norm(f"self_attn.{path}", heads * head, heads * head))
    return tuple(norms)


def _decoder(
    config: Config,
    kind: str,
    size: Sizes,
    linears: tuple[Linear, ...],
    norms: tuple[Norm, ...],
    **more: Any,
) -> Shape:
    """Put embeddings, a last norm and a head around blocks, as most families do."""
    width, vocab = size["width"], size["vocab"]
    usual: dict[str, Any] = {
        "blocks": "model.layers",
        "tables": (Table("model.embed_tokens", vocab, width),),
        "outer_norms": (Norm("model.norm", width, 0 if kind == "olmo" else width),),
        "outer_linears": (),
        "head": Linear("lm_head", "head", width, vocab),
        "tied": config.flag("tie_word_embeddings", kind in _TIED),
        "rms": kind != "olmo",
        "gated": False,
        "activation": config.word("silu", "hidden_activation", "hidden_act"),
    }
    return Shape(
        kind, width, size["layers"], size["heads"], size["kv"], size["head_dim"], size["inner"],
        vocab, size["positions"], linears=linears, norms=norms, **{**usual, **more},
    )  # fmt: skip


def _phi3(config: Config, kind: str) -> Shape:
    """Phi-3 and Phi-4: queries, keys and values in one matrix, gate and up in another."""
    size = _common(config, kind)
    width, inner = size["width"], size["inner"]
    q, kv = size["heads"] * size["head_dim"], size["kv"] * size["head_dim"]
    linears = (
        Linear("self_attn.qkv_proj", "attention", width, q + 2 * kv, False, "attention"),
        Linear("self_attn.o_proj", "attention", q, width, False, "heads"),
        Linear("mlp.gate_up_proj", "mlp", width, 2 * inner, False, "mlp"),
        Linear("mlp.down_proj", "mlp", inner, width, False, "inner"),
    )
    norms = tuple(Norm(path, width, width) for path in _BEFORE)
    return _decoder(config, kind, size, linears, norms, gated=True)


def _phi(config: Config, kind: str) -> Shape:
    """Phi-1 and Phi-2: attention and MLP side by side after one norm, biases everywhere."""
    size = _common(config, kind)
    width, inner, head = size["width"], size["inner"], size["width"] // size["heads"]
    size["head_dim"] = head
    linears = (
        *_attention(size, (True,) * 4, "dense"),
        Linear("mlp.fc1", "mlp", width, inner, True, "attention"),
        Linear("mlp.fc2", "mlp", inner, width, True, "inner"),
    )
    norms = [Norm("input_layernorm", width, 2 * width)]
    if config.flag("qk_layernorm", False):
        norms.append(Norm("self_attn.q_layernorm", head, 2 * head, size["heads"]))
        norms.append(Norm("self_attn.k_layernorm", head, 2 * head, size["kv"]))
    return _decoder(
        config, kind, size, linears, tuple(norms), rms=False,
        outer_norms=(Norm("model.final_layernorm", width, 2 * width),),
        head=Linear("lm_head", "head", width, size["vocab"], bias=True),
        activation=config.word("gelu_new", "hidden_act"),
    )  # fmt: skip


def _gpt_neox(config: Config, kind: str) -> Shape:
    """GPT-NeoX and Pythia: one matrix for queries, keys and values; LayerNorm with biases."""
    size = _common(config, kind)
    size["kv"], size["head_dim"] = size["heads"], size["width"] // size["heads"]
    width, inner = size["width"], size["inner"]
    bias = config.flag("attention_bias", True)
    linears = (
        Linear("attention.query_key_value", "attention", width, 3 * width, bias, "attention"),
        Linear("attention.dense", "attention", width, width, bias, "heads"),
        Linear("mlp.dense_h_to_4h", "mlp", width, inner, True, "mlp"),
        Linear("mlp.dense_4h_to_h", "mlp", inner, width, True, "inner"),
    )
    return _decoder(
        config, kind, size, linears,
        tuple(Norm(path, width, 2 * width) for path in _BEFORE),
        blocks="gpt_neox.layers", rms=False,
        tables=(Table("gpt_neox.embed_in", size["vocab"], width),),
        outer_norms=(Norm("gpt_neox.final_layer_norm", width, 2 * width),),
        activation=config.word("gelu", "hidden_act"),
    )  # fmt: skip


def _gpt2(config: Config, kind: str) -> Shape:
    """GPT-2: learned positions, matrices stored the other way round, tied head."""
    width, heads = config.whole("n_embd", 768), config.whole("n_head", 12)
    inner = config.maybe("n_inner") or 4 * width
    vocab, positions = config.whole("vocab_size", 50257), config.whole("n_positions", 1024)
    size = {
        "width": width, "heads": heads, "kv": heads, "head_dim": width // heads, "inner": inner,
        "layers": config.whole("n_layer", 12), "vocab": vocab, "positions": positions,
    }  # fmt: skip
    linears = (
        Linear("attn.c_attn", "attention", width, 3 * width, True, "attention"),
        Linear("attn.c_proj", "attention", width, width, True, "heads"),
        Linear("mlp.c_fc", "mlp", width, inner, True, "mlp"),
        Linear("mlp.c_proj", "mlp", inner, width, True, "inner"),
    )
    return _decoder(
        config, kind, size, linears,
        (Norm("ln_1", width, 2 * width), Norm("ln_2", width, 2 * width)),
        blocks="transformer.h", rms=False,
        tables=(Table("transformer.wte", vocab, width), Table("transformer.wpe", positions, width)),
        outer_norms=(Norm("transformer.ln_f", width, 2 * width),),
        tied=config.flag("tie_word_embeddings", True),
        activation=config.word("gelu_new", "activation_function"),
    )  # fmt: skip


def _opt(config: Config, kind: str) -> Shape:
    """OPT: learned positions; its 350M model has narrow embeddings and norms after the blocks."""
    width, heads = config.whole("hidden_size", 768), config.whole("num_attention_heads", 12)
    inner, vocab = config.whole("ffn_dim", 3072), config.whole("vocab_size", 50272)
    positions = config.whole("max_position_embeddings", 2048)
    narrow = config.maybe("word_embed_proj_dim") or width
    bias, affine = (
        config.flag("enable_bias", True),
        config.flag("layer_norm_elementwise_affine", True),
    )
    size = {
        "width": width, "heads": heads, "kv": heads, "head_dim": width // heads, "inner": inner,
        "layers": config.whole("num_hidden_layers", 12), "vocab": vocab, "positions": positions,
    }  # fmt: skip
    own, root = 2 * width * affine, "model.decoder"
    linears = (
        *_attention(size, (bias,) * 4, "out_proj"),
        Linear("fc1", "mlp", width, inner, bias, "mlp"),
        Linear("fc2", "mlp", inner, width, bias, "inner"),
    )
    ends = config.flag("do_layer_norm_before", True)
    ends = ends and not config.flag("_remove_final_layer_norm", False)
    sides = (("project_in", narrow, width), ("project_out", width, narrow))
    return _decoder(
        config, kind, size, linears,
        (Norm("self_attn_layer_norm", width, own), Norm("final_layer_norm", width, own)),
        blocks=f"{root}.layers", rms=False,
        tables=(Table(f"{root}.embed_tokens", vocab, narrow),
                Table(f"{root}.embed_positions", positions + 2, width)),
        outer_norms=(Norm(f"{root}.final_layer_norm", width, own),) if ends else (),
        outer_linears=tuple(Linear(f"{root}.{name}", "embeddings", a, b) for name, a, b in sides
                            if narrow != width),
        head=Linear("lm_head", "head", narrow, vocab),
        tied=config.flag("tie_word_embeddings", True),
        activation=config.word("relu", "activation_function"),
    )  # fmt: skip


FAMILIES: dict[str, Callable[[Config, str], Shape]] = {
    **dict.fromkeys(
        ("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "olmo", "olmo2"),
        _gated,
    ),
    **dict.fromkeys(EXPERTS, _mixture),
    "phi3": _phi3,
    "phi": _phi,
    "gpt_neox": _gpt_neox,
    "gpt2": _gpt2,
    "opt": _opt,
    **ENCODERS,
}
"""``model_type`` of a config.json -> what reads its sizes."""

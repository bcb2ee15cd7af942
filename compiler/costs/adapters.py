"""How many parameters a method of tuning trains, in closed form.

The formulas are those of the layers of peft 0.21; tests build every adapter of the language on
small models and compare. What has no closed form, or what peft would change or refuse, is said
to be unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..spec import MethodSpec
from .experts import EXPERTS, on_experts
from .shapes import Linear, Shape, Table, Unknown
from .targets import Target, adapted, biases, matches, norms, saved_whole

Options = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Tuned:
    """A model as a method trains it.

    ``added`` are new parameters, of which ``added_trained`` are trained; ``own_trained`` are the
    model's own that are. ``adapted`` holds the paths inside a block of the linear layers that keep
    their input for an adapter, and ``frozen`` says that the model's own matrices get no gradient.
    """

    base: int
    added: int
    added_trained: int
    own_trained: int
    adapted: frozenset[str]
    frozen: bool

    @property
    def total(self) -> int:
        """Parameters of the model and of what is added to it."""
        return self.base + self.added

    @property
    def trained(self) -> int:
        """Parameters that are trained."""
        return self.added_trained + self.own_trained


def tuned(shape: Shape, method: MethodSpec) -> Tuned:
    """Count what ``method`` adds to a model and trains of it.

    Raises:
        Unknown: it has no closed form for these options and this model.
    """
    kind, options = method.type, method.options
    if kind == "full":
        return Tuned(shape.total, 0, 0, shape.total, frozenset(), False)
    if kind == "freeze":
        left = shape.total - _frozen(shape, options)
        return Tuned(shape.total, 0, 0, left, frozenset(), False)
    if kind in _PROMPTS:
        size = _PROMPTS[kind](shape, options)
        return Tuned(shape.total, size, size, 0, frozenset(), True)
    whole = saved_whole(shape, options.get("modules_to_save"))
    if kind == "ln-tuning":
        size = _norms(shape, options) + whole
        return Tuned(shape.total, size, size, 0, frozenset(), True)
    if kind not in _LAYERS:
        raise Unknown(f"what method {kind!r} adds is not counted")
    return _adapted(shape, kind, options, whole)


def _frozen(shape: Shape, options: Options) -> int:
    """Count what stays as it is: blocks, which are equal, and tables."""
    if options.get("patterns"):
        raise Unknown("what patterns match is counted when the model is loaded")
    if options["blocks"] > shape.layers:
        raise Unknown(f"the model has {shape.layers} blocks, not {options['blocks']}")
    block = sum(linear.size for linear in shape.linears) + sum(norm.size for norm in shape.norms)
    block += 0 if shape.experts is None else shape.experts.size
    tables = sum(table.size for table in shape.tables) if options["embeddings"] else 0
    return int(options["blocks"] * block + tables)


def _adapted(shape: Shape, kind: str, options: Options, whole: int) -> Tuned:
    if kind == "ia3":
        options = _known_ia3(shape, options)
    key = "targets" if kind == "lora" else "target_modules"
    blocks = "layers" if kind == "lora" else "layers_to_transform"
    targets = adapted(shape, options, key, blocks)
    mixed = on_experts(shape, kind, options, key)
    trained = whole + mixed + sum(_size(kind, target, options) for target in targets)
    if kind == "vblora":
        trained += options["num_vectors"] * options["vector_length"]  # the bank that all share
    # AdaLoRA writes each layer's rank down in a parameter that is not trained
    noted = len(targets) if kind == "adalora" else 0
    own = biases(shape, options.get("bias", "none"), targets)
    inner = {each.path for each in shape.linears}
    paths = {path for target in targets for path in inner if matches(target.name, (path,))}
    paths |= {EXPERTS} if mixed else set()
    return Tuned(shape.total, trained + noted, trained, own, frozenset(paths), True)


def _size(kind: str, target: Target, options: Options) -> int:
    module = target.module
    if isinstance(module, Table):
        if kind != "lora" or options.get("dora"):
            raise Unknown(f"what method {kind!r} adds to an embedding is not counted")
        return int(options["rank"] * (module.rows + module.width))
    if kind == "ia3":
        inner = matches(target.name, options["feedforward_modules"])
        return module.inputs if inner else module.outputs
    return _LAYERS[kind](module, options)


def _lora(layer: Linear, options: Options) -> int:
    """Two factors (arXiv:2106.09685); DoRA adds a magnitude per output (arXiv:2402.09353)."""
    size: int = options["rank"] * (layer.inputs + layer.outputs)
    return size + layer.outputs * bool(options.get("dora"))


def _oft(layer: Linear, options: Options) -> int:
    """Skew-symmetric blocks, each of n (n - 1) / 2 numbers (arXiv:2306.07280)."""
    said, count = options["oft_block_size"], options["r"]
    if layer.inputs % (said or count):
        raise Unknown("peft changes blocks of OFT that do not divide the inputs")
    block = said or layer.inputs // count
    blocks = 1 if options.get("block_share") else layer.inputs // block
    return int(blocks * (block * (block - 1) // 2))


def _boft(layer: Linear, options: Options) -> int:
    """Whole blocks along the diagonal, and a scale per output (arXiv:2311.06243)."""
    said, count = options["boft_block_size"], options["boft_block_num"]
    if layer.inputs % (said or count):
        raise Unknown("blocks of BOFT have to divide the inputs")
    if options["boft_n_butterfly_factor"] != 1:
        raise Unknown("peft takes one butterfly factor where its CUDA extension is not built")
    block = said or layer.inputs // count
    return int(layer.inputs * block + layer.outputs)


def _lokr(layer: Linear, options: Options) -> int:
    """A Kronecker product whose sides are split in two where that is smaller (LyCORIS)."""
    factor, rank = options["decompose_factor"], options["r"]
    small_in, large_in = _factors(layer.inputs, factor)
    small_out, large_out = _factors(layer.outputs, factor)
    split = options.get("decompose_both") and rank < max(small_out, small_in) / 2
    first = rank * (small_out + small_in) if split else small_out * small_in
    split = rank < max(large_out, large_in) / 2
    return int(first + (rank * (large_out + large_in) if split else large_out * large_in))


def _factors(number: int, factor: int) -> tuple[int, int]:
    """Split a number as LyCORIS does: near its root, or with a first part of at most ``factor``."""
    if factor > 0 and number % factor == 0:
        return factor, number // factor
    most = number if factor == -1 else factor
    best = (1, number)
    for small in range(2, number + 1):
        if number % small:
            continue
        large = number // small
        if best[0] >= best[1] or small + large > sum(best) or small > most:
            break
        best = (small, large)
    return min(best), max(best)


def _c3a(layer: Linear, options: Options) -> int:
    """Circulant blocks, each given by its first row (arXiv:2407.19342)."""
    block = options["block_size"]
    if layer.inputs % block or layer.outputs % block:
        raise Unknown("blocks of C3A have to divide inputs and outputs")
    return int(layer.inputs * layer.outputs // block)


def _vblora(layer: Linear, options: Options) -> int:
    """Logits over a bank of vectors for each piece of both factors (arXiv:2405.15179)."""
    length = options["vector_length"]
    if layer.inputs % length or layer.outputs % length:
        raise Unknown("vectors of VB-LoRA have to divide inputs and outputs")
    pieces = layer.inputs // length + layer.outputs // length
    return int(options["r"] * pieces * options["num_vectors"])


_ROAD = {"road_1": 0.5, "road_2": 1, "road_4": 2}
"""Angles per output, and as many scales (arXiv:2409.00119)."""


def _both(layer: Linear) -> int:
    return layer.inputs + layer.outputs


_LAYERS: dict[str, Callable[[Linear, Options], int]] = {
    "lora": _lora,
    "ia3": lambda layer, options: layer.outputs,
    # as LoRA, with one singular value a rank (arXiv:2303.10512)
    "adalora": lambda layer, options: options["init_r"] * (_both(layer) + 1),
    "oft": _oft,
    "boft": _boft,
    "hra": lambda layer, options: options["r"] * layer.inputs,
    "loha": lambda layer, options: 2 * options["r"] * _both(layer),
    "lokr": _lokr,
    "vera": lambda layer, options: layer.outputs + options["r"],
    "fourierft": lambda layer, options: options["n_frequency"],
    "vblora": _vblora,
    "miss": lambda layer, options: options["r"] * layer.outputs,
    "shira": lambda layer, options: options["r"] * _both(layer),
    "c3a": _c3a,
    "delora": lambda layer, options: options["r"] * _both(layer) + 1,
    "gralora": lambda layer, options: (options["r"] + options["hybrid_r"]) * _both(layer),
    "road": lambda layer, options: int(2 * _ROAD[options["variant"]] * layer.outputs),
}


_IA3 = {
    "llama": ("k_proj", "v_proj", "down_proj"),
    "mistral": ("k_proj", "v_proj", "down_proj"),
    **dict.fromkeys(("gemma", "gemma2", "gemma3_text", "qwen2", "qwen3"),
                    ("q_proj", "v_proj", "down_proj")),
    "gpt2": ("c_attn", "mlp.c_proj"),
    "gpt_neox": ("query_key_value", "dense_4h_to_h"),
    "opt": ("q_proj", "k_proj", "fc2"),
    "phi": ("q_proj", "v_proj", "fc2"),
    "bert": ("key", "value", "output.dense"),
    "roberta": ("key", "value", "output.dense"),
}  # fmt: skip
"""What peft adapts by itself; the last is the feedforward one. A test holds it against peft."""

_PLAIN = ("input_layernorm", "post_attention_layernorm", "norm")
_GEMMA = (*_PLAIN[:2], "pre_feedforward_layernorm", "post_feedforward_layernorm", "norm")
_NORMS = {
    **dict.fromkeys(("llama", "mistral", "gemma"), _PLAIN),
    **dict.fromkeys(("gemma2", "gemma3_text"), _GEMMA),
    **dict.fromkeys(("qwen2", "qwen3"), ("post_attention_layernorm",)),
    "gpt2": ("ln_1", "ln_2", "ln_f"),
    "phi": ("input_layernorm", "final_layernorm"),
}


def _known_ia3(shape: Shape, options: Options) -> Options:
    if options.get("target_modules") is not None:
        return options
    if shape.family not in _IA3:
        raise Unknown(f"peft knows no modules of a {shape.family} for ia3")
    names = _IA3[shape.family]
    return {**options, "target_modules": names, "feedforward_modules": names[-1:]}


def _norms(shape: Shape, options: Options) -> int:
    """LN tuning trains a copy of each norm (arXiv:2312.11420)."""
    said = options.get("target_modules") or _NORMS.get(shape.family)
    size = sum(norm.size for name, norm in norms(shape) if matches(name, said))
    if not size:
        raise Unknown(f"which norms of a {shape.family} are trained is not known")
    return size


def _prompt(shape: Shape, options: Options) -> int:
    return int(options["num_virtual_tokens"] * shape.width)


def _prefix(shape: Shape, options: Options) -> int:
    """Keys and values of each block for each position (arXiv:2101.00190), or a network for them."""
    width = shape.width // shape.heads * shape.kv_heads
    tokens, values = options["num_virtual_tokens"], 2 * shape.layers * width
    if not options.get("prefix_projection"):
        return int(tokens * values)
    hidden = options["encoder_hidden_size"]
    return int(tokens * width + width * hidden + hidden + hidden * values + values)


def _p_tuning(shape: Shape, options: Options) -> int:
    """Vectors and the network that they pass (arXiv:2103.10385): an MLP, or an LSTM before it."""
    width = shape.width
    hidden = options.get("encoder_hidden_size") or width
    size: int = options["num_virtual_tokens"] * width
    if options["encoder_reparameterization_type"] == "MLP":
        return size + _dense(width, hidden) + _dense(hidden, hidden) + _dense(hidden, width)
    for layer in range(options["encoder_num_layers"]):
        inputs = 2 * hidden if layer else width
        size += 2 * 4 * hidden * (inputs + hidden + 2)  # both ways, four gates, two biases each
    return size + _dense(2 * hidden, 2 * hidden) + _dense(2 * hidden, width)


def _dense(inputs: int, outputs: int) -> int:
    return inputs * outputs + outputs


_PROMPTS: dict[str, Callable[[Shape, Options], int]] = {
    "prompt": _prompt,
    "prefix": _prefix,
    "p-tuning": _p_tuning,
}

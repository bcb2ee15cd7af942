"""A model made from nothing, for pretraining: any decoder that Transformers builds from sizes."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import TYPE_CHECKING, Any

from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from ..errors import ModelError
from .experts import group_experts

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["initialize", "new_model"]

_OURS: dict[str, dict[str, Any]] = {
    # Dropout of a tenth is of a time when text was read many times over.
    "gpt2": {"embd_pdrop": 0.0, "resid_pdrop": 0.0, "attn_pdrop": 0.0},
    # As the published models since the second: every token looks back on all before it.
    "mistral": {"sliding_window": None},
}
"""Where nivel departs from what Transformers gives a family that is told only its sizes."""

_READ = {"qwen3_moe": ("head_dim",)}
"""Sizes that a family's model reads, though its configuration class names none."""

_SPECIAL = ("bos", "eos", "pad")

_WRITERS = ("o_proj", "c_proj", "dense", "dense_4h_to_h", "down_proj", "fc2")
"""Matrices whose result is added to the residual stream, by their names in all families."""


def new_model(
    architecture: str, sizes: Mapping[str, Any], tokenizer: PreTrainedTokenizerBase
) -> PreTrainedModel:
    """Return a causal language model with random weights, in fp32, with one embedding per token.

    Set torch's seed first: the weights are drawn from its generator.

    Args:
        architecture: `model_type` of the family, such as `llama`, `qwen3` or `gpt2`.
        sizes: names of the family's configuration in Transformers, such as `hidden_size`.
        tokenizer: gives the vocabulary's size and the special tokens.

    Raises:
        ModelError: when a name is not one that this Transformers knows, or sizes do not fit.
    """
    known = AutoConfig.for_model(architecture)
    read = _READ.get(architecture, ())
    unknown = [name for name in sizes if not hasattr(known, name) and name not in read]
    if unknown:
        # A configuration keeps what it does not know without a word.
        raise ModelError(
            f"a {architecture} has no {unknown[0]!r}", f"see transformers.{type(known).__name__}"
        )
    special = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in _SPECIAL}
    values = {**_OURS.get(architecture, {}), **special, "vocab_size": len(tokenizer), **sizes}
    build: Any = AutoModelForCausalLM.from_config  # untyped in Transformers
    try:
        model: PreTrainedModel = build(AutoConfig.for_model(architecture, **values))
    except (ValueError, TypeError, RuntimeError, ZeroDivisionError) as error:
        cause = str(error).strip().partition("\n")[0]
        raise ModelError(f"no {architecture} has these sizes: {cause}") from error
    group_experts(model)
    return model


def initialize(model: PreTrainedModel, *, std: float, scale_residuals: bool) -> None:
    """Draw the weights of a new model again: normal, around 0; biases 0, norms as they are.

    Routers and experts are matrices like others; those of the experts of a block are one tensor.

    Set torch's seed first.

    Args:
        std: standard deviation of matrices and embeddings.
        scale_residuals: matrices that write to the residual stream are drawn with
            std / sqrt(2 x blocks), so that its size does not grow with them (Radford et al.
            2019, "Language Models are Unsupervised Multitask Learners", section 2.3).
    """
    narrow = std / sqrt(2 * model.config.num_hidden_layers) if scale_residuals else std
    for name, weights in model.named_parameters():
        if weights.ndim == 3:
            writes = name.rpartition(".")[2] in _WRITERS
            nn.init.normal_(weights, 0.0, narrow if writes else std)
    for name, module in model.named_modules():
        weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
        if weight is None or weight.ndim < 2:
            continue
        writes = name.rpartition(".")[2] in _WRITERS
        nn.init.normal_(weight, 0.0, narrow if writes else std)
        if bias is not None:
            nn.init.zeros_(bias)
    model.config.initializer_range = std

"""A model made from nothing, for pretraining."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from transformers import LlamaConfig, LlamaForCausalLM

from ..errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["new_llama"]


def new_llama(
    architecture: Mapping[str, Any], tokenizer: "PreTrainedTokenizerBase"
) -> LlamaForCausalLM:
    """Return a Llama with random weights, in fp32, with one embedding per token.

    Set torch's seed first: the weights are drawn from its generator.

    Args:
        architecture: names of Transformers' `LlamaConfig`, such as `hidden_size`.
        tokenizer: gives the vocabulary's size and the special tokens.

    Raises:
        ModelError: when a name is not one that this Transformers knows, or sizes do not fit.
    """
    known = LlamaConfig()
    unknown = [name for name in architecture if not hasattr(known, name)]
    if unknown:
        # LlamaConfig keeps what it does not know without a word.
        raise ModelError(f"a Llama has no {unknown[0]!r}", "see transformers.LlamaConfig")
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **architecture,
    )
    return LlamaForCausalLM(config)

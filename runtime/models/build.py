"""A tokenizer made from nothing, for pretraining."""

from collections.abc import Iterable
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from ..errors import DataError

__all__ = ["END", "train_byte_bpe"]

END = "<|endoftext|>"


def train_byte_bpe(texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE tokenizer, as GPT-2's; the same texts give the same tokenizer.

    Args:
        texts: what to learn merges from; any other text can be encoded too, byte by byte.
        vocab_size: tokens in all: 256 bytes, one end token, and the merges learned.

    Returns:
        A tokenizer whose end and padding token is `<|endoftext|>` and which adds none itself.

    Raises:
        DataError: when the texts hold too few distinct pairs for so many tokens.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[END],
        # All 256 bytes, seen or not: no text is out of vocabulary.
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    learned = tokenizer.get_vocab_size()
    if learned != vocab_size:
        raise DataError(
            f"the text gives {learned} tokens, not the {vocab_size} asked for",
            f"set tokenizer.vocab_size to {learned} or give more text",
        )
    fast: Any = PreTrainedTokenizerFast  # untyped in Transformers
    wrapped: PreTrainedTokenizerFast = fast(
        tokenizer_object=tokenizer, eos_token=END, pad_token=END
    )
    return wrapped

"""Tokenizers made from nothing, for pretraining; the same texts give the same bytes of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)
from transformers import PreTrainedTokenizerFast

from ..errors import DataError, ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["END", "holds_tokens", "train_byte_bpe", "train_tokenizer"]

END = "<|endoftext|>"
UNKNOWN = "[UNK]"
"""What WordPiece writes for a word that its pieces cannot spell."""

_NORMALIZERS: dict[str, Callable[[], Any] | None] = {
    "none": None,
    "nfc": normalizers.NFC,
    "nfkc": normalizers.NFKC,
    "lowercase": normalizers.Lowercase,
}
_DIGITS: dict[str, Callable[[], Any] | None] = {
    "free": None,
    "individual": lambda: pre_tokenizers.Digits(individual_digits=True),
    # from the left, as Llama 3 splits them
    "groups": lambda: pre_tokenizers.Split(Regex(r"\p{N}{1,3}"), "isolated"),
}


def train_byte_bpe(texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE tokenizer, as GPT-2's; see :func:`train_tokenizer`."""
    return train_tokenizer(texts, "byte-bpe", vocab_size)


def train_tokenizer(
    texts: Iterable[str],
    kind: str,
    vocab_size: int,
    *,
    special_tokens: Sequence[str] = (),
    digits: str = "free",
    normalize: str = "none",
) -> PreTrainedTokenizerFast:
    """Train a tokenizer.

    Args:
        texts: what to learn from, read once.
        kind: `byte-bpe` merges the commonest pairs of bytes (as GPT-2); `unigram` keeps the pieces
            that make the text likeliest (Kudo, arXiv:1804.10959), here over bytes, so that any text
            can be written; `wordpiece` is BERT's: it splits at whitespace, which is lost, and
            writes `[UNK]` for what it cannot spell.
        vocab_size: tokens in all, bytes and special tokens included.
        special_tokens: more tokens that stand for themselves; no text is ever read as one.
        digits: `free`, `individual`, or `groups` of up to three.
        normalize: what is done to a text first: `none`, `nfc`, `nfkc`, `lowercase`.

    Returns:
        A tokenizer whose end and padding token is `<|endoftext|>` and which adds none itself.

    Raises:
        DataError: when the texts hold too few distinct pieces for so many tokens.
    """
    tokenizer, trainer = _KINDS[kind](vocab_size, [END, *special_tokens])
    made = _NORMALIZERS[normalize]
    if made is not None:
        tokenizer.normalizer = made()
    split = _DIGITS[digits]
    if split is not None:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split(), tokenizer.pre_tokenizer])
    tokenizer.train_from_iterator(texts, trainer)
    learned = tokenizer.get_vocab_size()
    if learned != vocab_size:
        raise DataError(
            f"the text gives {learned} tokens, not the {vocab_size} asked for",
            f"set tokenizer.vocab_size to {learned} or give more text",
        )
    return _wrapped(tokenizer, kind, special_tokens)


def _wrapped(
    tokenizer: Tokenizer, kind: str, special_tokens: Sequence[str]
) -> PreTrainedTokenizerFast:
    fast: Any = PreTrainedTokenizerFast  # untyped in Transformers
    said: dict[str, Any] = {"eos_token": END, "pad_token": END}
    if kind == "wordpiece":
        said["unk_token"] = UNKNOWN
    if special_tokens:
        said["extra_special_tokens"] = list(special_tokens)
    wrapped: PreTrainedTokenizerFast = fast(tokenizer_object=tokenizer, **said)
    return wrapped


def _byte_bpe(vocab_size: int, special: list[str]) -> tuple[Tokenizer, Any]:
    tokenizer = Tokenizer(models.BPE())
    _over_bytes(tokenizer)
    return tokenizer, trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=special,
        # All 256 bytes, seen or not: no text is out of vocabulary.
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )


def _unigram(vocab_size: int, special: list[str]) -> tuple[Tokenizer, Any]:
    tokenizer = Tokenizer(models.Unigram())
    _over_bytes(tokenizer)
    return tokenizer, trainers.UnigramTrainer(
        vocab_size=vocab_size,
        special_tokens=special,
        unk_token=special[0],  # the trainer wants one; with all bytes nothing is unknown
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )


def _over_bytes(tokenizer: Tokenizer) -> None:
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()


def _wordpiece(vocab_size: int, special: list[str]) -> tuple[Tokenizer, Any]:
    tokenizer = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(cleanup=False)
    return tokenizer, trainers.WordPieceTrainer(
        vocab_size=vocab_size, special_tokens=[*special, UNKNOWN], show_progress=False
    )


_KINDS: dict[str, Callable[[int, list[str]], tuple[Tokenizer, Any]]] = {
    "byte-bpe": _byte_bpe,
    "unigram": _unigram,
    "wordpiece": _wordpiece,
}


def holds_tokens(tokenizer: PreTrainedTokenizerBase, vocab_size: int) -> PreTrainedTokenizerBase:
    """Return a tokenizer that was taken from a model, if it is as large as the spec says.

    Raises:
        ModelError: it is not, or it has no token to end a document with.
    """
    if len(tokenizer) != vocab_size:
        raise ModelError(
            f"the tokenizer has {len(tokenizer)} tokens, not the {vocab_size} of the spec",
            f"set tokenizer.vocab_size to {len(tokenizer)}",
        )
    if tokenizer.eos_token_id is None:
        raise ModelError("the tokenizer has no token that ends a text", "take another model's")
    return tokenizer

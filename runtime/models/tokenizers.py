"""Tokenizers made from nothing, for pretraining; the same texts give the same bytes of a file."""

from __future__ import annotations

import json
from collections import Counter
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
        texts: what to learn from; read twice for `wordpiece`, so no generator.
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
    tokenizer = _KINDS[kind]()
    made, split = _NORMALIZERS[normalize], _DIGITS[digits]
    if made is not None:
        tokenizer.normalizer = made()
    if split is not None:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split(), tokenizer.pre_tokenizer])
    _TRAINERS[kind](tokenizer, texts, vocab_size, [END, *special_tokens])
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


def _over_bytes(model: Any) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _over_words() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(cleanup=False)
    return tokenizer


_KINDS: dict[str, Callable[[], Tokenizer]] = {
    "byte-bpe": lambda: _over_bytes(models.BPE()),
    "unigram": lambda: _over_bytes(models.Unigram()),
    "wordpiece": _over_words,
}


def _train_bpe(tokenizer: Tokenizer, texts: Iterable[str], size: int, special: list[str]) -> None:
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=special,
        # All 256 bytes, seen or not: no text is out of vocabulary.
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)


def _train_unigram(
    tokenizer: Tokenizer, texts: Iterable[str], size: int, special: list[str]
) -> None:
    """Train, then write the pieces down so that they are the same every time.

    The library sums in an order that differs from run to run: scores differ in their last digits,
    pieces of one score come in any order, and bytes that are not needed get the least score and so
    many times 0.0001 as there were such bytes before. So scores are rounded, ties sorted, and the
    bytes that may be among those share one score.
    """
    trainer = trainers.UnigramTrainer(
        vocab_size=size,
        special_tokens=special,
        unk_token=END,  # the trainer wants one; with all bytes nothing is unknown
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    found = json.loads(tokenizer.to_str())["model"]["vocab"]
    scores = {piece: round(score, SCORE_DIGITS) for piece, score in found if piece not in special}
    least = min(scores.values(), default=0.0)
    for piece, score in scores.items():
        if len(piece) == 1 and score <= least + CHANCE:
            scores[piece] = least - 1.0
    ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    whole = [*((token, 0.0) for token in special), *ranked]
    tokenizer.model = models.Unigram(whole, unk_id=0, byte_fallback=False)


SCORE_DIGITS = 6
"""Of a piece's log-probability; what differs from run to run is some 1e-14 of it."""

CHANCE = 257 * 0.0001


def _train_wordpiece(
    tokenizer: Tokenizer, texts: Iterable[str], size: int, special: list[str]
) -> None:
    """Train with an alphabet in order, since the library numbers letters inside words by chance.

    Letters that are given as special tokens are numbered first, in the order given; none of them
    is special afterwards.
    """
    letters = sorted(_letters(tokenizer, texts))
    own = [*special, UNKNOWN]
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        special_tokens=[*own, *letters, *(f"##{letter}" for letter in letters)],
        show_progress=False,
    )
    trained = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
    trained.normalizer, trained.pre_tokenizer = tokenizer.normalizer, tokenizer.pre_tokenizer
    trained.train_from_iterator(texts, trainer)
    tokenizer.model = models.WordPiece(
        trained.get_vocab(with_added_tokens=False), unk_token=UNKNOWN
    )
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in own])


def _letters(tokenizer: Tokenizer, texts: Iterable[str]) -> set[str]:
    """Return the commonest characters of the words of all texts, as many as a vocabulary holds."""
    counts: Counter[str] = Counter()
    for text in texts:
        if tokenizer.normalizer is not None:
            text = tokenizer.normalizer.normalize_str(text)
        counts.update(text)
    known = (letter for letter in counts if not letter.isspace() and letter.isprintable())
    ranked = sorted(known, key=lambda letter: (-counts[letter], letter))
    return set(ranked[:MOST_LETTERS])


MOST_LETTERS = 1000
"""Different characters that WordPiece knows, the commonest, as the library has it."""

_TRAINERS: dict[str, Callable[[Tokenizer, Iterable[str], int, list[str]], None]] = {
    "byte-bpe": _train_bpe,
    "unigram": _train_unigram,
    "wordpiece": _train_wordpiece,
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

"""Documents as one long row of tokens on disk, cut into sequences of equal length.

Tokens are written once to a file whose name is a hash of the texts, the tokenizer and this
format, so a stale store cannot be read: anything that would change a token changes the name.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from ..errors import DataError
from ..paths import cache_dir, file_sha256, write_atomically

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["TokenStore", "Tokens", "pack_documents"]

_FORMAT = 2
_TEXTS_AT_ONCE = 256
_CHARACTERS_AT_ONCE = 1 << 22


class Tokens(Protocol):
    """Sequences of tokens with what is known of their text, as `TokenStore` has them."""

    num_tokens: int
    num_bytes: int
    num_documents: int

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> npt.NDArray[np.int64]: ...


class TokenStore:
    """A memory-mapped row of tokens, read in sequences of `sequence_length`.

    Opening one reads it whole, to hold it to the hash that was written with it: a store that is
    damaged is made again. Processes that read one store share its pages; pickling carries the
    path, not the tokens.

    Attributes:
        num_tokens: all tokens, one end per document included.
        num_bytes: UTF-8 bytes of the texts, ends not included.
        num_documents: documents joined.
        dropped_tokens: tokens of the tail that is too short for a sequence.
    """

    def __init__(self, header: Path, sequence_length: int) -> None:
        about: dict[str, Any] = json.loads(header.read_text("utf-8"))
        self.path = header.with_suffix(".bin")
        self.sequence_length = sequence_length
        self.num_tokens: int = about["num_tokens"]
        self.num_bytes: int = about["num_bytes"]
        self.num_documents: int = about["num_documents"]
        self._dtype = np.dtype(about["dtype"])
        self._tokens: npt.NDArray[Any] | None = None
        if self.path.stat().st_size != self.num_tokens * self._dtype.itemsize:
            raise ValueError("the store is not as long as its header says")
        if file_sha256(self.path) != about["sha256"]:
            raise ValueError("the store is not as it was written")

    @property
    def tokens(self) -> npt.NDArray[Any]:
        """All tokens, read-only, shape (num_tokens,), uint16 or uint32."""
        if self._tokens is None:
            self._tokens = np.memmap(self.path, dtype=self._dtype, mode="r")
        return self._tokens

    @property
    def dropped_tokens(self) -> int:
        return self.num_tokens % self.sequence_length

    def __len__(self) -> int:
        return self.num_tokens // self.sequence_length

    def __getitem__(self, index: int) -> npt.NDArray[np.int64]:
        """Return sequence `index`, shape (sequence_length,)."""
        if not 0 <= index < len(self):
            raise IndexError(f"sequence {index} of {len(self)}")
        start = index * self.sequence_length
        return np.asarray(self.tokens[start : start + self.sequence_length], dtype=np.int64)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_tokens": None}


def pack_documents(
    texts: Sequence[str], tokenizer: "PreTrainedTokenizerBase", sequence_length: int
) -> TokenStore:
    """Return the store of `texts`, each followed by the end token, made only if absent.

    Args:
        sequence_length: tokens per sequence; it does not change what is stored.

    Raises:
        DataError: when the tokenizer has no end token or the text is shorter than a sequence.
    """
    store = token_store(texts, tokenizer, sequence_length)
    if len(store) == 0:
        raise DataError(*too_short(store.num_tokens, sequence_length))
    return store


def token_store(
    texts: Sequence[str], tokenizer: "PreTrainedTokenizerBase", sequence_length: int
) -> TokenStore:
    """Return the store of `texts` as `pack_documents` does, even where it holds no sequence."""
    if tokenizer.eos_token_id is None:
        raise DataError("the tokenizer has no end-of-sequence token to join documents with")
    header = cache_dir() / "tokens" / f"{_key(texts, tokenizer)}.json"
    try:
        return TokenStore(header, sequence_length)
    except (OSError, ValueError, KeyError, TypeError):
        _write(header, texts, tokenizer)
        return TokenStore(header, sequence_length)


def too_short(tokens: int, sequence_length: int) -> tuple[str, str]:
    """Return message and cure where the text gives no sequence."""
    return (
        f"the text has {tokens} tokens, fewer than one sequence of {sequence_length}",
        "give more text or a smaller train.sequence_length",
    )


def _key(texts: Sequence[str], tokenizer: "PreTrainedTokenizerBase") -> str:
    digest = hashlib.sha256(f"{_FORMAT} {tokenizer.eos_token_id}\n".encode())
    digest.update(_describe(tokenizer).encode())
    if (key := getattr(texts, "key", None)) is not None:  # of texts on disk
        digest.update(f"key {key}".encode())
        return digest.hexdigest()
    for text in texts:
        data = text.encode()
        # The length keeps ["ab", "c"] apart from ["a", "bc"].
        digest.update(f"{len(data)}\n".encode())
        digest.update(data)
    return digest.hexdigest()


def _describe(tokenizer: "PreTrainedTokenizerBase") -> str:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        # Padding and truncation are left over from earlier calls and change no token here.
        about: dict[str, Any] = json.loads(backend.to_str()) | {"padding": None, "truncation": None}
        return json.dumps(about, sort_keys=True)
    vocabulary = json.dumps(tokenizer.get_vocab(), sort_keys=True)
    return f"{type(tokenizer).__name__} {tokenizer.init_kwargs!r} {vocabulary}"


def _write(header: Path, texts: Sequence[str], tokenizer: "PreTrainedTokenizerBase") -> None:
    """Write the tokens, then the header: a store without a header does not exist.

    Texts are encoded on all cores by threads of the library; while they work on a batch, the one
    before is written. Memory holds two batches, however long the text is.
    """
    dtype = np.dtype(np.uint16 if len(tokenizer) <= 1 << 16 else np.uint32)
    count = num_bytes = 0
    digest = hashlib.sha256()
    with write_atomically(header.with_suffix(".bin")) as temporary, temporary.open("wb") as out:
        for size, rows in _encoded_ahead(texts, tokenizer):
            num_bytes += size
            for ids in rows:
                count += len(ids) + 1
                data = np.array([*ids, tokenizer.eos_token_id], dtype=dtype).tobytes()
                digest.update(data)
                out.write(data)
    about = {
        "num_tokens": count,
        "num_bytes": num_bytes,
        "num_documents": len(texts),
        "dtype": dtype.name,
        "sha256": digest.hexdigest(),
    }
    with write_atomically(header) as temporary:
        temporary.write_text(json.dumps(about), "utf-8")


def _encoded_ahead(
    texts: Iterable[str], tokenizer: "PreTrainedTokenizerBase"
) -> Iterator[tuple[int, Iterable[list[int]]]]:
    """Yield the bytes of each batch of texts and the tokens of each text, in their order."""
    with ThreadPoolExecutor(1) as ahead:
        waiting = None
        for some in _batches(texts):
            size = sum(len(text.encode()) for text in some)
            begun = size, ahead.submit(_encode, some, tokenizer)
            if waiting is not None:
                yield waiting[0], waiting[1].result()
            waiting = begun
        if waiting is not None:
            yield waiting[0], waiting[1].result()


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Yield texts in lists that are neither long nor large; one that is large stands alone."""
    some: list[str] = []
    size = 0
    for text in texts:
        if some and (len(some) == _TEXTS_AT_ONCE or size + len(text) > _CHARACTERS_AT_ONCE):
            yield some
            some, size = [], 0
        some.append(text)
        size += len(text)
    if some:
        yield some


def _encode(texts: list[str], tokenizer: "PreTrainedTokenizerBase") -> Iterable[list[int]]:
    """Encode a batch on all cores, as the library does it; the order is that of the texts."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if isinstance(backend, Tokenizer):  # half as long again through Transformers' own wrapper
        backend.no_truncation()
        backend.no_padding()
        backend.encode_special_tokens = True  # as split_special_tokens below
        return (one.ids for one in backend.encode_batch_fast(texts, add_special_tokens=False))
    # split_special_tokens: a text that merely mentions <|endoftext|> does not end there.
    encoded: Any = tokenizer(
        texts, add_special_tokens=False, split_special_tokens=True, verbose=False
    )
    rows: list[list[int]] = encoded["input_ids"]
    return rows

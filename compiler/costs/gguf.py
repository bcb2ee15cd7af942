"""The sizes of a model in a GGUF file, read from its header alone.

The layout is that of the GGUF specification, version 3 (2 differs in nothing that is read here):
a count of tensors and of values, then each value by key, type and content, then each tensor's
name and sides. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import mmap
import struct
from typing import Any

from ..regular import open_regular
from .shapes import Unknown

MAGIC = b"GGUF"
MOST_VALUES = 10_000
MOST_ITEMS = 2_000_000
MOST_TENSORS = 100_000

_FORMATS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q",
            11: "<q", 12: "<d"}  # fmt: skip
_TEXT, _LIST = 8, 9

_KEYS = {
    "vocab_size": "vocab_size",
    "hidden_size": "embedding_length",
    "intermediate_size": "feed_forward_length",
    "num_hidden_layers": "block_count",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length",
    "max_position_embeddings": "context_length",
}
"""Name in a config.json -> name in the file, after the architecture's."""

ARCHITECTURES = ("llama", "qwen2", "qwen3")
"""Those whose conversion is the model that is counted here; a Mistral calls itself a llama."""


class _Reader:
    """Walks through the header; the file is mapped and not read."""

    def __init__(self, data: mmap.mmap | bytes) -> None:
        self.data, self.at = data, 0

    def take(self, form: str) -> Any:
        (value,) = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return value

    def text(self) -> str:
        size = self.take("<Q")
        start, self.at = self.at, self.at + size
        if self.at > len(self.data):
            raise struct.error("a text is longer than the file")
        return bytes(self.data[start : self.at]).decode("utf-8", "replace")

    def value(self) -> Any:
        return self.of(self.take("<I"))

    def of(self, kind: int) -> Any:
        """Return one value; of a list only how many items it has, as ``(count,)``."""
        if kind == _TEXT:
            return self.text()
        if kind != _LIST:
            return self.take(_FORMATS[kind])
        inner, count = self.take("<I"), self.take("<Q")
        if count > MOST_ITEMS or inner == _LIST:
            raise struct.error("a list is too long")
        if inner in _FORMATS:
            self.at += count * struct.calcsize(_FORMATS[inner])
        else:
            self.skip_texts(count)
        return (count,)

    def skip_texts(self, count: int) -> None:
        """Pass over a vocabulary: 50,000 texts in some 10 ms."""
        unpack, data, at = struct.Struct("<Q").unpack_from, self.data, self.at
        for _ in range(count):
            at += 8 + unpack(data, at)[0]
        self.at = at


def read_gguf(path: str) -> dict[str, Any]:
    """Return what a ``config.json`` would say of the model in a GGUF file.

    Raises:
        Unknown: the file is no GGUF, is broken, or of an architecture that is not counted.
    """
    try:
        with (
            open_regular(path) as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw,
        ):
            values, tensors = _header(_Reader(raw))
    except (OSError, ValueError):
        raise Unknown("the GGUF file cannot be read") from None
    except (struct.error, KeyError, IndexError, OverflowError):
        raise Unknown("the header of the GGUF file is broken") from None
    return _config(values, tensors)


def _header(reader: _Reader) -> tuple[dict[str, Any], frozenset[str]]:
    if bytes(reader.data[:4]) != MAGIC:
        raise struct.error("no magic")
    reader.at = 4
    version, tensors, values = reader.take("<I"), reader.take("<Q"), reader.take("<Q")
    if version not in (2, 3) or values > MOST_VALUES or tensors > MOST_TENSORS:
        raise struct.error("another version")
    found = {}
    for _ in range(values):
        key = reader.text()
        found[key] = reader.value()
    names = []
    for _ in range(tensors):
        names.append(reader.text())
        sides = reader.take("<I")
        reader.at += 8 * sides + 4 + 8  # the sides, the type, the place of the numbers
    return found, frozenset(names)


def _config(values: dict[str, Any], tensors: frozenset[str]) -> dict[str, Any]:
    kind = values.get("general.architecture")
    if kind not in ARCHITECTURES:
        raise Unknown(f"GGUF files of architecture {str(kind)[:40]!r} are not counted")
    config: dict[str, Any] = {"model_type": kind}
    for name, key in _KEYS.items():
        if (value := values.get(f"{kind}.{key}")) is not None:
            config[name] = value
    tokens = values.get("tokenizer.ggml.tokens")
    if "vocab_size" not in config and isinstance(tokens, tuple):
        config["vocab_size"] = tokens[0]
    config["tie_word_embeddings"] = "output.weight" not in tensors
    return config

"""How near two texts are in meaning: the cosine of their sentence vectors.

The vectors are those of a sentence encoder as sentence-transformers saves it, read through
Transformers alone: the last hidden states, pooled as the model's own `1_Pooling/config.json` says.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import ModelError
from ..models import load_encoder
from ..models.identity import digest
from ..models.pooling import POOLINGS, pool
from ..paths import resolve_model_path

__all__ = ["SentenceEncoder"]

LONGEST = 512
"""Tokens of a text where neither the model nor its tokenizer sets a limit."""

_KINDS = {
    "sentence_transformers.models.Transformer",
    "sentence_transformers.models.Pooling",
    "sentence_transformers.models.Normalize",  # a cosine does it anyway
}
_POOLINGS = {name: how for how, name in POOLINGS.items()} | {"lasttoken": "last"}


class SentenceEncoder:
    """A sentence encoder.

    Args:
        path: `./folder`, `pkg:PACKAGE/FOLDER`, `run:NAME` or `org/name`.
        revision: commit, tag or branch, for the hub.
        device: a torch device.

    Raises:
        ModelError: it cannot be loaded, or it pools or goes on in a way that is not known here.
    """

    def __init__(self, path: str, revision: str | None = None, device: str = "cpu") -> None:
        self.path, self.revision = path, revision
        self.pooling, limit = _settings(path, revision)
        self._model, self._tokenizer = load_encoder(path, revision, device=device)
        positions = getattr(self._model.config, "max_position_embeddings", None)
        known = [most for most in (limit, positions, LONGEST) if isinstance(most, int)]
        self.longest = limit or min(known)

    def identity(self) -> dict[str, Any]:
        """Return what shapes its vectors."""
        return {
            "type": "embedding",
            "weights": digest(self.path, self.revision),
            "pooling": self.pooling,
            "longest": self.longest,
        }

    def similarities(
        self, first: Sequence[str], second: Sequence[str], *, batch_size: int = 32
    ) -> list[float]:
        """Return the cosines of pairs of texts; what points the other way counts as 0.

        A text beyond `longest` tokens is cut there, as sentence-transformers does.
        """
        unique = list(dict.fromkeys([*first, *second]))
        vectors = dict(zip(unique, self.encode(unique, batch_size), strict=True))
        pairs = zip(first, second, strict=True)
        return [min(1.0, max(0.0, float(vectors[a] @ vectors[b]))) for a, b in pairs]

    @torch.inference_mode()
    def encode(self, texts: Sequence[str], batch_size: int = 32) -> Tensor:
        """Return unit vectors, shape (texts, width), fp32 on the CPU; batches are by length."""
        order = sorted(range(len(texts)), key=lambda index: -len(texts[index]))
        found: list[Any] = [None] * len(texts)
        for start in range(0, len(order), batch_size):
            places = order[start : start + batch_size]
            vectors = self._pooled([texts[place] for place in places])
            for place, vector in zip(places, vectors, strict=True):
                found[place] = vector
        return torch.stack(found) if found else torch.empty(0, 0)

    def _pooled(self, texts: list[str]) -> Tensor:
        inputs = self._tokenizer(
            texts,
            padding=True,
            truncation=True,
            max_length=self.longest,
            return_tensors="pt",
            padding_side="right",
        ).to(self._model.device)
        hidden = self._model(**inputs).last_hidden_state
        return pool(hidden, inputs["attention_mask"], self.pooling).cpu()


def _settings(path: str, revision: str | None) -> tuple[str, int | None]:
    """Return how an encoder pools and its longest text in tokens, as its own files say."""
    location = resolve_model_path(path)
    if location.kind == "gguf":
        raise ModelError(f"{path!r} is a GGUF file", "an encoder is a folder with safetensors")
    read = _from_hub(path, revision) if location.kind == "hub" else _from(Path(location.folder))
    modules = read("modules.json")
    if modules is None:
        return "mean", None
    if odd := {str(one.get("type")) for one in modules} - _KINDS:
        raise ModelError(f"encoder {path!r} has a part that is not known here: {min(odd)}")
    pooling = [one for one in modules if str(one["type"]).endswith(".Pooling")]
    limits = read("sentence_bert_config.json") or {}
    name = _pooling(path, read(f"{pooling[0]['path']}/config.json")) if pooling else "mean"
    return name, limits.get("max_seq_length")


def _pooling(path: str, said: Any) -> str:
    """Return `mean`, `cls` or `last`.

    Raises:
        ModelError: it is another way of pooling, or several at once.
    """
    known = said or {}
    if "pooling_mode" in known:
        modes = [_POOLINGS.get(known["pooling_mode"], known["pooling_mode"])]
    else:
        on = [key for key, value in known.items() if key.startswith("pooling_mode") and value]
        modes = [_POOLINGS.get(key, key) for key in on]
    if len(modes) != 1 or modes[0] not in _POOLINGS.values():
        shown = ", ".join(map(str, modes)) or "nothing"
        raise ModelError(
            f"encoder {path!r} pools by {shown}", "use one that pools by mean, cls or last"
        )
    return str(modes[0])


def _from(folder: Path) -> Any:
    def read(name: str) -> Any:
        file = (folder / name).resolve()
        if not file.is_relative_to(folder.resolve()) or not file.is_file():
            return None
        return _json(file)

    return read


def _from_hub(path: str, revision: str | None) -> Any:
    def read(name: str) -> Any:
        from transformers.utils.hub import cached_file

        try:
            file = cached_file(path, name, revision=revision or "main",
                               _raise_exceptions_for_missing_entries=False)  # fmt: skip
        except OSError as error:
            first = str(error).strip().partition("\n")[0]
            raise ModelError(f"encoder {path!r} cannot be found: {first}") from error
        return None if file is None else _json(Path(file))

    return read


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{file.name} of an encoder is not JSON: {error}") from error

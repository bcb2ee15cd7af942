"""Models that give a text one vector: a backbone, and how its hidden states are pooled."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import AutoModel

from ..errors import ModelError
from .features import equal_lengths, reading
from .heads import longest_input
from .load import DTYPES, SOURCE, explained, weights_folder
from .quiet import silent
from .save import save_model

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["POOLINGS", "embed_all", "load_embedder", "pool", "save_embedder"]

POOLINGS = {
    "mean": "pooling_mode_mean_tokens",
    "cls": "pooling_mode_cls_token",
    "last": "pooling_mode_lasttoken",
}
"""Ways to pool, with the names of sentence-transformers."""


def load_embedder(
    path: str, revision: str | None, tokenizer: PreTrainedTokenizerBase, *, dtype: str
) -> PreTrainedModel:
    """Load a causal model or an encoder without its last layer, in evaluation mode.

    A pooler is left as it is: vectors are pooled from hidden states.

    Raises:
        ModelError: it cannot be loaded, or its tokenizer has nothing to pad with.
    """
    if tokenizer.pad_token_id is None:
        raise ModelError(f"the tokenizer of {path!r} has no token to pad with")
    loader: Any = AutoModel  # untyped in Transformers
    with explained(path), silent():
        model: PreTrainedModel = loader.from_pretrained(
            weights_folder(path),
            revision=revision or "main",
            dtype=DTYPES[dtype],
            use_safetensors=True,
            trust_remote_code=False,
        )
    pooler = getattr(model, "pooler", None)
    for parameter in pooler.parameters() if isinstance(pooler, torch.nn.Module) else ():
        parameter.requires_grad_(False)
    setattr(model, SOURCE, (path, revision))
    return model


def pool(hidden: Tensor, mask: Tensor, how: str) -> Tensor:
    """Return unit vectors in fp32, shape (rows, width), of hidden states (rows, length, width).

    Args:
        mask: 1 for tokens, 0 for padding on the right, shape (rows, length).
        how: `mean` of all tokens, `cls` the first one, or `last` the last one.
    """
    hidden, lengths = hidden.float(), mask.sum(1)
    if how == "mean":
        pooled = (hidden * mask.unsqueeze(-1)).sum(1) / lengths.unsqueeze(-1)
    else:
        place = torch.zeros_like(lengths) if how == "cls" else lengths - 1
        pooled = hidden[torch.arange(len(hidden), device=hidden.device), place]
    return torch.nn.functional.normalize(pooled, dim=1)


@torch.no_grad()
def embed_all(
    model: Any, texts: Sequence[Sequence[int]], pooling: str, device: str = "cpu"
) -> Tensor:
    """Return the unit vectors of texts as token ids, in fp32 on the CPU, (texts, width).

    Texts of one length go together, so that nothing is padded. The model's mode is kept.

    Raises:
        ModelError: a text is longer than the model reads.
    """
    limit, longest = longest_input(model), max(map(len, texts))
    if limit is not None and longest > limit:
        raise ModelError(f"a text has {longest} tokens, and the model reads {limit}")
    training = model.training
    model.to(device).eval()
    found: list[Tensor] = [torch.empty(0)] * len(texts)
    with reading(model, device):
        for places, ids in equal_lengths(texts, device):
            mask = torch.ones_like(ids)
            hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
            for place, vector in zip(places, pool(hidden, mask, pooling).cpu(), strict=True):
                found[place] = vector
    model.train(training)
    return torch.stack(found)


def save_embedder(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    folder: str | Path,
    *,
    pooling: str,
    max_length: int,
) -> None:
    """Save a model so that Transformers loads it, and sentence-transformers with its pooling too.

    Args:
        max_length: tokens that sentence-transformers cuts a text at.
    """
    save_model(model, tokenizer, folder)
    width = model.config.get_text_config().hidden_size
    kinds = ("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")
    modules = [
        {"idx": k, "name": str(k), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for k, (kind, path) in enumerate(kinds)
    ]
    modes = {name: how == pooling for how, name in POOLINGS.items()}
    _write(folder, "modules.json", modules)
    _write(folder, "1_Pooling/config.json", {"word_embedding_dimension": width, **modes})
    limits = {"max_seq_length": max_length, "do_lower_case": False}
    _write(folder, "sentence_bert_config.json", limits)
    (Path(folder) / "2_Normalize").mkdir(exist_ok=True)


def _write(folder: str | Path, name: str, content: Any) -> None:
    path = Path(folder) / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

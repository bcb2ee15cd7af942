"""Models that give a text one vector: a backbone, and how its hidden states are pooled."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import AutoModel

from ..errors import ModelError
from .features import equal_lengths, reading
from .heads import longest_input
from .load import DTYPES, SOURCE, explained, weights_folder
from .pooling import POOLINGS, pool
from .quiet import silent
from .save import save_model, share

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from ..data import AnchorEncoder

ASIDE = "nivel_pooler"
"""Attribute of a model whose pooler was set aside."""

__all__ = ["embed_all", "load_embedder", "save_embedder"]


def load_embedder(
    path: str, revision: str | None, tokenizer: PreTrainedTokenizerBase, *, dtype: str
) -> Any:
    """Load a causal model or an encoder without its last layer, in evaluation mode.

    Vectors are pooled from hidden states, so a pooler has nothing to do: it is set aside, where no
    method trains it, and saved as it was.

    Raises:
        ModelError: it cannot be loaded, or its tokenizer has nothing to pad with.
    """
    if tokenizer.pad_token_id is None:
        raise ModelError(f"the tokenizer of {path!r} has no token to pad with")
    loader: Any = AutoModel  # untyped in Transformers
    with explained(path), silent():
        model = loader.from_pretrained(
            weights_folder(path),
            revision=revision or "main",
            dtype=DTYPES[dtype],
            use_safetensors=True,
            trust_remote_code=False,
        )
    if getattr(model.config, "is_encoder_decoder", False):
        raise ModelError(
            f"{path!r} has an encoder and a decoder", "name a causal model or an encoder"
        )
    model.config.use_cache = False  # no text is written, so nothing is kept for its next token
    if isinstance(getattr(model, "pooler", None), torch.nn.Module):
        model.__dict__[ASIDE] = [model.pooler]  # in a list, where torch does not look for modules
        model.pooler = None
    setattr(model, SOURCE, (path, revision))
    return model


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
        raise ModelError(
            f"a text has {longest} tokens, and the model reads {limit}",
            "leave out its row, or name a model that reads more",
        )
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


def save_embedder(model: Any, encoder: AnchorEncoder, folder: str | Path, *, pooling: str) -> None:
    """Save a model so that Transformers loads it, and sentence-transformers with its pooling too.

    Args:
        encoder: how texts were encoded: sentence-transformers cuts them at its longest length, and
            `encode_query` and `encode_document` put its prefixes before them.
    """
    encoder.tokenizer.padding_side = "right"  # as it was trained
    with _with_pooler(model):
        save_model(model, encoder.tokenizer, folder)
    width = model.config.get_text_config().hidden_size
    kinds = ("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")
    modules = [
        {"idx": k, "name": str(k), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for k, (kind, path) in enumerate(kinds)
    ]
    modes = {name: how == pooling for how, name in POOLINGS.items()}
    _write(folder, "modules.json", modules)
    _write(folder, "1_Pooling/config.json", {"word_embedding_dimension": width, **modes})
    limits = {"max_seq_length": encoder.max_length, "do_lower_case": False}
    _write(folder, "sentence_bert_config.json", limits)
    prompts = {"query": encoder.query_prefix, "document": encoder.document_prefix}
    said = {"prompts": prompts, "default_prompt_name": None, "similarity_fn_name": "cosine"}
    _write(folder, "config_sentence_transformers.json", said)
    (Path(folder) / "2_Normalize").mkdir(exist_ok=True)
    share(Path(folder))


@contextlib.contextmanager
def _with_pooler(model: Any) -> Iterator[None]:
    """Put a pooler back for as long as a model is saved."""
    base = model.get_base_model() if hasattr(model, "peft_config") else model
    aside = base.__dict__.get(ASIDE)
    if aside is None:
        yield
        return
    base.pooler = aside[0]
    try:
        yield
    finally:
        base.pooler = None


def _write(folder: str | Path, name: str, content: Any) -> None:
    path = Path(folder) / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

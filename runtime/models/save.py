"""Save a trained model so that it loads like any other, and count its parameters."""

import contextlib
import copy
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from .quiet import quiet

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["count_parameters", "save_model"]


def count_parameters(model: nn.Module) -> tuple[int, int]:
    """Return how many parameters the model has, and how many of them are trained.

    Tied weights count once.
    """
    parameters = list(model.parameters())  # each shared tensor appears once
    return (
        sum(p.numel() for p in parameters),
        sum(p.numel() for p in parameters if p.requires_grad),
    )


def save_model(model: Any, tokenizer: "PreTrainedTokenizerBase", folder: str | Path) -> None:
    """Save `model` and `tokenizer` to `folder`, whole or not at all.

    A model with PEFT adapters is left as it is: a copy has them merged and is saved to `folder`,
    and the adapters alone go to `adapter` beside it.

    Args:
        model: a Transformers model or a `PeftModel` around one.
        folder: replaced if it exists.
    """
    folder = Path(folder)
    if hasattr(model, "peft_config"):
        with quiet(), _replacing(folder.parent / "adapter") as temporary:
            model.save_pretrained(temporary)
        model = _merged(model)
    with quiet(), _replacing(folder) as temporary:
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)


def _merged(model: Any) -> "PreTrainedModel":
    """Return a copy on the CPU with adapters merged into dense fp32 weights.

    In bf16 a change smaller than 1/256 of a weight would be rounded away by the merge.
    """
    duplicate = copy.deepcopy(model).to(device="cpu", dtype=torch.float32)
    _untie_adapted(duplicate)
    whole: PreTrainedModel = duplicate.merge_and_unload()
    return whole


def _untie_adapted(model: Any) -> None:
    """Give an adapted embedding or output layer weights of its own.

    Tied weights are one tensor: merging an adapter of one layer would change the other too.
    """
    base = model.get_base_model()
    ends = [base.get_input_embeddings(), base.get_output_embeddings()]
    dense = [getattr(end, "base_layer", end) for end in ends]
    adapted = any(hasattr(end, "base_layer") for end in ends)
    if adapted and dense[1] is not None and dense[0].weight is dense[1].weight:
        dense[1].weight = nn.Parameter(dense[0].weight.detach().clone())
        base.config.tie_word_embeddings = False


@contextlib.contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """Give a temporary folder that takes the place of `folder` once the block succeeds."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        yield temporary
        temporary.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)

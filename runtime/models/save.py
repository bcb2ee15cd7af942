"""Save a trained model so that it loads like any other, and count its parameters."""

import contextlib
import copy
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from .identity import digest
from .load import BASE_FILE, SOURCE, load_model
from .quiet import quiet
from .soft import SoftPrompt

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["count_parameters", "replacing", "save_model", "share"]


def count_parameters(model: nn.Module) -> tuple[int, int]:
    """Return how many parameters the model has, and how many of them are trained.

    Tied weights count once.
    """
    parameters = list(model.parameters())  # each shared tensor appears once
    return (
        sum(p.numel() for p in parameters),
        sum(p.numel() for p in parameters if p.requires_grad),
    )


def save_model(
    model: Any,
    tokenizer: "PreTrainedTokenizerBase",
    folder: str | Path,
    *,
    base: tuple[str, str | None] | None = None,
) -> None:
    """Save `model` and `tokenizer` to `folder`, whole or not at all.

    A model with PEFT adapters is left as it is: a copy has them merged and is saved to `folder`,
    and the adapters alone go to `adapter` beside it. A soft prompt cannot be merged: `folder` then
    holds it alone, with the name of the model that it belongs to, and `load_model` puts it there.
    How the model writes, its generation config, is saved in each case.

    Args:
        model: a Transformers model, a `PeftModel` around one, or a `SoftPrompt`.
        folder: replaced if it exists.
        base: path and revision of a model that was loaded in 4 bits: adapters are merged into the
            weights as they are there.
    """
    folder = Path(folder)
    if isinstance(model, SoftPrompt):
        _save_prompt(model, tokenizer, folder)
        return
    if hasattr(model, "peft_config"):
        with quiet(), replacing(folder.parent / "adapter") as temporary:
            _save_adapter(model, tokenizer, temporary)
        model = _merged(model) if base is None else _merged_anew(folder.parent / "adapter", *base)
    with quiet(), replacing(folder) as temporary:
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)


def _save_adapter(model: Any, tokenizer: "PreTrainedTokenizerBase", folder: Path) -> None:
    """Save what was trained, with its tokenizer and the way that the model writes.

    peft names the base model by where it was loaded from, which is a folder of this machine, and
    writes a card that says nothing; both are of no use to who gets the adapter.
    """
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    source = getattr(model.get_base_model(), SOURCE, None)
    if source is not None:
        path = folder / "adapter_config.json"
        config = json.loads(path.read_text("utf-8"))
        config["base_model_name_or_path"], config["revision"] = source
        path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")
    tokenizer.save_pretrained(folder)
    _save_generation(model, folder)


def _save_generation(model: Any, folder: Path) -> None:
    config = getattr(model.get_base_model(), "generation_config", None)
    if config is not None:
        config.save_pretrained(folder)


def _save_prompt(model: SoftPrompt, tokenizer: "PreTrainedTokenizerBase", folder: Path) -> None:
    path, revision = model.source
    body = {"path": path, "revision": revision, "weights": digest(path, revision)}
    with quiet(), replacing(folder) as temporary:
        _save_adapter(model.peft, tokenizer, temporary)
        (temporary / BASE_FILE).write_text(json.dumps(body, indent=2) + "\n", "utf-8")


def _merged(model: Any) -> "PreTrainedModel":
    """Return a copy on the CPU with adapters merged into dense fp32 weights.

    In bf16 a change smaller than 1/256 of a weight would be rounded away by the merge.
    """
    duplicate = copy.deepcopy(model).to(device="cpu", dtype=torch.float32)
    return _whole(duplicate)


def _merged_anew(adapter: Path, path: str, revision: str | None) -> "PreTrainedModel":
    """Return the model at `path` in fp32 with the saved adapters merged into it."""
    from peft import PeftModel

    dense: Any = load_model(path, revision, dtype="fp32")
    return _whole(PeftModel.from_pretrained(dense, str(adapter)))


def _whole(model: Any) -> "PreTrainedModel":
    _untie_adapted(model)
    whole: Any = model.merge_and_unload()
    ends = [whole.get_input_embeddings(), whole.get_output_embeddings()]
    if None not in ends and ends[0].weight is not ends[1].weight:
        # one of two tied layers was trained by itself: loading must not tie them again
        whole.config.tie_word_embeddings = False
    merged: PreTrainedModel = whole
    return merged


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
def replacing(folder: Path) -> Iterator[Path]:
    """Give a temporary folder that takes the place of `folder` once the block succeeds."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        yield temporary
        share(temporary)
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def share(folder: Path) -> None:
    """Let others read a folder and its files: weights and temporary folders are made private."""
    folder.chmod(0o755)
    for one in folder.rglob("*"):
        one.chmod(0o755 if one.is_dir() else 0o644)

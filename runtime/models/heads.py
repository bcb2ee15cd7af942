"""Models with a new head: a pretrained backbone under the classes that Transformers loads plainly.

The head is the architecture's own: of a causal model a linear layer on the last token, of BERT its
pooler and a linear layer on the first one, and so on. What is saved is thus an ordinary
`AutoModelForSequenceClassification` or `AutoModelForTokenClassification`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)

from ..errors import ModelError
from .load import DTYPES, SOURCE, explained, weights_folder
from .quiet import silent

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["head_modules", "load_headed", "longest_input"]

_KINDS: dict[str, Any] = {
    "classify": AutoModelForSequenceClassification,
    "regress": AutoModelForSequenceClassification,
    "reward": AutoModelForSequenceClassification,
    "tag": AutoModelForTokenClassification,
}
_DROPOUTS = ("classifier_dropout", "seq_classif_dropout", "summary_last_dropout")
"""What architectures call the share of features that is dropped before the last layer."""


def load_headed(
    path: str,
    revision: str | None,
    tokenizer: PreTrainedTokenizerBase,
    *,
    task: str,
    labels: Sequence[str] = (),
    dtype: str,
    dropout: float | None = None,
    device: str = "cpu",
) -> Any:
    """Load a pretrained model with a head for `task`, in evaluation mode.

    The head's weights are drawn from torch's generator, so set its seed before, and they are fp32
    whatever the backbone is. A model that has a head of the same labels already keeps it.

    Args:
        path, revision: as for `load_model`; causal models and encoders alike.
        task: `classify`, `regress` (one number), `reward` (another) or `tag` (a label for each
            word).
        labels: in the order of the outputs; none for `regress` and `reward`.
        dtype: of the backbone, `fp32` or `bf16`.
        dropout: share of the head's inputs dropped in training; None leaves the model's own.

    Raises:
        ModelError: it cannot be loaded, has no such head, or one of other labels.
    """
    folder, source = weights_folder(path), revision or "main"
    names = list(labels) or ["reward" if task == "reward" else "value"]
    with explained(path), silent():
        config: Any = AutoConfig.from_pretrained(folder, revision=source, trust_remote_code=False)
        _refuse_other_head(config, path, task, names)
        _settle(config, task, names, dropout)
        model, found = _KINDS[task].from_pretrained(
            folder,
            config=config,
            revision=source,
            dtype=DTYPES[dtype],
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    _refuse_missing(model, path, found["missing_keys"])
    _agree_on_padding(model, path, tokenizer)
    for name in head_modules(model):
        model.get_submodule(name).float()
    setattr(model, SOURCE, (path, revision))
    return model.to(torch.device(device))


def head_modules(model: Any) -> list[str]:
    """Return the names of the modules that are the head: all with weights beside the backbone.

    A pooler is part of it: it reads one position, and was learned for another task if at all.
    """
    prefix = model.base_model_prefix
    found = [
        name
        for name, child in model.named_children()
        if name != prefix and any(True for _ in child.parameters())
    ]
    pooler = getattr(getattr(model, prefix), "pooler", None)
    return [*found, f"{prefix}.pooler"] if isinstance(pooler, nn.Module) else found


def longest_input(model: Any) -> int | None:
    """Return how many tokens the model reads at most; None where there is no limit."""
    config = model.config.get_text_config()
    limit = getattr(config, "max_position_embeddings", None)
    if limit is not None and config.model_type in ("roberta", "xlm-roberta", "camembert"):
        limit -= config.pad_token_id + 1  # their positions begin after that of padding
    return limit


def _settle(config: Any, task: str, names: list[str], dropout: float | None) -> None:
    config.id2label = dict(enumerate(names))  # num_labels follows
    config.label2id = {name: place for place, name in enumerate(names)}
    config.problem_type = "regression" if task == "regress" else None
    if task == "classify":
        config.problem_type = "single_label_classification"
    if dropout is not None:
        known = [name for name in _DROPOUTS if hasattr(config, name)]
        if not known and task != "tag":
            raise ModelError(
                f"the head of a {config.model_type} model has no dropout", "leave out head.dropout"
            )
        for name in known or _DROPOUTS[:1]:
            setattr(config, name, dropout)


def _agree_on_padding(model: Any, path: str, tokenizer: PreTrainedTokenizerBase) -> None:
    """Give a causal model the tokenizer's padding: its head reads the last token that is none."""
    text = model.config.get_text_config()
    if hasattr(model, "score") or text.pad_token_id is None:
        text.pad_token_id = model.config.pad_token_id = tokenizer.pad_token_id
    if text.pad_token_id is None:
        raise ModelError(f"the tokenizer of {path!r} has no token to pad with")


def _refuse_other_head(config: Any, path: str, task: str, names: list[str]) -> None:
    """Refuse a head that was trained for other labels: its rows would get other names."""
    trained = (getattr(config, "architectures", None) or [""])[0]
    wanted = "ForTokenClassification" if task == "tag" else "ForSequenceClassification"
    if not trained.endswith(wanted):
        return
    known = [config.id2label[place] for place in sorted(config.id2label)]
    if known != names:
        raise ModelError(
            f"{path!r} has a head for {', '.join(known[:8])}, in this order",
            "give task.labels as they are there, or start from the model without a head",
        )


def _refuse_missing(model: Any, path: str, missing: Sequence[str]) -> None:
    """Hold the backbone to the weights that were saved: only a head may be new."""
    heads = tuple(f"{name}." for name in head_modules(model))
    lost = sorted(name for name in missing if not name.startswith(heads))
    if lost:
        raise ModelError(
            f"model {path!r} lacks {len(lost)} weights of its backbone, such as {lost[0]}",
            "name a folder that holds the whole model",
        )

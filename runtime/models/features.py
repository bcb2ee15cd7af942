"""Features of a frozen backbone: computed once, and read by the head in place of the backbone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutputWithPoolingAndCrossAttentions

from ..errors import ModelError
from ..records import Progress
from .freezing import freeze_backbone
from .quiet import silent

__all__ = ["Backbone", "equal_lengths", "reading"]

AT_ONCE = 16
"""Rows that go through the backbone at once; all of one length, so that nothing is padded."""


class Encoded(Protocol):
    """Rows of token ids; `places` are those of each row's labelled tokens, empty without any."""

    @property
    def input_ids(self) -> Sequence[Sequence[int]]: ...

    @property
    def places(self) -> Sequence[Sequence[int]]: ...


class Backbone:
    """The frozen part of a model with a head, taken out of it so that the head reads features.

    Until `put_back`, the model takes `inputs_embeds` of shape (rows, labels, width): what
    :meth:`features` returned. Its head then gives what the whole model would have given.
    `tokens_read` counts the tokens that went through it.
    """

    def __init__(self, model: Any, device: str = "cpu") -> None:
        freeze_backbone(model)
        if device == "cuda":  # each process has a GPU; torchrun and Lightning number them
            device = f"cuda:{os.environ.get('LOCAL_RANK', 0)}"
        self._model, self._prefix, self._device = model, model.base_model_prefix, device
        self._whole: Any = getattr(model, self._prefix)
        self.tokens_read = 0
        self._stand_in = _StandIn(getattr(self._whole, "pooler", None))

    @torch.no_grad()
    def features(self, rows: Encoded) -> list[Tensor]:
        """Return what the head reads of each row, fp32 on the CPU, (labels, width).

        The backbone is in evaluation mode, so nothing is dropped.

        Raises:
            ModelError: the head reads more than one position of a row for each label.
        """
        model = self._model
        setattr(model, self._prefix, self._whole)
        training = model.training
        model.to(self._device).eval()
        found: list[Tensor | None] = [None] * len(rows.input_ids)
        progress = Progress("features", len(found), "rows")
        done = 0
        with reading(model, self._device):
            for places, ids in equal_lengths(rows.input_ids, self._device):
                seen = torch.ones_like(ids)
                hidden = self._whole(input_ids=ids, attention_mask=seen).last_hidden_state
                for place, row, own in zip(places, ids, hidden, strict=True):
                    found[place] = self._read(row, own, rows.places[place]).float().cpu()
                if not done:
                    self._check(ids[:1], found[places[0]], rows.places[places[0]])
                done += len(places)
                self.tokens_read += ids.numel()
                progress.update(done)
        progress.close()
        setattr(model, self._prefix, self._stand_in)
        model.train(training)
        return [one for one in found if one is not None]

    def put_back(self) -> None:
        """Make the model whole again."""
        setattr(self._model, self._prefix, self._whole)

    def _read(self, ids: Tensor, hidden: Tensor, places: Sequence[int]) -> Tensor:
        """Return the hidden states that Transformers' head for this architecture reads."""
        config = self._model.config
        if places:
            return hidden[list(places)]
        if hasattr(self._model, "score"):  # causal: the last token that is not padding
            real = (ids != config.get_text_config().pad_token_id).nonzero()
            return hidden[int(real[-1]) if len(real) else 0][None]
        if getattr(config, "classifier_pooling", "cls") == "mean":
            return hidden.mean(0, keepdim=True)
        return hidden[:1]

    def _check(self, ids: Tensor, features: Tensor | None, places: Sequence[int]) -> None:
        """Hold the head to the same outputs, from features and from the whole model."""
        assert features is not None
        whole = self._model(input_ids=ids).logits[0].float()
        setattr(self._model, self._prefix, self._stand_in)
        with silent():
            again = self._model(inputs_embeds=features[None].to(ids.device)).logits[0].float()
        setattr(self._model, self._prefix, self._whole)
        wanted = whole[list(places)] if places else whole
        if not torch.allclose(wanted, again, rtol=1e-2, atol=1e-2):
            kind = self._model.config.model_type
            raise ModelError(
                f"the head of a {kind} model reads more than one position of a row",
                "train it with method.type freeze, lora or full",
            )


class _StandIn(nn.Module):
    """Gives the head its features back as if a backbone had computed them."""

    def __init__(self, pooler: nn.Module | None) -> None:
        super().__init__()
        self.pooler = pooler  # trained with the head, under the name that it has in the model

    def forward(
        self, input_ids: Tensor | None = None, *, inputs_embeds: Tensor, **rest: Any
    ) -> BaseModelOutputWithPoolingAndCrossAttentions:
        pooled: Any = self.pooler(inputs_embeds) if self.pooler is not None else None
        hidden: Any = inputs_embeds
        return BaseModelOutputWithPoolingAndCrossAttentions(
            last_hidden_state=hidden, pooler_output=pooled
        )


def equal_lengths(
    input_ids: Sequence[Sequence[int]], device: str, at_once: int = AT_ONCE
) -> Iterator[tuple[list[int], Tensor]]:
    """Yield the places of rows of one length, and their ids as a tensor, until all were there."""
    order = sorted(range(len(input_ids)), key=lambda place: len(input_ids[place]))
    while order:
        length = len(input_ids[order[0]])
        places = [place for place in order[:at_once] if len(input_ids[place]) == length]
        order = order[len(places) :]
        yield places, torch.tensor([input_ids[place] for place in places], device=device)


def reading(model: nn.Module, device: str) -> Any:
    """Return a context in which a bf16 backbone and an fp32 head fit each other."""
    short = any(parameter.dtype == torch.bfloat16 for parameter in model.parameters())
    return torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=short)

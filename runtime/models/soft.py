"""Soft prompts: learned positions in front of the text, in front of a model that stays as it is.

peft holds what is learned (prompt tuning, prefix tuning, P-tuning). Its own forward puts the
learned positions before the padding of a batch and drops `position_ids`, so that what a row sees
depends on the length of its neighbours. Here they are turned into keys and values once a call and
given to the model as its past, so that every row sees them at positions 0 .. n - 1 and its own
tokens from n on, padded or not, in training, scoring and generation alike.
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from transformers import DynamicCache

from ..errors import ModelError

__all__ = ["SoftPrompt", "add_soft_prompt"]


class SoftPrompt(nn.Module):
    """A causal language model whose every sequence begins with learned positions.

    It is called as the model itself; masks, positions and lengths are those of real tokens. A
    cache that it returned holds the learned positions too, and can be given back.

    Attributes:
        peft: the `PeftModel` that holds what is learned and the frozen model.
        virtual_tokens: how many positions are learned.
        config: the model's, with the positions that are left for real tokens.
        finished: it was loaded to be asked, and cannot be trained any more.
    """

    def __init__(self, peft: Any, *, finished: bool = False) -> None:
        super().__init__()
        self.peft, self.finished = peft, finished
        self.virtual_tokens = int(peft.active_peft_config.num_virtual_tokens)
        base = peft.get_base_model()
        self.config: Any = copy.copy(base.config)
        limit = getattr(base.config, "max_position_embeddings", None)
        if limit is not None:
            self.config.max_position_embeddings = limit - self.virtual_tokens

    @property
    def source(self) -> tuple[str, str | None]:
        """Path and revision of the model."""
        config = self.peft.active_peft_config
        return config.base_model_name_or_path, config.revision

    def train(self, mode: bool = True) -> "SoftPrompt":
        if mode and self.finished:
            raise ModelError(
                "a model with a soft prompt cannot be tuned further",
                f"start from {self.source[0]!r}, or tune that with another method",
            )
        return super().train(mode)

    @property
    def peft_config(self) -> Any:
        return self.peft.peft_config

    @property
    def generation_config(self) -> Any:
        return self.get_base_model().generation_config

    @property
    def device(self) -> torch.device:
        found: torch.device = next(self.peft.parameters()).device
        return found

    @property
    def dtype(self) -> torch.dtype:
        return self.get_base_model().dtype  # type: ignore[no-any-return]

    def get_base_model(self) -> Any:
        return self.peft.get_base_model()

    def get_input_embeddings(self) -> Any:
        return self.get_base_model().get_input_embeddings()

    def get_output_embeddings(self) -> Any:
        return self.get_base_model().get_output_embeddings()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        **more: Any,
    ) -> Any:
        """Call the model; a cache that holds nothing yet gets the learned positions first."""
        if past_key_values is None:
            past_key_values = DynamicCache()
        if past_key_values.get_seq_length() == 0:
            self._begin(past_key_values, len(input_ids))
        if attention_mask is not None:
            attention_mask = self._longer(attention_mask)
        if position_ids is not None:
            position_ids = position_ids + self.virtual_tokens
        return self.get_base_model()(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            **more,
        )

    def _longer(self, mask: Tensor) -> Tensor:
        """Let every query of a mask, (rows, keys) or (rows, 1, queries, keys), see the prompt."""
        seen = 0 if mask.is_floating_point() else 1  # a float mask is added to the scores
        front = mask.new_full((*mask.shape[:-1], self.virtual_tokens), seen)
        return torch.cat([front, mask], dim=-1)

    def _begin(self, cache: Any, rows: int) -> None:
        """Write the keys and values of the learned positions into an empty cache."""
        learned = self.peft.get_prompt(1)
        if not hasattr(learned, "layers"):  # embeddings: the model makes keys and values of them
            trunk = self.get_base_model().base_model  # no logits are needed
            embeddings = learned.to(self.get_input_embeddings().weight.dtype)
            found = trunk(inputs_embeds=embeddings, use_cache=True)
            learned = found.past_key_values
        for index, layer in enumerate(learned.layers):
            keys, values = (
                each.expand(rows, *each.shape[1:]) for each in (layer.keys, layer.values)
            )
            cache.update(keys, values, index)


def add_soft_prompt(model: Any, config: Any, path: str, revision: str | None) -> SoftPrompt:
    """Freeze `model` and put learned positions in front of it.

    Args:
        config: peft's `PromptTuningConfig`, `PrefixTuningConfig` or `PromptEncoderConfig`.
        path: where the model comes from, as `load_model` takes it: what is saved names it.
        revision: of the hub, as there.

    Raises:
        ModelError: when the model keeps more of its past than keys and values, or is too short.
    """
    from peft import get_peft_model

    from ..evaluation.prefix import can_reuse_prefix

    limit = getattr(model.config, "max_position_embeddings", None)
    if limit is not None and config.num_virtual_tokens >= limit:
        raise ModelError(
            f"the model reads {limit} positions, and {config.num_virtual_tokens} are to be learned",
            "lower method.num_virtual_tokens",
        )
    if not can_reuse_prefix(model):
        raise ModelError(
            f"{type(model).__name__} keeps more of its past than keys and values, "
            "so nothing can be put in front of its text",
            "use another method, such as lora",
        )
    wrapped = get_peft_model(model, config)
    wrapped.active_peft_config.base_model_name_or_path = path
    wrapped.active_peft_config.revision = revision
    return SoftPrompt(wrapped)

"""Several rows in one sequence, each of which sees itself alone.

A padded micro-batch computes its padding too; rows joined into one sequence have none. Attention
then has to know where a row ends. How it is told depends on the device, and this file is the one
place that chooses:

- CPU: attention is taken row by row, each causal by itself, with torch's own kernel. A mask over
  the whole sequence would cost its square: measured 4 to 20 times as long for rows of 50 tokens.
- GPU with the package `flash-attn`: Transformers' variable-length attention, told by positions
  that begin again at 0.
- GPU without it: FlexAttention, told in the same way.

Both ways on a GPU are Transformers' own and were not run here; the check below runs on the device
before the first step, and refuses a model whose rows are seen to mix.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from ..errors import ModelError
from ..models.quiet import quiet
from .batches import join
from .head import resting, watching

ROW_BY_ROW = "nivel_rows"
"""Name of the attention of this file among those of Transformers."""

CLOSE = {torch.float32: 1e-4, torch.bfloat16: 5e-2}
"""Largest relative difference between a row alone and the row among others; mixed rows are off by
a tenth and more."""


def as_mask(model: Any, documents: Tensor) -> dict[str, Tensor]:
    """Return what tells the model's attention which row each token is of.

    Args:
        documents: number of the row of every token, (1, length).
    """
    if _config(model)._attn_implementation != ROW_BY_ROW:
        return {}  # positions say it
    # Transformers hands four dimensions to every layer as they are
    return {"attention_mask": documents[:, None, None, :]}


def _row_by_row(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    sliding_window: int | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """Attention in the form that Transformers calls; heads are (rows, heads, length, width)."""
    if attention_mask is None or attention_mask.dtype != torch.long:  # no joined rows
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    _, counts = torch.unique_consecutive(attention_mask, return_counts=True)
    sizes = counts.tolist()
    heads = [torch.split(each, sizes, 2) for each in (query, key, value)]
    found = []
    for one, other, third in zip(*heads, strict=True):
        seen = _window(one, sliding_window)
        found.append(sdpa_attention_forward(module, one, other, third, seen, **options)[0])
    return torch.cat(found, 1), None


def _window(query: Tensor, width: int | None) -> Tensor | None:
    """The mask of a row that is longer than what a token looks back on; None where it is not."""
    length = query.shape[2]
    if width is None or length <= width:
        return None
    place = torch.arange(length, device=query.device)
    back = place[:, None] - place[None, :]
    return ((back >= 0) & (back < width))[None, None]


AttentionInterface.register(ROW_BY_ROW, _row_by_row)
AttentionMaskInterface.register(ROW_BY_ROW, sdpa_mask)


class JoinedRows(Callback):
    """Has a model keep rows apart that share a sequence, for as long as it is trained."""

    def __init__(self) -> None:
        self._before: str | None = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        model: Any = pl_module.model
        self._before = _config(model)._attn_implementation
        with trainer.precision_plugin.val_step_context():
            keep_apart(model, trainer.strategy.root_device.type)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._before is not None:
            _use(pl_module.model, self._before)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        self.on_fit_end(trainer, pl_module)


def keep_apart(model: Any, device: str) -> None:
    """Choose the attention that keeps joined rows apart, and see that it does.

    What the model itself has is tried last: some models take no other, and know positions that
    begin again.

    Raises:
        ModelError: the model lets rows see each other whatever the attention.
    """
    reason = ""
    for attention in (attention_for(device), _config(model)._attn_implementation):
        try:
            _use(model, attention)
            off = _mixing(model)
        except (ValueError, RuntimeError, ImportError, TypeError, AttributeError) as error:
            reason = str(error).strip().partition("\n")[0]
            continue
        if off < CLOSE.get(_base(model).dtype, 5e-2):
            return
        reason = f"they change by {off:.0%}"
    raise ModelError(
        f"{type(_base(model)).__name__} lets rows that share a sequence see each other: {reason}",
        "leave out train.packing or train.document_mask",
    )


@contextmanager
def kept_apart(model: Any, device: str) -> Iterator[None]:
    """Keep joined rows apart inside the block; raises as `keep_apart` does."""
    before = _config(model)._attn_implementation
    try:
        keep_apart(model, device)
        yield
    finally:
        _use(model, before)


def attention_for(device: str) -> str:
    """Return Transformers' name of the attention that keeps rows apart on a kind of device."""
    if device != "cuda":
        return ROW_BY_ROW
    return "flash_attention_2" if find_spec("flash_attn") else "flex_attention"


def _use(model: Any, attention: str) -> None:
    with quiet():
        _base(model).set_attn_implementation(attention)


def _mixing(model: Any) -> float:
    """How far two joined rows are from what each is by itself, as a share of their size."""
    first, second = torch.arange(0, 6), torch.arange(5, 13)
    joined = _states(model, [first, second]).float()
    alone = torch.cat([_states(model, [first]), _states(model, [second])], 1).float()
    return float((joined - alone).norm() / alone.norm())


def _states(model: Any, rows: list[Tensor]) -> Tensor:
    """Return the last hidden states of joined rows, (1, length, width)."""
    caught: list[Tensor] = []

    def catch(hidden: Tensor) -> Tensor:
        caught.append(hidden)
        return hidden[:, :1]

    device = next(model.parameters()).device
    batch = join(rows)
    inputs = {name: batch[name].to(device) for name in ("input_ids", "position_ids")}
    inputs |= as_mask(model, batch["documents"].to(device))
    with resting(model), watching(model.get_output_embeddings(), catch):
        model(**inputs, use_cache=False)
    return caught[0]


def _base(model: Any) -> Any:
    """Return the model of Transformers inside an adapter."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _config(model: Any) -> Any:
    return _base(model).config

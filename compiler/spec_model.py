"""A model that is built from nothing, typed."""

from __future__ import annotations

from dataclasses import dataclass

from .experts import ExpertsSpec


@dataclass(frozen=True, slots=True)
class InitializationSpec:
    """How weights are drawn: normal, of deviation ``std``.

    With ``scale_residuals`` those of matrices that write to the residual stream are drawn
    sqrt(2 x blocks) narrower.
    """

    std: float
    scale_residuals: bool


@dataclass(frozen=True, slots=True)
class ArchitectureSpec:
    """The sizes of a model that is built from nothing, named as in its ``config.json``.

    ``rope_theta`` and ``initialization`` are None where the family's own are taken. With
    ``experts`` the ``intermediate_size`` is the width of one of them.
    """

    architecture: str
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    intermediate_size: int
    max_position_embeddings: int
    tie_word_embeddings: bool
    head_dim: int
    rope_theta: float | None = None
    initialization: InitializationSpec | None = None
    experts: ExpertsSpec | None = None

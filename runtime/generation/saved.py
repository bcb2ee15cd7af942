"""How a tuned model writes, put down where other programs read it: its generation config.

nivel itself takes nothing from there but the tokens that end an answer (`settings.py`); this is
for Transformers, and for whoever gets the weights.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..prompting.types import Generation
from .settings import Settings, settle

__all__ = ["write_generation"]


def write_generation(config: Any, ends: Iterable[int], generation: Generation) -> None:
    """Write into a Transformers `GenerationConfig` how the spec has answers written.

    Args:
        config: changed in place; what it said of sampling before is gone.
        ends: ids of tokens that end an answer, added to those that it names already.
        generation: as in the spec. Transformers has no penalties of presence and frequency, so
            that these are left out.
    """
    known = config.eos_token_id
    before = known if isinstance(known, list) else [] if known is None else [known]
    config.eos_token_id = list(dict.fromkeys([*before, *sorted(ends)]))
    settings = settle(generation)
    for name, value in _sampling(settings).items():
        setattr(config, name, value)
    config.max_new_tokens = settings.max_tokens
    config.max_length = None
    config.repetition_penalty = settings.repetition_penalty
    # `generate` needs the tokenizer to look for texts, and says so
    config.stop_strings = list(settings.stop) or None


def _sampling(settings: Settings) -> dict[str, Any]:
    """Return what says which token is taken; a greedy config may not speak of drawing."""
    if settings.temperature == 0:
        return {**dict.fromkeys(("temperature", "top_p", "top_k", "min_p")), "do_sample": False}
    return {
        "do_sample": True,
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "top_k": settings.top_k,
        "min_p": settings.min_p or None,
    }

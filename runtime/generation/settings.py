"""How a local model writes an answer, with nothing left open.

A model's own `generation_config.json` may switch sampling on or add penalties, so that the same
spec would ask for another experiment from another checkpoint. Nothing is taken from there but the
tokens that end an answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import DataError
from ..prompting.types import Generation

__all__ = ["DEFAULTS", "Settings", "settle"]


@dataclass(frozen=True, slots=True)
class Settings:
    """Every parameter of writing an answer; the defaults are those of a local model.

    Attributes:
        temperature: 0 takes the likeliest token, of equals the one with the lowest id.
        max_tokens: longest answer, in tokens, its end included.
        top_p: draw from the likeliest tokens that together reach this share; 1 is all.
        top_k: draw from so many of the likeliest tokens; 0 is all.
        min_p: draw from tokens at least this share as likely as the likeliest; 0 is all.
        stop: texts that end an answer and are no part of it.
        seed: of the drawing.
        presence_penalty: taken from the logit of a token that the answer holds (as OpenAI's).
        frequency_penalty: taken once for each time that it holds it (as OpenAI's).
        repetition_penalty: divides the positive and multiplies the negative logits of tokens in
            prompt or answer (Keskar et al., "CTRL", 2019; as Transformers').
    """

    temperature: float = 0.0
    max_tokens: int = 256
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    stop: tuple[str, ...] = ()
    seed: int = 0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0

    @property
    def penalises(self) -> bool:
        added = self.presence_penalty != 0.0 or self.frequency_penalty != 0.0
        return added or self.repetition_penalty != 1.0


DEFAULTS = Settings()


def settle(asked: Generation) -> Settings:
    """Return `asked` with a local model's defaults where it says nothing.

    Raises:
        DataError: a value is out of range, or asks for what a local model does not have.
    """
    if asked.reasoning_effort is not None:
        raise DataError(
            "a local model has no generation.reasoning_effort",
            "leave it out, or ask for it in the prompt",
        )
    given = {
        name: value
        for name in Settings.__dataclass_fields__
        if (value := getattr(asked, name)) is not None
    }
    settings = Settings(**given)
    _check(settings)
    return settings


def _check(settings: Settings) -> None:
    wrong = {
        "temperature must be 0 or more": not 0.0 <= settings.temperature < float("inf"),
        "max_tokens must be at least 1": settings.max_tokens < 1,
        "top_p must be above 0 and at most 1": not 0.0 < settings.top_p <= 1.0,
        "top_k must be 0 (all) or more": settings.top_k < 0,
        "min_p must be from 0 to 1": not 0.0 <= settings.min_p <= 1.0,
        "repetition_penalty must be above 0": not 0.0 < settings.repetition_penalty < float("inf"),
        "stop must hold no empty text": "" in settings.stop,
    }
    for message, is_wrong in wrong.items():
        if is_wrong:
            raise DataError(f"generation.{message}")

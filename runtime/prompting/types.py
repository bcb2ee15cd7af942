"""What prompting passes around: how to write an answer, which answer, and the answer itself.

A `Cell` is one answer that is wanted: one row, asked of one model, in one way, one time. Its id
names everything that shapes the answer, so that an answer found under that id is the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

__all__ = ["JSON", "Answer", "Backend", "Cell", "Generation", "Message", "announce"]

# Any JSON value.
JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"
Message: TypeAlias = Mapping[str, str]  # {"role": ..., "content": ...}


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """How an answer is written. None means that the spec does not say.

    An endpoint is not sent what is not said; a local model has a stated default for it.

    Attributes:
        temperature: 0 takes the likeliest token.
        max_tokens: longest answer, in tokens.
        top_p, top_k, min_p: which tokens may be drawn.
        stop: texts that end an answer and are no part of it.
        seed: of the drawing; kept by local models, at best an effort of endpoints.
        presence_penalty, frequency_penalty, repetition_penalty: against repetition.
        reasoning_effort: of models that think first.
    """

    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repetition_penalty: float | None = None
    reasoning_effort: str | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """One answer that is wanted.

    Attributes:
        id: 32 hex digits of a sha256 over everything that shapes the answer.
        row: id of the row that is asked about.
        model: name of the backend in the matrix.
        variant: name of the way of asking.
        repeat: which of several answers to the same question, from 0.
        messages: of a chat; empty where `text` is given.
        text: that the model continues; None for a chat.
        generation: how the answer is written.
        schema: JSON Schema that the answer must satisfy, or None.
        examples: ids of the solved rows that are shown.
    """

    id: str
    row: str
    model: str
    variant: str
    repeat: int
    messages: tuple[Message, ...]
    text: str | None
    generation: Generation
    schema: Mapping[str, JSON] | None
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a cell. None stands for what is not known; it is never 0.

    Attributes:
        cell: id of the cell.
        text: the answer.
        finish: why it ended: `stop`, `length`, `content_filter`, or the backend's own word.
        input_tokens, output_tokens: of the call; output includes reasoning.
        cached_tokens: how many of the input tokens the backend had kept.
        reasoning_tokens: how many of the output tokens were thought, not said.
        seconds: from sending to the whole answer, of the attempt that gave it; None where nobody
            measured it, as in a batch.
        error: kind and message, `kind: message`; None for a good answer.
        usd: dollars of this answer; None where the price is not known.
        served_model: the name that the backend itself gave.
        fingerprint: the backend's mark of its configuration.
        logprob: summed log-probability of the output tokens, nats, as the model itself gives them:
            before temperature, penalties and masks.
        attempts: how often the cell was sent for this, the last time included.
        lost: how many of these were perhaps paid and gave no whole answer; their price is in no
            sum, and no sum that they belong to is called known.
    """

    cell: str
    text: str | None
    finish: str | None
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    reasoning_tokens: int | None
    seconds: float | None
    error: str | None
    usd: float | None
    served_model: str | None = None
    fingerprint: str | None = None
    logprob: float | None = None
    attempts: int = 1
    lost: int = 0


class Backend(Protocol):
    """Whatever answers cells: a model in this process, an endpoint, a file of answers."""

    name: str

    def identity(self) -> dict[str, JSON]:
        """Return everything of the backend that shapes an answer; it goes into the cells' ids."""
        ...

    def answer(
        self,
        cells: Sequence[Cell],
        intent: Callable[[Cell], None],
        done: Callable[[Cell, Answer], None],
        stop: Callable[[], bool],
    ) -> None:
        """Answer the cells in any order.

        Args:
            cells: what to answer; each has this backend's name as its `model`.
            intent: called right before a cell is sent; returns once that is on the disk.
            done: called once per cell that was sent, with its answer or its error.
            stop: asked before each cell is sent; True leaves the rest unanswered.
        """
        ...


def announce(intent: Callable[[Cell], None], cells: Sequence[Cell]) -> None:
    """Call `intent` for several cells, at once where it can put them on the disk together."""
    many: Callable[[Sequence[Cell]], None] | None = getattr(intent, "many", None)
    if many is not None:
        many(cells)
        return
    for cell in cells:
        intent(cell)

"""A local model as a backend that chooses: its answer is the likeliest of given texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import final

from ..data import Prompt
from ..errors import DataError
from ..evaluation.likelihood import distinct_tokens, label_lengths
from ..evaluation.prefix import score_labels
from ..prompting.types import JSON, Answer, Cell
from .local import LocalModel

__all__ = ["LocalChooser"]


@final
class LocalChooser:
    """Answers a cell with the one of `choices` that the model finds likeliest after the prompt.

    Nothing is written, so that an answer is always a choice, and always the same one.

    Args:
        model: what is asked.
        choices: the answers to choose from; ties go to the first.
        scoring: `sum`, `per-token` or `per-byte`, as for the labels of a classification.
    """

    def __init__(self, model: LocalModel, choices: Sequence[str], scoring: str = "sum") -> None:
        self._model, self._choices, self._scoring = model, tuple(choices), scoring
        self.name = model.name

    def identity(self) -> dict[str, JSON]:
        """Return what shapes an answer: the weights, the choices and how they are ranked."""
        known = self._model.identity()
        return {
            "kind": "local-choice",
            "weights": known["weights"],
            "dtype": known["dtype"],
            "choices": list(self._choices),
            "scoring": self._scoring,
        }

    def answer(
        self,
        cells: Sequence[Cell],
        intent: Callable[[Cell], None],
        done: Callable[[Cell, Answer], None],
        stop: Callable[[], bool],
    ) -> None:
        """Answer the cells in batches; see `prompting.Backend`.

        Raises:
            DataError: a prompt is empty or too long, or two choices are the same tokens.
        """
        endings = self._endings(cells)
        prompts = {cell.id: self._model.encode(cell) for cell in cells}
        self._check_lengths(cells, prompts, max(map(len, endings)))
        size = self._model.batch_size
        for start in range(0, len(cells), size):
            batch = []
            for cell in cells[start : start + size]:
                if stop():
                    break
                intent(cell)
                batch.append(cell)
            if not batch:
                return
            self._choose(batch, [prompts[cell.id] for cell in batch], endings, done)

    def _choose(
        self,
        batch: Sequence[Cell],
        prompts: Sequence[list[int]],
        endings: Sequence[list[int]],
        done: Callable[[Cell, Answer], None],
    ) -> None:
        began = monotonic()
        summed = score_labels(self._model.model, prompts, endings, batch_size=len(batch))
        lengths = label_lengths(self._scoring, self._choices, endings)
        best = (summed / summed.new_tensor(lengths)).argmax(dim=1).tolist()
        seconds = (monotonic() - began) / len(batch)
        for place, (cell, choice) in enumerate(zip(batch, best, strict=True)):
            answer = Answer(
                cell=cell.id, text=self._choices[choice], finish="stop",
                input_tokens=len(prompts[place]), output_tokens=0, cached_tokens=None,
                reasoning_tokens=None, seconds=seconds, error=None, usd=None,
                logprob=float(summed[place, choice]),
            )  # fmt: skip
            done(cell, answer)

    def _endings(self, cells: Sequence[Cell]) -> list[list[int]]:
        format = "plain" if cells[0].text is not None else "chat"
        found = Prompt("", self._choices, format).label_ids(self._model.tokenizer)
        return distinct_tokens(found, self._choices)

    def _check_lengths(
        self, cells: Sequence[Cell], prompts: dict[str, list[int]], longest: int
    ) -> None:
        limit = getattr(self._model.model.config, "max_position_embeddings", None)
        for cell in cells:
            length = len(prompts[cell.id])
            if not length or (limit is not None and length + longest - 1 > limit):
                what = "is empty" if not length else f"has {length} tokens and a choice {longest}"
                raise DataError(
                    f"the prompt of {self.name} about {cell.row} {what}; the model reads 1 to "
                    f"{limit}", "shorten or mend evaluate.judge.input",
                )  # fmt: skip

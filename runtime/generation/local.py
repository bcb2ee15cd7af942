"""A local model as a backend: it answers cells in this process, in batches."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any

import torch

from ..data.json_schema import why_invalid
from ..data.prompt import encode_chat, encode_text
from ..errors import DataError, ModelError
from ..models import load_model, load_tokenizer
from ..models.identity import digest
from ..prompting.types import JSON, Answer, Cell
from .constrain import FORM, Constraint, Grammar
from .decode import Task, Written, stream, write
from .settings import DEFAULTS, Settings, settle

__all__ = ["LocalModel"]


class LocalModel:
    """A causal language model in this process.

    Every parameter of generation has a stated default (`generation.settings`): greedy, at most
    256 tokens, no penalties. Greedy answers are those that Transformers' `generate` gives one by
    one; sampled ones depend on (seed, cell) and not on the batch. Both hold up to rounding, which
    fp32 keeps near 1e-6 and bf16 near 1e-2 of a logit.

    Args:
        name: the model's name in the matrix.
        path: `org/name`, `./folder`, `pkg:PACKAGE/FILE.gguf` or `run:NAME`.
        revision: commit, tag or branch, for the hub.
        dtype: of the weights, `fp32` or `bf16`.
        device: a torch device.
        batch_size: answers in work at once, at most.
    """

    def __init__(
        self,
        name: str,
        path: str,
        revision: str | None = None,
        *,
        dtype: str = "fp32",
        device: str = "cpu",
        batch_size: int = 16,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, not {batch_size}")
        self.name, self.path, self.revision = name, path, revision
        self.dtype, self.device, self.batch_size = dtype, device, batch_size

    @classmethod
    def around(cls, name: str, model: Any, tokenizer: Any, *, batch_size: int = 16) -> LocalModel:
        """Return a backend around a model that is loaded already, such as one just trained.

        Its identity is a sha256 over its weights as they are now.
        """
        made = cls(name, "memory", batch_size=batch_size, device=str(model.device))
        made.dtype = str(model.dtype).removeprefix("torch.")
        made.model, made.tokenizer = model, tokenizer
        made._weights = _digest_in_memory(model, tokenizer)
        return made

    @cached_property
    def model(self) -> Any:
        """The model, loaded when it is first needed."""
        model = load_model(self.path, self.revision, dtype=self.dtype, device=self.device)
        return model.requires_grad_(False)

    @cached_property
    def tokenizer(self) -> Any:
        return load_tokenizer(self.path, self.revision)

    @cached_property
    def _weights(self) -> str:
        return digest(self.path, self.revision)

    def identity(self) -> dict[str, JSON]:
        """Return what shapes an answer: the files, the weight type, and the defaults.

        Device, batch size and versions of libraries change an answer by rounding alone; they are
        in the record of the environment.
        """
        return {
            "kind": "local",
            "weights": self._weights,
            "dtype": self.dtype,
            "defaults": _plain(asdict(DEFAULTS)),
            "json": _plain(FORM),
        }

    def measure(self, cell: Cell) -> tuple[int, int]:
        """Return the tokens of a cell's prompt, and the most that its answer can have."""
        return len(self.encode(cell)), settle(cell.generation).max_tokens

    def answer(
        self,
        cells: Sequence[Cell],
        intent: Callable[[Cell], None],
        done: Callable[[Cell, Answer], None],
        stop: Callable[[], bool],
    ) -> None:
        """Answer the cells; see `prompting.Backend`.

        Raises:
            DataError: before anything is answered, when a prompt is empty or, with max_tokens,
                longer than the model's positions; or a parameter or schema cannot be kept to.
            ModelError: the model cannot be loaded, or a schema is given without llguidance.
        """
        for cell, answer in self.answers(cells, intent, stop):
            done(cell, answer)

    def answers(
        self, cells: Sequence[Cell], intent: Callable[[Cell], None], stop: Callable[[], bool]
    ) -> Iterator[tuple[Cell, Answer]]:
        """Yield each cell with its answer, as soon as that is there; the rest as `answer`."""
        groups = self._checked(cells)
        stopped = False
        for settings, group, tasks in groups:

            def admitted(place: int, group: Sequence[Cell] = group) -> bool:
                nonlocal stopped
                stopped = stopped or stop()
                if not stopped:
                    intent(group[place])
                return not stopped

            if not stopped:
                yield from self._write(settings, group, tasks, admitted)

    def check(self, cells: Sequence[Cell]) -> None:
        """Refuse cells that cannot be answered, as `answer` does, and answer none."""
        self._checked(cells)

    def _checked(self, cells: Sequence[Cell]) -> list[tuple[Settings, list[Cell], list[Task]]]:
        groups = [(s, group, self._tasks(group)) for s, group in _grouped(cells)]
        for settings, group, tasks in groups:
            self._check_lengths(group, tasks, settings.max_tokens)
        return groups

    def stream(self, cell: Cell) -> Iterator[str | Answer]:
        """Yield the answer to one cell as it grows, then the answer, as `answer` would give it.

        Each text is the whole so far; its end may still change where a character is incomplete.

        Raises:
            DataError, ModelError: as `answer`.
        """
        settings, [task] = settle(cell.generation), self._tasks([cell])
        self._check_lengths([cell], [task], settings.max_tokens)
        self.model.eval()
        for found in stream(self.model, self.tokenizer, task, settings, ends=self._ends):
            yield found if isinstance(found, str) else _answer(cell, task, found)

    def _write(
        self,
        settings: Settings,
        cells: Sequence[Cell],
        tasks: Sequence[Task],
        admitted: Callable[[int], bool],
    ) -> Iterator[tuple[Cell, Answer]]:
        model = self.model
        was_training = model.training
        model.eval()
        try:
            answers = write(
                model,
                self.tokenizer,
                tasks,
                settings,
                ends=self._ends,
                batch_size=self.batch_size,
                admitted=admitted,
            )
            for place, written in answers:
                yield cells[place], _answer(cells[place], tasks[place], written)
        finally:
            model.train(was_training)

    def _tasks(self, cells: Sequence[Cell]) -> list[Task]:
        """Return a task per cell; a prompt that several repeats share is encoded once."""
        known: dict[str, list[int]] = {}
        tasks = []
        for cell in cells:
            key = json.dumps([cell.text, [dict(message) for message in cell.messages]])
            if key not in known:
                known[key] = self.encode(cell)
            tasks.append(Task(cell.id, known[key], self._constraint(cell)))
        return tasks

    def encode(self, cell: Cell) -> list[int]:
        """Return the tokens of a cell's prompt."""
        if cell.text is None:
            return encode_chat(self.tokenizer, cell.messages)
        return encode_text(self.tokenizer, cell.text)

    def _constraint(self, cell: Cell) -> Callable[[], Constraint | None]:
        if cell.schema is None:
            return lambda: None
        if cell.generation.stop:
            raise DataError(
                "generation.stop could cut JSON in two", "leave it out where task.schema is given"
            )
        schema, grammar = cell.schema, self._grammar
        least = grammar.begin(schema).least  # refused now, not in the middle of a run
        longest = settle(cell.generation).max_tokens
        if least is not None and least > longest:
            raise DataError(
                f"generation.max_tokens {longest} leaves no room for JSON that the schema accepts, "
                f"which takes {least} tokens even when it says nothing",
                f"raise it to {least} at the very least",
            )
        return lambda: grammar.begin(schema)

    @cached_property
    def _grammar(self) -> Grammar:
        size = int(self.model.get_output_embeddings().weight.shape[0])
        return Grammar(self.tokenizer, self._ends, size)

    @cached_property
    def _ends(self) -> tuple[int, ...]:
        """Tokens that end an answer: the tokenizer's, and those that come with the weights."""
        found = [self.tokenizer.eos_token_id]
        for config in (self.model.config, getattr(self.model, "generation_config", None)):
            ids = getattr(config, "eos_token_id", None)
            found += ids if isinstance(ids, list | tuple) else [ids]
        ends = tuple(dict.fromkeys(int(token) for token in found if token is not None))
        if not ends:
            raise ModelError("neither model nor tokenizer names a token that ends an answer")
        return ends

    def _check_lengths(self, cells: Sequence[Cell], tasks: Sequence[Task], longest: int) -> None:
        for cell, task in zip(cells, tasks, strict=True):
            if not task.ids:
                raise DataError(f"the prompt of row {cell.row!r} is empty; check task.input")
        limit = getattr(self.model.config, "max_position_embeddings", None)
        # The last token of an answer is never read.
        needed = [len(task.ids) + longest - 1 for task in tasks]
        if limit is not None and max(needed) > limit:
            over = sum(length > limit for length in needed)
            most = max(len(task.ids) for task in tasks)
            raise DataError(
                f"{over} of {len(cells)} prompts, with generation.max_tokens {longest}, exceed the "
                f"{limit} positions of model {self.name!r}; the longest prompt has {most} tokens",
                "lower generation.max_tokens, shorten task.input, or show fewer examples",
            )


def _answer(cell: Cell, task: Task, written: Written) -> Answer:
    error = None if written.fault is None else f"constraint: {written.fault}"
    if error is None and cell.schema is not None and written.finish == "stop":
        why = why_invalid(written.text, cell.schema)
        error = None if why is None else f"schema: {why}"
    return Answer(
        cell=cell.id,
        text=written.text,
        finish=written.finish,
        input_tokens=len(task.ids),
        output_tokens=len(written.tokens),
        cached_tokens=written.cached,
        reasoning_tokens=None,
        seconds=written.seconds,
        error=error,
        usd=None,
        logprob=written.logprob,
    )


def _grouped(cells: Sequence[Cell]) -> list[tuple[Settings, list[Cell]]]:
    """Part cells that cannot share a batch: other settings, or a schema and none."""
    groups: dict[tuple[Settings, bool], list[Cell]] = defaultdict(list)
    for cell in cells:
        groups[settle(cell.generation), cell.schema is not None].append(cell)
    return [(settings, group) for (settings, _), group in groups.items()]


def _digest_in_memory(model: Any, tokenizer: Any) -> str:
    whole = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        plain = tensor.detach().cpu().contiguous().view(torch.uint8)
        whole.update(f"{name} {tuple(tensor.shape)}\n".encode())
        whole.update(plain.numpy().tobytes())
    whole.update(json.dumps(tokenizer.get_vocab(), sort_keys=True).encode())
    whole.update(str(tokenizer.chat_template).encode())
    return whole.hexdigest()


def _plain(values: Mapping[str, Any]) -> dict[str, JSON]:
    """Return the values as JSON gives them back."""
    loaded: dict[str, JSON] = json.loads(json.dumps(values))
    return loaded

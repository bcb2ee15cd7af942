"""Write answers side by side: a queue of prompts, a batch in work, and who leaves and enters.

Prompts wait longest first. A batch is as full as the queue allows at every step: an answer that
ends leaves at once, and when a quarter of the places are free the next prompts are read together.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from ..errors import ModelError
from ..evaluation.prefix import SHORTEST_SHARED_PREFIX, can_reuse_prefix, shared_prefix_length
from .choose import pick, uniform
from .constrain import Constraint, allowed_tokens
from .equal import EqualLengths
from .settings import Settings
from .slots import Slots
from .texts import GrowingText

__all__ = ["Task", "Written", "stream", "write"]


@dataclass(frozen=True, slots=True)
class Task:
    """One answer to write: `key` decides its draws, `ids` is its prompt.

    `begin` returns the state that holds the answer to a schema, or None for free text.
    """

    key: str
    ids: Sequence[int]
    begin: Callable[[], Constraint | None]


@dataclass(frozen=True, slots=True)
class Written:
    """One answer: `finish` is `stop` or `length`, or None with a `fault`; `logprob` in nats.

    `tokens` holds the end token where the model gave one. `seconds` are of the wall clock from
    reading the prompt on, side by side with the other answers of the batch.
    """

    text: str
    finish: str | None
    fault: str | None
    tokens: tuple[int, ...]
    logprob: float
    seconds: float
    cached: int


class _Engine(Protocol):
    count: int
    shared: int
    lengths: list[int]

    def admit(self, prompts: Sequence[Sequence[int]]) -> None: ...
    def step(self, tokens: Sequence[int]) -> Tensor: ...
    def leave(self, slot: int) -> int: ...


@dataclass(slots=True)
class _Answer:
    """An answer in work."""

    place: int
    task: Task
    text: GrowingText
    constraint: Constraint | None
    started: float
    cached: int
    tokens: list[int] = field(default_factory=list)
    logprob: float = 0.0
    finish: str | None = None
    fault: str | None = None

    def written(self, ends: frozenset[int]) -> Written:
        if self.constraint is not None:
            said = [token for token in self.tokens if token not in ends]
            text, cut = self.constraint.text(said), False
        else:
            text, cut = self.text.text()
        return Written(
            text,
            "stop" if cut else self.finish,
            self.fault,
            tuple(self.tokens),
            self.logprob,
            time.perf_counter() - self.started,
            self.cached,
        )


def write(
    model: Any,
    tokenizer: Any,
    tasks: Sequence[Task],
    settings: Settings,
    *,
    ends: Sequence[int],
    batch_size: int,
    admitted: Callable[[int], bool],
) -> Iterator[tuple[int, Written]]:
    """Yield (place in `tasks`, answer) as answers end.

    Args:
        model: in evaluation mode; called under `torch.inference_mode`.
        tasks: all with a schema or all without.
        ends: tokens that end an answer.
        batch_size: answers in work at most.
        admitted: told the place of each task before its prompt is read; False ends the queue:
            what is in work is finished, the rest is left.

    Raises:
        ModelError: the model gives logits that are no numbers.
    """
    batch = _Batch(model, tokenizer, tasks, settings, frozenset(ends), batch_size)
    while batch.admit(admitted) or batch.answers:
        # Not around the yield: the mode would leak into whoever asks for the next answer.
        with torch.inference_mode():
            ended = batch.step()
        yield from ((answer.place, answer.written(batch.ends)) for answer in ended)


def stream(
    model: Any, tokenizer: Any, task: Task, settings: Settings, *, ends: Sequence[int]
) -> Iterator[str | Written]:
    """Yield the text of one answer after each of its tokens, then the answer, as `write` would.

    A later text may differ from an earlier one at its end, where a character was incomplete.

    Args:
        task: without a schema.

    Raises:
        ModelError: as `write`.
    """
    batch = _Batch(model, tokenizer, [task], settings, frozenset(ends), 1)
    batch.admit(lambda place: True)
    [answer] = batch.answers
    while batch.answers:
        with torch.inference_mode():
            batch.step()
        if batch.answers:
            yield answer.text.text()[0]
    yield answer.written(batch.ends)


class _Batch:
    """The queue and the answers in work; row i of the engine is `answers[i]`."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        tasks: Sequence[Task],
        settings: Settings,
        ends: frozenset[int],
        batch_size: int,
    ) -> None:
        self.tokenizer, self.tasks, self.settings, self.ends = tokenizer, tasks, settings, ends
        # Equal prompts stand together, so that each is read once.
        order = sorted(range(len(tasks)), key=lambda p: (len(tasks[p].ids), tuple(tasks[p].ids)))
        self.queue = order  # taken from the end: longest first
        self.answers: list[_Answer] = []
        with torch.inference_mode():
            self.engine = _engine(model, [task.ids for task in tasks], batch_size)

    def admit(self, admitted: Callable[[int], bool]) -> bool:
        """Take as many prompts from the queue as make sense now; say whether any were."""
        entering: list[_Answer] = []
        for _ in range(self._room()):
            place = self.queue.pop()
            if not admitted(place):
                self.queue.clear()
                break
            entering.append(self._begin(place))
        if entering:
            with torch.inference_mode():
                self.engine.admit([answer.task.ids for answer in entering])
            self.answers += entering
        return bool(entering)

    def _begin(self, place: int) -> _Answer:
        task = self.tasks[place]
        text = GrowingText(self.tokenizer, task.ids[-1], self.settings.stop)
        cached = self.engine.shared
        return _Answer(place, task, text, task.begin(), time.perf_counter(), cached)

    def _room(self) -> int:
        if isinstance(self.engine, EqualLengths):
            return 0 if self.answers else self._equally_long()
        free = min(self.engine.count - len(self.answers), len(self.queue))
        # Reading a few prompts at a time costs little more than one, so a few places are let free.
        patient = len(self.answers) > 0 and free < self.engine.count // 4
        return 0 if patient else free

    def _equally_long(self) -> int:
        if not self.queue:
            return 0
        length = len(self.tasks[self.queue[-1]].ids)
        same = sum(len(self.tasks[place].ids) == length for place in self.queue)
        return min(self.engine.count, same)

    def step(self) -> list[_Answer]:
        """Add one token to every answer in work; return those that ended, taken out."""
        logits = self.engine.step([_last(answer) for answer in self.answers])
        tokens, logs = self._pick(logits)
        for answer, token, log in zip(self.answers, tokens, logs, strict=True):
            self._take(answer, token, log)
        ended = [row for row, answer in enumerate(self.answers) if answer.finish or answer.fault]
        gone = [self.answers[row] for row in ended]
        for row in reversed(ended):  # from the end: what moves into a gap is still in work
            self.engine.leave(row)
            self.answers[row] = self.answers[-1]
            self.answers.pop()
        return gone

    def _pick(self, logits: Tensor) -> tuple[list[int], list[float]]:
        if not bool(torch.isfinite(logits.sum())) and bool(torch.isnan(logits).any()):
            raise ModelError("the model's logits are no numbers (NaN)", "use precision fp32")
        rows, settings = self.answers, self.settings
        held = [answer.constraint for answer in rows if answer.constraint is not None]
        allowed = allowed_tokens(held, logits.shape[1]).to(logits.device) if held else None
        draws: list[float] = []
        if settings.temperature:
            draws = [uniform(settings.seed, row.task.key, len(row.tokens)) for row in rows]
        tokens, logs = pick(
            logits,
            settings,
            draws,
            prompts=[row.task.ids for row in rows],
            answers=[row.tokens for row in rows],
            allowed=allowed,
        )
        if held:
            self._steer(logits, tokens, logs)
        return tokens, logs

    def _steer(self, logits: Tensor, tokens: list[int], logs: list[float]) -> None:
        """Put other tokens in place of those after which an answer could not end in time."""
        for row, answer in enumerate(self.answers):
            assert answer.constraint is not None
            left = self.settings.max_tokens - len(answer.tokens)
            token = answer.constraint.steer(tokens[row], left)
            if token != tokens[row]:
                tokens[row] = token
                logs[row] = float(logits[row].float().log_softmax(-1)[token])

    def _take(self, answer: _Answer, token: int, log: float) -> None:
        """Add the token, and say how the answer ended if it did."""
        answer.tokens.append(token)
        answer.logprob += log
        complete = answer.constraint is not None and answer.constraint.take(token)
        if answer.constraint is not None and (fault := answer.constraint.fault()) is not None:
            answer.fault = f"the answer could not be held to the schema: {fault}"
        elif token in self.ends or complete or answer.text.add(token):
            closed = answer.constraint is not None and answer.constraint.closed
            answer.finish = "length" if closed else "stop"
        elif len(answer.tokens) >= self.settings.max_tokens:
            answer.finish = "length"


def _last(answer: _Answer) -> int:
    return answer.tokens[-1] if answer.tokens else answer.task.ids[-1]


def _engine(model: Any, prompts: Sequence[Sequence[int]], batch_size: int) -> _Engine:
    # Slots count positions themselves, and do not know of learned ones in front.
    if not can_reuse_prefix(model) or hasattr(model, "virtual_tokens"):
        return EqualLengths(model, batch_size)
    shared = shared_prefix_length([list(ids) for ids in prompts]) if len(prompts) > 1 else 0
    prefix = prompts[0][:shared] if shared >= SHORTEST_SHARED_PREFIX else ()
    return Slots(model, min(batch_size, len(prompts)), prefix)

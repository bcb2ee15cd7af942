"""Sweeps: one spec that stands for many, each an ordinary spec with a name of its own.

A trial is the spec with some values replaced, as `--set` replaces them: so whatever is checked,
planned and emitted for a spec is for a trial, and a trial can be run by hand.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

from .overrides import Overrides

MOST_TRIALS = 1000
SEARCH = "optuna"
"""The type whose trials depend on what came of those before them."""

LONGEST_NAME = 63
_DIGITS = 6
"""Significant digits of a drawn number: as many as a person can type again."""


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers between two ends; ``count`` of them make a grid."""

    start: float
    end: float
    count: int | None = None
    log: bool = False
    whole: bool = False

    def at(self, part: float) -> float | int:
        """The number at a part of the way from one end to the other, from 0 to 1."""
        if self.log:
            found = self.start * (self.end / self.start) ** part
        else:
            found = self.start + (self.end - self.start) * part
        return self.rounded(found)

    def rounded(self, number: float) -> float | int:
        """A drawn number as it is tried: a whole one, or one of six digits."""
        if self.whole:
            return int(min(max(round(number), math.ceil(self.start)), math.floor(self.end)))
        return float(f"{number:.{_DIGITS}g}")

    def grid(self) -> list[float | int]:
        """The values of a grid, each once."""
        assert self.count is not None
        return list(dict.fromkeys(self.at(i / (self.count - 1)) for i in range(self.count)))


Choice = tuple[Any, ...] | Range


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is varied, and how; ``trials`` is None for the whole grid.

    ``sampler`` and ``startup``, the trials before it chooses, are those of a search.
    """

    type: str
    over: tuple[tuple[str, Choice], ...]
    trials: int | None
    seed: int
    metric: str | None
    direction: str | None
    sampler: str | None = None
    startup: int = 0

    @property
    def searches(self) -> bool:
        """Whether trials depend on what came of those before them."""
        return self.type == SEARCH


@dataclass(frozen=True, slots=True)
class Trial:
    """One combination: values by the path of their field."""

    name: str
    values: tuple[tuple[str, Any], ...]

    def overrides(self, given: Overrides | None) -> Overrides:
        """What makes the spec this trial, after what the command line gives."""
        before = given or Overrides()
        mine = [f"{path}={as_text(value)}" for path, value in self.values]
        sets = (*before.sets, "sweep=null", f"name={self.name}", *mine)
        return Overrides(sets, before.hardware)


def read_sweep(said: Mapping[str, Any]) -> Sweep:
    """Type the section `sweep` of a sound spec."""
    over = tuple((path, _choice(choice)) for path, choice in said["over"].items())
    trials, seed = said.get("trials"), said.get("seed", 0)
    return Sweep(
        said["type"],
        over,
        None if trials is None else int(trials),
        int(seed),
        said.get("metric"),
        said.get("direction"),
        said.get("sampler"),
        int(said.get("startup", 0)),
    )


def _choice(said: Any) -> Choice:
    if isinstance(said, list):
        return tuple(said)
    count = said.get("count")
    return Range(
        said["from"],
        said["to"],
        None if count is None else int(count),
        said.get("scale") == "log",
        bool(said.get("whole")),
    )


def size(sweep: Sweep) -> int:
    """How many trials there are, without making them."""
    if sweep.type != "grid":
        return sweep.trials or 0
    return math.prod(len(_points(choice)) for _, choice in sweep.over)


def _points(choice: Choice) -> Sequence[Any]:
    return choice.grid() if isinstance(choice, Range) else choice


def trials_of(sweep: Sweep, name: str) -> list[Trial]:
    """The trials that are known before any has run, in their order; the same spec gives the same.

    Those are all of a grid and of random draws. A search begins with random draws.
    """
    rows = _grid(sweep) if sweep.type == "grid" else draws(sweep)
    most = min(size(sweep), sweep.startup) if sweep.searches else size(sweep)
    return [trial_of(sweep, name, row) for row in islice(rows, most)]


def end_trials(sweep: Sweep, name: str) -> list[Trial]:
    """Trials that reach every value of a list and both ends of every range, for a search.

    What a search will draw is not known, but a field that takes both ends takes what lies between.
    Each value stands once beside the first of all others.
    """
    reached = [_ends(choice) for _, choice in sweep.over]
    first = tuple(values[0] for values in reached)
    rows = [first]
    for index, values in enumerate(reached):
        rows += [(*first[:index], value, *first[index + 1 :]) for value in values[1:]]
    return [trial_of(sweep, name, row) for row in rows]


def _ends(choice: Choice) -> Sequence[Any]:
    return (choice.at(0), choice.at(1)) if isinstance(choice, Range) else choice


def _grid(sweep: Sweep) -> Iterator[tuple[Any, ...]]:
    return product(*(_points(choice) for _, choice in sweep.over))


def draws(sweep: Sweep) -> Iterator[tuple[Any, ...]]:
    """Draw combinations, each once; more trials begin with those of fewer.

    Where only lists are drawn from and all combinations have been, there are no more.
    """
    draw = random.Random(sweep.seed)
    lists = all(not isinstance(choice, Range) for _, choice in sweep.over)
    most = math.prod(len(_points(choice)) for _, choice in sweep.over) if lists else MOST_TRIALS
    seen: set[str] = set()
    for _ in range(100 * MOST_TRIALS):
        if len(seen) >= most:
            return
        row = tuple(_drawn(choice, draw) for _, choice in sweep.over)
        if (text := json.dumps(row, sort_keys=True)) not in seen:
            seen.add(text)
            yield row


def _drawn(choice: Choice, draw: random.Random) -> Any:
    return choice.at(draw.random()) if isinstance(choice, Range) else draw.choice(choice)


def trial_of(sweep: Sweep, name: str, row: Sequence[Any]) -> Trial:
    """Make a trial of its values, which alone name it: one added later changes no other's name."""
    values = tuple(zip((path for path, _ in sweep.over), row, strict=True))
    return Trial(_name(sweep, name, values), values)


def holds(sweep: Sweep, values: Any) -> bool:
    """Tell whether some JSON is the values of a trial of this sweep, by path."""
    if not isinstance(values, dict) or set(values) != {path for path, _ in sweep.over}:
        return False
    return all(_holds(choice, values[path]) for path, choice in sweep.over)


def _holds(choice: Choice, value: Any) -> bool:
    if not isinstance(choice, Range):
        return value in choice
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and choice.rounded(choice.start) <= value <= choice.rounded(choice.end)


def _name(sweep: Sweep, name: str, values: tuple[tuple[str, Any], ...]) -> str:
    lasts = [_last(path) for path, _ in values]
    parts = []
    for (path, value), last in zip(values, lasts, strict=True):
        # fields of one name are told apart by the section before it
        word = last if lasts.count(last) == 1 else _slug(path)
        parts.append(f"{word}-{_value_word(sweep, path, value)}")
    found = "-".join([name, *parts])
    if len(found) <= LONGEST_NAME:
        return found
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:10]
    return f"{name[: LONGEST_NAME - 11].rstrip('-')}-{digest}"


def _last(path: str) -> str:
    return _slug(path.rpartition(".")[2])


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x"


def _value_word(sweep: Sweep, path: str, value: Any) -> str:
    """A value as part of a name: 2e-4, 0p7, or the place in its list where it is long."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "none"}[value]
    if isinstance(value, int | float):
        return number_word(value)
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_. -]{0,15}", value):
        return _slug(value)
    choice = dict(sweep.over)[path]
    assert not isinstance(choice, Range), "ranges are of numbers"
    return str(choice.index(value) + 1)


def number_word(value: float) -> str:
    """A number in letters that a name may have.

    >>> number_word(0.0002), number_word(0.7), number_word(-3), number_word(16.0)
    ('2e-4', '0p7', 'm3', '16')
    """
    text = f"{value:.{_DIGITS}g}"
    if value and abs(value) < 0.01:
        mantissa, _, exponent = f"{value:.{_DIGITS - 1}e}".partition("e")
        text = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    lead, text = ("m", text[1:]) if text.startswith("-") else ("", text)
    return lead + text.replace("+", "").replace(".", "p")


def as_text(value: Any) -> str:
    """A value as `--set` takes it: JSON, which is YAML."""
    return json.dumps(value, ensure_ascii=False)

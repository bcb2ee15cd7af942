"""The next trial of a search, chosen by Optuna from what came of those before it.

A choice is a pure function of the seed and of what was tried: no study is kept, in memory or on
disk, and none is read that another might have written. Whoever goes on with a search tells what is
on record, and gets the trial that would have come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .extras import find_extra, load_extra

__all__ = ["Numbers", "Tried", "check_search", "choose"]

WHO = "`sweep.type: optuna`"
EXTRA = "optuna"


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers from `low` to `high`, both of which may be drawn."""

    low: float
    high: float
    log: bool = False
    whole: bool = False


Space = Mapping[str, "Numbers | int"]
"""Path of a field -> its numbers, or how many values it is to be chosen from."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One trial: its numbers, and places of values, by path; no score where it had none."""

    values: Mapping[str, float]
    score: float | None


def check_search(sampler: str) -> None:
    """See that what a search needs is installed.

    Raises:
        ExtraError: it is not.
    """
    for package in ("optuna", *(("scipy",) if sampler == "gp" else ())):
        find_extra(package, EXTRA, who=WHO)


def choose(
    space: Space,
    tried: Sequence[Tried],
    *,
    sampler: str,
    startup: int,
    seed: int,
    minimize: bool,
) -> dict[str, float]:
    """Return the numbers, and the places of values, that are to be tried next.

    Trials without a score are known to the sampler as failed, which it makes nothing of. Before
    `startup` of them have a score, what is returned is drawn at random.

    Raises:
        ExtraError: Optuna is not installed.
    """
    optuna = load_extra("optuna", EXTRA, who=WHO)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    kinds = {path: _distribution(optuna, field) for path, field in space.items()}
    direction = "minimize" if minimize else "maximize"
    chooses = _sampler(optuna, sampler, startup, seed)
    study = optuna.create_study(sampler=chooses, direction=direction)
    study.add_trials([_told(optuna, space, kinds, one) for one in tried])
    return dict(study.ask(kinds).params)


def _distribution(optuna: Any, field: Numbers | int) -> Any:
    kinds = optuna.distributions
    if isinstance(field, int):
        return kinds.CategoricalDistribution(tuple(range(field)))
    if field.whole:
        return kinds.IntDistribution(int(field.low), int(field.high), log=field.log)
    return kinds.FloatDistribution(field.low, field.high, log=field.log)


def _sampler(optuna: Any, name: str, startup: int, seed: int) -> Any:
    """Make a sampler; `tpe` draws all fields together, since the best of one hangs on others."""
    if name == "gp":
        return optuna.samplers.GPSampler(seed=seed, n_startup_trials=startup)
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=startup, multivariate=True)


def _told(optuna: Any, space: Space, kinds: Mapping[str, Any], one: Tried) -> Any:
    known = {path: _within(space[path], value) for path, value in one.values.items()}
    state = optuna.trial.TrialState
    return optuna.trial.create_trial(
        params=known,
        distributions=dict(kinds),
        value=one.score,
        state=state.FAIL if one.score is None else state.COMPLETE,
    )


def _within(field: Numbers | int, value: float) -> float:
    """Put a number that was rounded past an end back onto it."""
    return value if isinstance(field, int) else min(max(value, field.low), field.high)

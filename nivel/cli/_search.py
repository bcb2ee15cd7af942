"""Searches: sweeps whose trials are chosen one by one, by what came of those before them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from nivel.cli._sweeps import Trials, record, run_trial, stop_sweep

if TYPE_CHECKING:
    from nivel.cli._again import Again
    from nivel.cli._jobs import Job
    from nivel.cli._launch import Queue
    from nivel.cli._running import Outcome
    from nivel.compiler.sweeping import Sweep, Trial
    from nivel.runtime.searching import Numbers, Tried

MOST_CHOICES = 20
"""How often the sampler is asked for a combination that was not tried, before one is drawn."""

Row = tuple[Any, ...]


def check_queue(sweep: Sweep, queue: Queue) -> None:
    """Refuse to leave trials in a queue that hang on what comes of others."""
    if not queue.wait:
        raise click.UsageError(
            "--submit leaves trials in the queue side by side, and a search chooses each by what "
            "came of those before it: leave out --submit, or write `type: random` in `sweep`"
        )


def run_search(trials: Trials, again: Again, told: Mapping[str, str], queue: Queue) -> int:
    """Choose and run one trial after the other; return the exit code of the first that failed.

    All that is known of a search is on record: which trials it had, and what came of them.
    """
    from nivel.runtime.searching import check_search

    sweep = trials.sweep
    check_queue(sweep, queue)
    check_search(str(sweep.sampler))
    before = _recorded(trials) if again.resume else []
    done: list[tuple[Trial, float | None]] = []
    code, count = 0, int(sweep.trials or 0)
    for number in range(count):
        trial = before[number] if number < len(before) else _next(trials, done)
        if trial is None:
            click.echo(f"{trials.name}: every combination has been tried")
            break
        so_far = [*(one for one, _ in done), trial]
        record(trials, [*so_far, *before[len(so_far) :]], _facts(trials))
        click.echo(f"\n{trials.name}: trial {number + 1} of {count}")
        outcome = _run(trials, trial, again, told, queue)
        if outcome is not None and outcome.interrupted:
            stop_sweep(trials, number, count, outcome.code)
        code = code or (1 if outcome is None else outcome.code)
        done.append((trial, _score(sweep, outcome)))
    return code


def _run(
    trials: Trials, trial: Trial, again: Again, told: Mapping[str, str], queue: Queue
) -> Outcome | None:
    """Run one trial; None where its values do not go together, which is said."""
    job = _job(trials, trial)
    return None if job is None else run_trial(job, again, told, queue)


def _job(trials: Trials, trial: Trial) -> Job | None:
    from nivel.cli._jobs import compile_trial

    for job in trials.jobs:
        if job.plan.common.name == trial.name:
            return job
    spec = trials.base.included[0].home.shown
    return compile_trial(spec, trials.base, trial.overrides(trials.overrides))


def _score(sweep: Sweep, outcome: Outcome | None) -> float | None:
    from nivel.runtime.records import read_info, score_of

    if outcome is None:
        return None
    score = score_of(read_info(outcome.folder), str(sweep.metric))
    return score if score is not None and math.isfinite(score) else None


def _next(trials: Trials, done: Sequence[tuple[Trial, float | None]]) -> Trial | None:
    """Return the trial that comes after those: one of the first draws, or what is chosen.

    A combination that was tried is not run again. Where the sampler names no other, the next of
    the random draws stands in; None where there is none either.
    """
    from nivel.compiler.sweeping import draws, trial_of

    sweep, known = trials.sweep, trials.known
    if len(done) < len(known):
        return known[len(done)]
    tried = {trial.name for trial, _ in done}
    for attempt in range(MOST_CHOICES):
        trial = trial_of(sweep, trials.name, _chosen(sweep, done, attempt))
        if trial.name not in tried:
            return trial
    rest = (trial_of(sweep, trials.name, row) for row in draws(sweep))
    return next((trial for trial in rest if trial.name not in tried), None)


def _chosen(sweep: Sweep, done: Sequence[tuple[Trial, float | None]], attempt: int) -> Row:
    """Ask the sampler; each trial, and each attempt at it, has a seed of its own."""
    from nivel.compiler.sweeping import Range
    from nivel.runtime.records import minimizes
    from nivel.runtime.searching import choose

    digest = hashlib.sha256(f"{sweep.seed}:{len(done)}:{attempt}".encode()).digest()
    found = choose(
        {path: _field(choice) for path, choice in sweep.over},
        [_told(sweep, trial, score) for trial, score in done],
        sampler=str(sweep.sampler),
        startup=sweep.startup,
        seed=int.from_bytes(digest[:4], "big"),
        minimize=minimizes(str(sweep.metric), sweep.direction),
    )
    return tuple(
        choice.rounded(found[path]) if isinstance(choice, Range) else choice[int(found[path])]
        for path, choice in sweep.over
    )


def _field(choice: Any) -> Numbers | int:
    from nivel.compiler.sweeping import Range
    from nivel.runtime.searching import Numbers

    if not isinstance(choice, Range):
        return len(choice)
    low, high = choice.start, choice.end
    if choice.whole:
        low, high = math.ceil(low), math.floor(high)
    return Numbers(low, high, choice.log, choice.whole)


def _told(sweep: Sweep, trial: Trial, score: float | None) -> Tried:
    from nivel.compiler.sweeping import Range
    from nivel.runtime.searching import Tried

    choices = dict(sweep.over)

    def told(path: str, value: Any) -> Any:
        choice = choices[path]
        return value if isinstance(choice, Range) else choice.index(value)

    return Tried({path: told(path, value) for path, value in trial.values}, score)


def _facts(trials: Trials) -> dict[str, Any]:
    """What a search is; it can go on with more trials."""
    said = dict((trials.base.filled or {})["sweep"])
    said.pop("trials")
    return said


def _recorded(trials: Trials) -> list[Trial]:
    """Return the trials of the search that is on record; none where there is none.

    Raises:
        click.UsageError: it was another search, or the record is not one of this spec.
    """
    from nivel.compiler.sweeping import holds, trial_of
    from nivel.runtime.records import read_search

    found = read_search(trials.folder)
    if found is None:
        return []
    facts, said = found
    now = _facts(trials)
    if facts != now:
        then = facts if isinstance(facts, dict) else {}
        names = [key for key in {**then, **now} if then.get(key) != now.get(key)]
        raise click.UsageError(
            f"the search {trials.name} was begun with other values of `sweep`: "
            f"{', '.join(names)}. Put them back, or leave out --resume for a new search"
        )
    rows: list[Any] = [one.get("values") if isinstance(one, dict) else None for one in said]
    if not all(holds(trials.sweep, row) for row in rows):
        raise click.UsageError(
            f"runs/{trials.name}/sweep.json is damaged; leave out --resume for a new search"
        )
    paths = [path for path, _ in trials.sweep.over]
    return [trial_of(trials.sweep, trials.name, [row[path] for path in paths]) for row in rows]

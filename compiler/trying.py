"""The trials of a sweep, checked before any of them runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from .diagnostics import Diagnostic, Location
from .document import DataPath, Document
from .overrides import SET_OPTION, Overrides, label_of
from .sweeping import Range, Sweep, Trial, as_text, end_trials, read_sweep, trials_of

if TYPE_CHECKING:
    from .check import Checked

MOST_SHOWN = 3
"""Trials whose faults are shown; the others have the same, as a rule."""


def sweep_of(checked: Checked) -> tuple[Sweep, list[Trial]] | None:
    """Return the sweep of a sound spec with the trials that are known; None where it has none."""
    if checked.document is None or checked.filled is None or "sweep" not in checked.filled:
        return None
    sweep = read_sweep(checked.filled["sweep"])
    return sweep, trials_of(sweep, checked.filled["name"])


def check_trials(
    checked: Checked, given: Overrides | None, again: Callable[[Overrides], Checked]
) -> tuple[list[Diagnostic], tuple[tuple[Trial, Checked], ...]]:
    """Return the errors of trials that the spec by itself has not, at the values that make them.

    With them come the trials that may name files of their own. ``again`` checks the same spec with
    other overrides.
    """
    found = sweep_of(checked)
    if found is None:
        return [], ()
    sweep, trials = found
    assert checked.document is not None and checked.filled is not None
    if sweep.searches:
        trials = [*end_trials(sweep, checked.filled["name"]), *trials]
    shown: dict[tuple[str, Location | None], Diagnostic] = {}
    naming: dict[str, tuple[Trial, Checked]] = {}
    failed = 0
    for trial in trials:
        tried = again(trial.overrides(given))
        if words := _words(trial):
            naming.setdefault(words, (trial, tried))
        wrong = [one for one in tried.diagnostics if one.severity == "error"]
        failed += bool(wrong)
        for one in wrong:
            moved = _moved(one, sweep, trial, checked.document)
            shown.setdefault((moved.code, moved.location), moved)
        if failed == MOST_SHOWN:
            break
    return list(shown.values()), tuple(naming.values())


def _words(trial: Trial) -> str:
    """Return those values of a trial that may name a file, as one text; numbers never do."""
    said = [pair for pair in trial.values if isinstance(pair[1], str | list | dict)]
    return json.dumps(said, sort_keys=True) if said else ""


def place_of(where: Location | None, trial: Trial, checked: Checked) -> Location | None:
    """Return the place in the spec that a place in one of its trials comes from."""
    found = sweep_of(checked)
    assert found is not None and checked.document is not None
    if where is None or not where.file.startswith(SET_OPTION):
        return where
    places = _places(found[0], trial, checked.document)
    return places.get(where.file) or checked.document.key_spans.get(("sweep",))


def _moved(found: Diagnostic, sweep: Sweep, trial: Trial, document: Document) -> Diagnostic:
    """Point into `sweep.over` in place of the override that a trial is made by."""
    values = ", ".join(f"{path} {as_text(value)}" for path, value in trial.values)
    message = f"{found.message} (in the trial of {values[:120]})"
    places = _places(sweep, trial, document)
    where = found.location
    if where is not None and where.file in places:
        where = places[where.file]
    elif where is None or where.file.startswith(SET_OPTION):
        where = document.key_spans.get(("sweep",))
    else:
        here = document.key_spans.get(("sweep", "over"))
        more = ((here, "by the values that are tried here"),) if here is not None else ()
        return replace(found, message=message, related=(*found.related, *more)[:3])
    related = tuple(one for one in found.related if not one[0].file.startswith(SET_OPTION))
    return replace(found, message=message, location=where, related=related)


def _places(sweep: Sweep, trial: Trial, document: Document) -> dict[str, Location | None]:
    """What findings call each override of a trial -> where its value stands in the spec."""
    return {
        label_of(f"{path}={as_text(value)}"): _place(sweep, path, value, document)
        for path, value in trial.values
    }


def _place(sweep: Sweep, path: str, value: object, document: Document) -> Location | None:
    at: DataPath = ("sweep", "over", path)
    choice = dict(sweep.over)[path]
    if not isinstance(choice, Range):
        at = (*at, choice.index(value))
    return document.spans.get(at) or document.key_spans.get(at)

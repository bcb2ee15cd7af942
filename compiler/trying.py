"""The trials of a sweep, checked before any of them runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from .diagnostics import Diagnostic, Location
from .document import DataPath, Document
from .overrides import Overrides, label_of
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


def trial_findings(
    checked: Checked, given: Overrides | None, again: Callable[[Overrides], Checked]
) -> list[Diagnostic]:
    """Return the errors of trials that the spec by itself has not, at the values that make them.

    ``again`` checks the same spec with other overrides.
    """
    found = sweep_of(checked)
    if found is None:
        return []
    sweep, trials = found
    assert checked.document is not None and checked.filled is not None
    if sweep.searches:
        trials = [*end_trials(sweep, checked.filled["name"]), *trials]
    shown: dict[tuple[str, Location | None], Diagnostic] = {}
    failed = 0
    for trial in trials:
        wrong = [d for d in again(trial.overrides(given)).diagnostics if d.severity == "error"]
        failed += bool(wrong)
        for one in wrong:
            moved = _moved(one, sweep, trial, checked.document)
            shown.setdefault((moved.code, moved.location), moved)
        if failed == MOST_SHOWN:
            break
    return list(shown.values())


def _moved(found: Diagnostic, sweep: Sweep, trial: Trial, document: Document) -> Diagnostic:
    """Point into `sweep.over` in place of the override that a trial is made by."""
    values = ", ".join(f"{path} {as_text(value)}" for path, value in trial.values)
    message = f"{found.message} (in the trial of {values[:120]})"
    places = {
        label_of(f"{path}={as_text(value)}"): _place(sweep, path, value, document)
        for path, value in trial.values
    }
    where = found.location
    if where is not None and where.file in places:
        where = places[where.file]
    elif where is None or where.file.startswith("--set"):
        where = document.key_spans.get(("sweep",))
    else:
        here = document.key_spans.get(("sweep", "over"))
        more = ((here, "by the values that are tried here"),) if here is not None else ()
        return replace(found, message=message, related=(*found.related, *more)[:3])
    related = tuple(one for one in found.related if not one[0].file.startswith("--set"))
    return replace(found, message=message, location=where, related=related)


def _place(sweep: Sweep, path: str, value: object, document: Document) -> Location | None:
    at: DataPath = ("sweep", "over", path)
    choice = dict(sweep.over)[path]
    if not isinstance(choice, Range):
        at = (*at, choice.index(value))
    return document.spans.get(at) or document.key_spans.get(at)

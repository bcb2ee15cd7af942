"""Measures that a person brings along: Python functions named on the command line.

`nivel run SPEC --metric NAME=FILE:FUNCTION` hands them over in the environment, never in a spec:
a spec may be a stranger's, and this is code that runs. The function is called as
`function(answer, row)`: the answer is a text (of a likelihood classification, the label that won),
and the row is {"id": ..., "label": ..., "fields": {...}} with the label None where there is none.
It returns a score from 0 to 1.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..data import Row
from ..errors import RunError
from ..paths import file_sha256, inside_project

__all__ = ["HOOKS", "Hook", "load_hooks", "score_answers"]

HOOKS = "NIVEL_METRICS"
"""The variable: a JSON list of {name, path, function, sha256}."""

MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Hook:
    """One function, loaded; `sha256` is that of its file."""

    name: str
    path: str
    function: str
    sha256: str
    call: Callable[[str, dict[str, Any]], Any]

    def identity(self) -> dict[str, Any]:
        """Return what is recorded of it."""
        return {
            "type": "python",
            "path": self.path,
            "function": self.function,
            "sha256": self.sha256,
        }


def load_hooks(taken: Sequence[str] = ()) -> list[Hook]:
    """Load the functions that the environment names; none where it names none.

    Args:
        taken: names of the measures that the experiment has already.

    Raises:
        RunError: a file is not in the project, is not the one that was named, or does not load.
    """
    said = json.loads(os.environ.get(HOOKS) or "[]")
    hooks = [_load(**{key: str(one[key]) for key in _KEYS}) for one in said]
    for hook in hooks:
        if hook.name in taken:
            raise RunError(
                f"there is a measure {hook.name!r} already", "give --metric another name"
            )
    return hooks


_KEYS = ("name", "path", "function", "sha256")


def _load(name: str, path: str, function: str, sha256: str) -> Hook:
    file = inside_project(path, RunError)
    if not file.is_file() or file_sha256(file) != sha256:
        raise RunError(f"{path} is not the file that the run was started with", "run again")
    found = getattr(_module(name, path, file), function, None)
    if not callable(found):
        raise RunError(f"{path} has no function {function!r}", "see --metric")
    return Hook(name, path, function, sha256, found)


def _module(name: str, path: str, file: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"nivel_metric_{name}", file)
    if spec is None or spec.loader is None:
        raise RunError(f"{path} is no Python file", "name a file that ends in .py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever a person's code does
        raise RunError(f"{path} does not load: {_said(error, file)}", "mend it and go on") from None
    return module


def score_answers(hook: Hook, answers: Sequence[tuple[str, Row]]) -> list[float]:
    """Return the score of each answer.

    Raises:
        RunError: some calls failed or gave no number from 0 to 1; it names rows and lines.
    """
    scores, faults = [], []
    for text, row in answers:
        try:
            given = {"id": row.id, "label": row.label, "fields": dict(row.fields)}
            scores.append(_checked(hook.call(text, given)))
        except (Exception, SystemExit) as error:
            faults.append(f"  row {row.id}: {_said(error, inside_project(hook.path))}")
    if faults:
        shown = "\n".join(faults[:MOST_SHOWN])
        more = len(faults) - MOST_SHOWN
        rest = f"\n  and {more} more" if more > 0 else ""
        raise RunError(
            f"metric {hook.name!r} failed on {len(faults)} of {len(answers)} answers:\n"
            f"{shown}{rest}",
            f"mend {hook.path} and go on with --resume latest; answers are not asked again",
        )
    return scores


def _checked(score: Any) -> float:
    number = float(score)
    if math.isnan(number) or not 0.0 <= number <= 1.0:
        raise ValueError(f"the score is {number:g}, and not from 0 to 1")
    return number


def _said(error: BaseException, file: Path) -> str:
    """Say what went wrong in a line, with the last line of the person's own file in it."""
    trace, line = error.__traceback__, None
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename) == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    where = f" (line {line})" if line is not None else ""
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said[:200]}{where}"

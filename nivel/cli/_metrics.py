"""Measures that the person who runs brings along: Python functions, handed over by environment."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nivel.cli._jobs import Job

VARIABLE = "NIVEL_METRICS"
_FORM = re.compile(r"([a-z][a-z0-9_]*)=(.+\.py):([A-Za-z_]\w*)\Z")
_TASKS = ("classify", "generate", "extract")


@dataclass(frozen=True, slots=True)
class Metric:
    """One function, and the sha256 of its file as it is now."""

    name: str
    path: str
    function: str
    sha256: str


def read_metrics(said: Sequence[str]) -> list[Metric]:
    """Return what `--metric` says; nothing of the files is run yet.

    Raises:
        click.UsageError: the form is another, or the file or function is not there.
    """
    metrics = [_read(one) for one in said]
    names = [metric.name for metric in metrics]
    if len(set(names)) < len(names):
        raise click.UsageError("two --metric have the same name")
    return metrics


def _read(said: str) -> Metric:
    form = _FORM.match(said)
    if form is None:
        raise click.UsageError(f"--metric {said}: write NAME=FILE.py:FUNCTION, the name in a-z_0-9")
    name, path, function = form.groups()
    project = Path.cwd().resolve()
    file = (project / path).resolve()
    if Path(path).is_absolute() or not file.is_relative_to(project):
        raise click.UsageError(f"--metric {said}: the file has to lie in the project")
    try:
        raw = file.read_bytes()
        tree = ast.parse(raw, path)
    except OSError as error:
        raise click.UsageError(f"--metric {said}: {path}: {error.strerror}") from None
    except (SyntaxError, ValueError, RecursionError) as error:
        raise click.UsageError(f"--metric {said}: {path} is not Python: {error}") from None
    if function not in _defined(tree):
        raise click.UsageError(f"--metric {said}: {path} defines no {function}")
    return Metric(name, path, function, hashlib.sha256(raw).hexdigest())


def _defined(tree: ast.Module) -> set[str]:
    """Return the names that a file's outermost lines give a value, by whatever statement."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


def environment(metrics: Sequence[Metric], jobs: Sequence[Job]) -> dict[str, str]:
    """Return what programs are told; refuse specs that such a measure cannot measure."""
    if not metrics:
        return {}
    for job in jobs:
        task = job.plan.common.task
        if task is None or task.type not in _TASKS:
            kind = "has no task" if task is None else f"has task {task.type}"
            raise click.UsageError(f"--metric: {job.plan.common.name} {kind}, without answers")
        known = {metric.type for metric in job.plan.common.evaluate.metrics}
        if clash := sorted(known & {metric.name for metric in metrics}):
            raise click.UsageError(f"--metric: {job.plan.common.name} has a metric {clash[0]}")
    return {VARIABLE: json.dumps([asdict(metric) for metric in metrics])}

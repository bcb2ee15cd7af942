"""Models that an earlier experiment of the project is to make: ``run:NAME``.

The experiment need not have run yet: `nivel run a.yaml b.yaml` runs one after the other. What
can be known is whether any spec of the project has that name, and where it starts from in turn.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..diagnostics import CompileError, Diagnostic, Location
from ..document import DataPath, parse_document
from ..regular import read_regular
from ..source import read_source
from ..words import listed, show
from .base import Context, error, model_rule, warning

MOST_FILES = 500
"""Specs looked through for a name, in the spec's own folder and in `specs/`."""

MOST_BYTES = 65_536
_NAME = re.compile(r"""^name:[ ]*["']?([a-z0-9][a-z0-9-]{0,62})["']?[ ]*(?:#.*)?$""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Step:
    """A spec that starts from a run, and the place where it says so."""

    name: str
    path: str | None
    level: str | None
    where: Location | None


@model_rule("NV358", "circle of runs")
def check_circle(context: Context, at: DataPath) -> Iterator[Diagnostic]:
    """A model cannot start from the run that is to start from it."""
    own, target = context.get("name"), _target(context.get(*at, "path"))
    if own is None or target is None:
        return
    where = context.where(*at, "path")
    if target == own:
        message = f"{show(own)} starts from its own run"
        yield error("NV358", message, where, "name the experiment that is to run first")
        return
    seen, steps = {own}, []
    while target is not None and target not in seen:
        seen.add(target)
        step = _find(context, target)
        if step is None:
            return
        steps.append(step)
        target = _target(step.path)
    if target == own:
        way = " -> ".join([own, *(step.name for step in steps), own])
        related = tuple((step.where, f"{step.name} starts from") for step in steps if step.where)
        message = f"these experiments start from one another in a circle: {way}"
        yield error("NV358", message, where, "let one of them start from another model", related)


@model_rule("NV359", "run of no known experiment")
def check_known(context: Context, at: DataPath) -> Iterator[Diagnostic]:
    """Neither a run nor a spec of that name is at hand, so it is probably misspelt."""
    target, own = _target(context.get(*at, "path")), context.get("name")
    if target is None or target == own or _find(context, target) is not None:
        return
    if os.path.isdir(os.path.join(context.project, "runs", target)):
        return
    from ..suggest import nearest

    names = sorted({*_specs(context), *_run_names(context)} - {own})
    close = nearest(target, names)
    message = f"neither a run nor a spec of the project is called {show(target)}"
    cure = f"write `run:{close}`" if close else "run that experiment first"
    cure = cure if close or not names else f"{cure}; there are {listed(names, 5)}"
    yield warning("NV359", message, context.where(*at, "path"), cure)


@model_rule("NV361", "run that saves no model")
def check_saves(context: Context, at: DataPath) -> Iterator[Diagnostic]:
    """Level prompt trains nothing, so that its runs hold no model to start from."""
    target = _target(context.get(*at, "path"))
    step = None if target is None or target == context.get("name") else _find(context, target)
    if step is not None and step.level == "prompt":
        message = f"{show(step.name)} is of level `prompt`, whose runs save no model"
        related = ((step.where, "the model that it asks"),) if step.where else ()
        cure = f"write `path: {step.path}`" if step.path else "name an experiment that trains"
        yield error("NV361", message, context.where(*at, "path"), cure, related)


def _target(path: Any) -> str | None:
    return path[4:] if isinstance(path, str) and path.startswith("run:") else None


def _find(context: Context, name: str) -> _Step | None:
    """Return what the spec called ``name`` starts from; None where no spec is."""
    file = _specs(context).get(name)
    if file is None:
        return None
    if ("run", file) not in context.memo:
        context.memo["run", file] = _read(context, file, name)
    step: _Step | None = context.memo["run", file]
    return step


def _read(context: Context, file: str, name: str) -> _Step | None:
    target = os.path.join(context.project, file)
    try:  # what it extends is left alone: that may lie in a package or on a server
        document, _ = parse_document(read_source(target, os.path.relpath(target)))
    except CompileError:
        return None
    if document is None or document.value(("name",)) != name:
        return None
    path, level = document.value(("model", "path")), document.value(("level",))
    where = document.point(("model", "path"))
    return _Step(name, path if isinstance(path, str) else None, str(level), where)


def _specs(context: Context) -> dict[str, str]:
    """Return the names of the specs nearby, each with its file; the first of a name counts."""
    if ("specs",) not in context.memo:
        found: dict[str, str] = {}
        own = os.path.realpath(context.document.main)
        for file in _nearby(context):
            path = os.path.join(context.project, file)
            said = None if os.path.realpath(path) == own else _name_in(path)
            if said is not None:
                found.setdefault(said, file)
        context.memo["specs",] = found
    known: dict[str, str] = context.memo["specs",]
    return known


def _nearby(context: Context) -> list[str]:
    """List the spec files of the own folder and of `specs/`, relative to the project."""
    root = os.path.realpath(context.project)
    own = os.path.dirname(os.path.realpath(context.document.main))
    files: list[str] = []
    folders = [own] if own == root or own.startswith(root + os.sep) else []
    for top, inner, _ in os.walk(os.path.join(root, "specs")):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        folders += [top] if top != own else []
        if len(folders) > MOST_FILES:
            break
    for folder in folders:
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        specs = [name for name in names if name.endswith((".yaml", ".yml"))]
        files += [os.path.relpath(os.path.join(folder, name), root) for name in specs]
    return files[:MOST_FILES]


def _name_in(path: str) -> str | None:
    """Read the name out of a spec without parsing it."""
    try:
        found = _NAME.search(read_regular(path, MOST_BYTES).decode("utf-8"))
    except (OSError, ValueError):
        return None
    return found[1] if found else None


def _run_names(context: Context) -> list[str]:
    try:
        return sorted(os.listdir(os.path.join(context.project, "runs")))[:1000]
    except OSError:
        return []

"""Adapters and lengths against the config.json of a model that is on this disk."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

from ..diagnostics import Diagnostic
from ..regular import read_regular
from ..words import listed, show
from .architectures import MODULES, known_module, positions, smallest_side
from .base import Context, error, rule, warning
from .rows import locate

MOST_BYTES = 1_000_000


def local_config(context: Context) -> dict[str, Any]:
    """Return the config.json of a model folder in the project; empty where there is none."""
    path = context.get("model", "path")
    if not isinstance(path, str) or not path.startswith("./"):
        return {}
    if ("config", path) not in context.memo:
        context.memo["config", path] = _read(context, path)
    config: dict[str, Any] = context.memo["config", path]
    return config


def _read(context: Context, path: str) -> dict[str, Any]:
    target = locate(context, os.path.join(path, "config.json"))
    try:
        if target is None:
            return {}
        config = json.loads(read_regular(target, MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(config, dict):
        return {}
    text = config.get("text_config")  # where a model reads pictures too
    return {**config, **text} if isinstance(text, dict) else config


@rule("NV315", "adapter target named twice")
def check_targets(context: Context) -> Iterator[Diagnostic]:
    """A module gets one adapter."""
    key = targets_key(context)
    for index, name in _targets(context):
        names = context.get("method", key)
        if name in names[:index]:
            first = ("method", key, names.index(name))
            related = context.related((first, "first named here"))
            where = context.where("method", key, index)
            message = f"target {show(name)} is named twice"
            yield error("NV315", message, where, "remove one of the two", related)


@rule("NV352", "adapter target that the model lacks")
def check_modules(context: Context) -> Iterator[Diagnostic]:
    """PEFT passes over a target that no module has, as long as another one is found."""
    kind = local_config(context).get("model_type")
    if context.get("method", "type") == "ln-tuning":
        return  # it names norm layers, which are none of those listed here
    for index, name in _targets(context):
        if not isinstance(kind, str) or known_module(kind, name):
            continue
        from ..suggest import nearest

        known = MODULES[kind]
        close = nearest(name.rpartition(".")[2], known)
        message = f"a model of type {show(kind)} has no module {show(name)}"
        cure = f"write `{close}`" if close else f"its linear modules are {listed(known)}"
        related = context.related((("model", "path"), f"of type {kind}"))
        where = context.where("method", targets_key(context), index)
        yield error("NV352", message, where, cure, related)


@rule("NV353", "rank larger than the matrix")
def check_rank(context: Context) -> Iterator[Diagnostic]:
    """Two factors of a rank above the smaller side hold more numbers than they can use."""
    rank, config = context.get("method", "rank"), local_config(context)
    kind = config.get("model_type")
    if rank is None or not isinstance(kind, str) or kind not in MODULES:
        return
    names = [name for _, name in _targets(context)] or list(MODULES[kind])
    sides = {name: side for name in names if (side := smallest_side(config, name))}
    if not sides or rank <= min(sides.values()):
        return
    name = min(sides, key=lambda each: sides[each])
    message = f"rank {int(rank)} is larger than the smaller side of {show(name)}, {sides[name]}"
    related = context.related((("model", "path"), "the model's config.json says so"))
    cure = f"write `rank: {sides[name]}` or less"
    yield warning("NV353", message, context.where("method", "rank"), cure, related)


@rule("NV354", "rows longer than the model reads")
def check_length(context: Context) -> Iterator[Diagnostic]:
    """Positions beyond those of the model's config.json were never trained, or do not exist."""
    length, longest = context.get("train", "max_length"), positions(local_config(context))
    if length is None or longest is None or length <= longest:
        return
    message = f"max_length {int(length)} is longer than the {longest} positions of the model"
    related = context.related((("model", "path"), "the model's config.json says so"))
    cure = f"write `max_length: {longest}`"
    where = context.where("train", "max_length")
    if context.has("train", "max_length"):
        yield error("NV354", message, where, cure, related)
    else:  # the default; no row may be so long
        yield warning("NV354", message, context.key("train"), cure, related)


def targets_key(context: Context) -> str:
    """Return what the method at hand calls the modules that get an adapter."""
    return "targets" if context.get("method", "type") == "lora" else "target_modules"


def _targets(context: Context) -> list[tuple[int, str]]:
    """Return the targets named, with their places; none for `all-linear`."""
    targets = context.get("method", targets_key(context))
    if not isinstance(targets, list):
        return []
    return [(index, name) for index, name in enumerate(targets) if isinstance(name, str)]

"""Endpoints that were probed: what was seen stands in place of what their type promises."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from ..capabilities import Support, support
from ..diagnostics import Diagnostic
from ..probes import Probed, read_record
from ..words import show
from .base import Context, error, rule
from .rows import locate

_CURE = "write it with `nivel probe SPEC --record`"


def what_it_does(context: Context, model: dict[str, Any], parameter: str) -> tuple[str, Support]:
    """Return who a model is, in words, and what it does with a parameter.

    What a probe could not tell is what the table says.
    """
    endpoint = model.get("endpoint")
    if not isinstance(endpoint, dict):
        return "a local model", support(None, parameter)
    kind = endpoint.get("type", "openai-compatible")
    found = record_of(context, endpoint)
    seen: Support = found.support(parameter) if isinstance(found, Probed) else "unknown"
    if isinstance(found, Probed) and seen != "unknown":
        return f"{show(endpoint['name'])}, as probed on {found.date},", seen
    return f"an endpoint of type `{kind}`", support(kind, parameter)


def record_of(context: Context, endpoint: dict[str, Any]) -> Probed | tuple[str, str] | None:
    """Return the record of an endpoint; what is wrong with it, and the cure; None without one."""
    path = endpoint.get("capabilities")
    if not isinstance(path, str):
        return None
    if ("probed", path) not in context.shared:
        context.shared["probed", path] = _read(context, path)
    found: Probed | tuple[str, str] = context.shared["probed", path]
    return found


def _read(context: Context, path: str) -> Probed | tuple[str, str]:
    target = locate(context, path)
    if target is None:
        return f"{show(path)} lies outside the project", "keep the record in the project"
    if not os.path.isfile(target):
        return f"{show(path)} does not exist in the project", _CURE
    try:
        return read_record(target)
    except OSError as fault:
        return f"{show(path)} cannot be read: {fault.strerror or fault}", _CURE
    except ValueError as fault:
        return f"{show(path)} is no record of a probe: {fault}", _CURE


@rule("NV375", "record of a probe that cannot be read")
def check_record(context: Context) -> Iterator[Diagnostic]:
    """What an endpoint does is judged by a record in the project, and never by a guess at it."""
    from .endpoints import paid_endpoints

    for path, said in paid_endpoints(context):
        found = record_of(context, said)
        if isinstance(found, tuple):
            message, cure = found
            yield error("NV375", message, context.where(*path, "capabilities"), cure)


@rule("NV376", "record of another endpoint")
def check_whose(context: Context) -> Iterator[Diagnostic]:
    """What one model at one address was seen to do says nothing of another."""
    from .endpoints import paid_endpoints

    for path, said in paid_endpoints(context):
        found = record_of(context, said)
        if not isinstance(found, Probed):
            continue
        key = "base_url" if _plain(found.base_url) != _plain(said["base_url"]) else "name"
        was = found.base_url if key == "base_url" else found.model
        if key == "base_url" or was != said["name"]:
            message = f"{show(said['capabilities'])} is the record of {show(was)}"
            related = context.related(((*path, key), "this is asked"))
            where = context.where(*path, "capabilities")
            yield error("NV376", message, where, "probe this endpoint: " + _CURE, related)


def _plain(address: str) -> str:
    return address.rstrip("/")

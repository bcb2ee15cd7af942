"""Services that metrics are also sent to.

A spec names what is at home with the one who runs it, a project or an experiment; where that home
is, and the key to it, are in the environment. So a spec of a stranger sends nothing to a stranger.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

SERVICES = {"mlflow": "experiment", "wandb": "project"}
"""Service -> what a run belongs to there."""

PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,119}\Z")
"""What a name there may be. Without `/`, `:` and `@` it is no place, account or path."""


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """A service, the project or experiment there, and the run's name there; None: its own."""

    type: str
    within: str
    name: str | None


def build_track(data: dict[str, Any] | None) -> tuple[ServiceSpec, ...]:
    """Return the services that a sound section names, in the order of :data:`SERVICES`."""
    said = data or {}
    return tuple(
        ServiceSpec(kind, said[kind][within], said[kind].get("name"))
        for kind, within in SERVICES.items()
        if kind in said
    )


def track_lines(services: tuple[ServiceSpec, ...]) -> list[tuple[str, str]]:
    """Return the lines of a plan that say where metrics go."""
    return [
        ("track", f"{one.type}, {SERVICES[one.type]} {one.within}" + _as(one)) for one in services
    ]


def _as(one: ServiceSpec) -> str:
    return f", as {one.name}" if one.name else ""

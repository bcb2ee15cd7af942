"""The catalog of devices, and those that a project adds in its ``hardware.yaml``.

A figure that is not known is null in the file and None here; nothing is assumed in its place.
"""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

from ..schemas import read_schema
from .diagnostics import CompileError
from .document import parse_document
from .sharing.refused import inside
from .source import read_source

OWN = "hardware.yaml"
"""File in the root of a project: name -> the keys of the catalog, of which memory_gib is needed.

Of a built-in profile, such as `local`, any of them may be said.
"""

BUILT_IN = ("local", "cpu", "cuda")
"""Profiles that name no device."""

_COUNTED = re.compile(r"([a-z][a-z0-9-]*[a-z0-9])x([1-9][0-9]?)\Z")
_NUMBERS = ("memory_gib", "bf16_tflops", "bandwidth_gbs", "usd_per_hour")


@dataclass(frozen=True, slots=True)
class Device:
    """One accelerator. Memory in GiB, dense bf16 rate in TFLOP/s, bandwidth in GB/s, US dollars.

    ``price_source`` says where and when the price was read.
    """

    name: str
    title: str
    memory_gib: float | None
    bf16_tflops: float | None = None
    bandwidth_gbs: float | None = None
    usd_per_hour: float | None = None
    price_source: str | None = None
    source: str | None = None
    date: str | None = None


def find_device(name: str, project: str) -> tuple[Device, int] | None:
    """Return the device that a profile names and how many: ``h100x8``; None where none is."""
    device, count = split_name(name)
    found = catalog().get(device) or own_devices(project).get(device)
    return None if found is None else (found, count)


def split_name(name: str) -> tuple[str, int]:
    """Return the device and the count that a profile names: ``h100x8`` is 8 of ``h100``."""
    said = _COUNTED.match(name)
    return (said[1], int(said[2])) if said else (name, 1)


def names(project: str) -> list[str]:
    """Return the devices that can be named, without counts."""
    return sorted({**catalog(), **own_devices(project)})


@cache
def catalog() -> dict[str, Device]:
    """Return the devices that come with nivel."""
    found = read_schema("devices.json")["devices"]
    return {name: Device(name, **facts) for name, facts in found.items()}


def with_own_figures(known: Device | None, profile: str, project: str) -> Device | None:
    """Return a built-in profile's device with what the project's file says of that profile.

    So a machine that has no row in the catalog gets a price, or a rate.
    """
    said = _own(project).get(profile)
    if said is None:
        return known
    figures = {key: value for key, value in asdict(said).items() if value is not None}
    return replace(known or said, **{**figures, "title": known.title if known else said.title})


def own_devices(project: str) -> dict[str, Device]:
    """Return the devices of the project; of a file that cannot be read, none."""
    return {name: one for name, one in _own(project).items() if name not in BUILT_IN}


def _own(project: str) -> dict[str, Device]:
    path = _own_path(project)
    if path is None:
        return {}
    try:
        document, _ = parse_document(read_source(path, OWN))
    except CompileError:
        return {}
    data = document.data if document is not None else {}
    found = {}
    for name, facts in data.items() if isinstance(data, dict) else ():
        if isinstance(facts, dict) and fault(name, facts) is None:
            found[name] = Device(name, **{"title": name, "memory_gib": None, **facts})
    return found


def _own_path(project: str) -> str | None:
    """Return the project's file, or None where there is none or a link leads out of the project."""
    root = os.path.realpath(project)
    path = os.path.realpath(os.path.join(root, OWN))
    return path if os.path.isfile(path) and inside(path, root) else None


def own_fault(project: str) -> str | None:
    """Say what is wrong with the project's file, or None where it is sound or not there."""
    path = _own_path(project)
    if path is None:
        return None
    try:
        document, found = parse_document(read_source(path, OWN))
    except CompileError as error:
        document, found = None, list(error.diagnostics)
    if document is None or found:
        return f"it is no YAML: {found[0].message}" if found else "it cannot be read"
    data = document.data
    if not isinstance(data, dict):
        return "it is no map of devices"
    return next((wrong for each in data.items() if (wrong := fault(*each))), None)


def own_figures_fault(profile: str, project: str) -> str | None:
    """Say what is wrong with what the project's file says of a built-in profile, if anything."""
    path = _own_path(project)
    try:
        document = parse_document(read_source(path, OWN))[0] if path else None
    except CompileError:
        return None  # as if it were not there: this profile needs nothing of it
    said = document.data if document is not None else {}
    named = isinstance(said, dict) and profile in said
    return fault(profile, said[profile]) if named else None


def fault(name: Any, facts: Any) -> str | None:
    """Say what is wrong with a device of the project, or None."""
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9-]*", name):
        return f"{str(name)[:40]!r} is no name of a device: a to z, 0 to 9 and `-`"
    if split_name(name)[1] != 1:
        return f"{name!r} means something already; choose another name"
    if not isinstance(facts, dict):
        return f"{name} is no map of figures"
    if facts.get("memory_gib") is None and name not in BUILT_IN:
        return f"{name} has no memory_gib"
    for key, value in facts.items():
        if key in _NUMBERS:
            sound = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
            if value is not None and not sound:
                return f"{name}: {key} is no number above 0"
        elif key not in ("title", "source", "date", "price_source"):
            return f"{name}: there is no key {key!r}"
        elif value is not None and not isinstance(value, str):
            return f"{name}: {key} is no text"
    return None

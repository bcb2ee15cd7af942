"""Find the ``config.json`` of a model that a spec names, on this disk alone.

Nothing is downloaded. A hub model is known where its config lies in the local cache of
huggingface_hub, whose layout is https://huggingface.co/docs/huggingface_hub/guides/manage-cache.
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

from ..regular import read_regular
from ..sharing.refused import Refused, inside
from .gguf import read_gguf
from .shapes import Unknown

if TYPE_CHECKING:
    from ..spec import ModelRef

MOST_BYTES = 1_000_000
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*\Z", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_REVISION = re.compile(r"[A-Za-z0-9][\w.-]*\Z", re.ASCII)
_RUN = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")


def find_config(model: ModelRef, project: str) -> dict[str, Any]:
    """Return what the ``config.json`` of a model says.

    Raises:
        Unknown: the model is not here, or has no config that can be read.
    """
    path = model.path
    if path.startswith("run:"):
        return _of_run(path.removeprefix("run:"), project)
    if path.startswith("pkg:"):
        return _at(_in_package(path, project))
    if path.startswith("./"):
        return _at(_in_project(path, project))
    if _HUB_ID.match(path):
        return _of_hub(path, model.revision)
    raise Unknown("the model is not here")


def _in_package(path: str, project: str) -> str:
    from ..sharing.packages import locate, split_name

    try:
        _, found = locate(*split_name(path), os.path.realpath(project), folders=True)
    except Refused as refused:
        raise Unknown(refused.message) from None
    return found


def _in_project(path: str, project: str) -> str:
    root = os.path.realpath(project)
    found = os.path.realpath(os.path.join(root, path)) if "\0" not in path else ""
    if not inside(found, root):
        raise Unknown("the model is not in the project")
    return found


def _at(path: str) -> dict[str, Any]:
    """Read a model's folder, or its GGUF file."""
    if path.endswith(".gguf"):
        return read_gguf(path)
    if os.path.isfile(os.path.join(path, "base.json")):
        raise Unknown("the model is a soft prompt in front of another")
    return _read(os.path.join(path, "config.json"))


def _read(path: str) -> dict[str, Any]:
    try:
        config = json.loads(read_regular(path, MOST_BYTES))
    except OSError:
        raise Unknown("config not here") from None
    except (ValueError, RecursionError):
        raise Unknown("its config.json is no JSON") from None
    if not isinstance(config, dict):
        raise Unknown("its config.json is no map")
    return config


def _of_run(name: str, project: str) -> dict[str, Any]:
    """Read the model of the newest completed run; ids begin with the time, so they sort by it."""
    from ..sharing.entries import _completed, _folders, _saved

    root = os.path.realpath(project)
    runs = os.path.join(root, "runs", name)
    for run in sorted(_folders(runs), reverse=True) if _RUN.match(name) else ():
        model = os.path.join(runs, run, "model")
        if _completed(os.path.join(runs, run)) and _saved(model):
            return _at(_in_project(os.path.relpath(model, root), project))
    raise Unknown(f"no completed run of {name!r} has saved a model yet")


def _of_hub(name: str, revision: str | None) -> dict[str, Any]:
    folder = os.path.join(hub_cache(), "models--" + name.replace("/", "--"))
    commit = revision or "main"
    if not _COMMIT.match(commit):
        commit = _commit_of(folder, commit)
    return _read(os.path.join(folder, "snapshots", commit, "config.json"))


def _commit_of(folder: str, revision: str) -> str:
    if not _REVISION.match(revision):
        raise Unknown("config not here")
    try:
        commit = read_regular(os.path.join(folder, "refs", revision), 100).decode("ascii").strip()
    except (OSError, ValueError):
        raise Unknown("config not here") from None
    if not _COMMIT.match(commit):
        raise Unknown("config not here")
    return commit


def hub_cache() -> str:
    """Return where huggingface_hub keeps what it has downloaded, by its own variables."""
    given = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if given:
        return given
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(os.environ.get("HF_HOME") or os.path.join(base, "huggingface"), "hub")

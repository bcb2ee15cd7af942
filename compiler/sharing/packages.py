"""Files of installed Python packages, found without running any of a package's code."""

from __future__ import annotations

import os
import re

from .refused import Refused, inside

_FORM = re.compile(r"pkg:([A-Za-z_][A-Za-z0-9_]*)/(.+)\Z")
VENDOR = os.path.join("vendor", "pkg")
"""Where a bundle keeps the files that it took from packages, below the project."""


def split_name(name: str) -> tuple[str, str]:
    """Return the package and the path in it of ``pkg:package/path.yaml``; raises Refused."""
    found = _FORM.match(name)
    if found is None or "\\" in name or {"", ".", ".."} & set(found[2].split("/")):
        cure = "write `pkg:PACKAGE/path.yaml`, with one import name and a plain path in it"
        raise Refused("NV511", f"`{name}` does not name a file of a package", cure)
    return found[1], found[2]


def locate(package: str, inner: str, project: str, *, folders: bool = False) -> tuple[str, str]:
    """Return the folder of ``package`` and the real path of the file ``inner`` inside it.

    With ``folders``, ``inner`` may also be a folder.

    A copy that a bundle brought along comes first, so that the bundle means the same wherever it
    is unpacked. Raises :class:`Refused` where the package or the file is not there, or where a
    link leads out of the package.
    """
    roots = [*_vendored(package, inner, project), *(_folders(package) or ())]
    if not roots and _folders(package) is None:
        cure = f"pip install {package.replace('_', '-')}"
        raise Refused("NV510", f"the Python package `{package}` is not installed", cure)
    for root in map(os.path.realpath, roots):
        path = os.path.realpath(os.path.join(root, *inner.split("/")))
        if os.path.lexists(path) and not inside(path, root):
            raise Refused("NV511", f"`pkg:{package}/{inner}` leads out of the package by a link")
        if os.path.isfile(path) or (folders and os.path.isdir(path)):
            return root, path
    cure = "look at the files that the package installed"
    raise Refused("NV511", f"the package `{package}` holds no file `{inner}`", cure)


def _vendored(package: str, inner: str, project: str) -> list[str]:
    folder = os.path.realpath(os.path.join(project, VENDOR, package))
    there = os.path.isfile(os.path.join(folder, *inner.split("/")))
    return [folder] if there and inside(folder, project) else []


def _folders(package: str) -> list[str] | None:
    """Return the folders of a top-level package; None where there is no such package.

    Only top-level names are asked for: for a dotted one, Python would run the parent's code.
    """
    from importlib.util import find_spec

    try:
        spec = find_spec(package)
    except (ImportError, ValueError, AttributeError):
        return None
    if spec is None or spec.submodule_search_locations is None:
        return None
    return [os.fspath(folder) for folder in spec.submodule_search_locations]


def version_of(package: str) -> str | None:
    """Return the version of the distribution that installed ``package``, where one says so."""
    from importlib import metadata

    for name in (package, *metadata.packages_distributions().get(package, ())):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None

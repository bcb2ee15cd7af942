"""Spec files from outside the project: of an installed package, or of a git commit."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..diagnostics import CompileError, Diagnostic
from ..source import MAX_BYTES, read_bytes
from .refused import Refused

if TYPE_CHECKING:
    from .git import GitSource
    from .gitname import GitName


@dataclass(frozen=True, slots=True)
class PackageFile:
    """A file of an installed package, or of a bundle's copy of one."""

    package: str
    inner: str
    project: str
    root: str
    path: str
    kind = "pkg"

    @property
    def shown(self) -> str:
        """The name as it is written in a spec."""
        return f"pkg:{self.package}/{self.inner}"

    @property
    def identity(self) -> str:
        """Equal for two names of one file."""
        return self.shown

    def read(self) -> bytes:
        """Return the bytes of the file; raises CompileError."""
        return read_bytes(self.path, self.shown)

    def relative(self, name: str) -> PackageFile:
        """Return the file of the same package that ``name`` means here; raises Refused."""
        return package_file(self.package, _joined(self.inner, name, "package"), self.project)


@dataclass(frozen=True, slots=True)
class GitFile:
    """A file of a commit."""

    name: GitName
    source: GitSource
    kind = "git"

    @property
    def shown(self) -> str:
        """The name as it is written in a spec."""
        return self.name.shown

    @property
    def identity(self) -> str:
        """Equal for two names of one file."""
        return self.shown

    def read(self) -> bytes:
        """Return the bytes of the file; raises Refused or CompileError."""
        raw = self.source.read(self.name)
        if len(raw) > MAX_BYTES:
            message = f"`{self.name.path}` is larger than a spec can be ({MAX_BYTES:,} bytes)"
            raise CompileError([Diagnostic("NV110", "error", message, None)])
        return raw

    def relative(self, name: str) -> GitFile:
        """Return the file of the same commit that ``name`` means here; raises Refused."""
        inner = _joined(self.name.path, name, "repository")
        return GitFile(replace(self.name, path=inner), self.source)


def package_file(package: str, inner: str, project: str) -> PackageFile:
    """Find a file of an installed package; raises Refused."""
    from .packages import locate

    root, path = locate(package, inner, project)
    return PackageFile(package, inner, project, root, path)


def _joined(here: str, name: str, what: str) -> str:
    """Join a relative name to the path of the file that says it, without leaving the top."""
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(here), name))
    if name.startswith("/") or "\\" in name or joined.split("/")[0] in ("..", "."):
        raise Refused("NV503", f"`{name}` leads out of the {what} that says it",
                      f"extend a file of the same {what}")  # fmt: skip
    return joined

"""Where a spec file lives: in the project, or (:mod:`.foreign`) in a package or a git commit.

A home reads its file and knows the homes that the file may extend by a relative path: always
inside the same project, package or commit. What a stranger's file may reach never grows on the way.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from ..source import read_bytes
from .refused import Refused, inside

if TYPE_CHECKING:
    from .foreign import GitFile, PackageFile

Home: TypeAlias = "ProjectFile | PackageFile | GitFile"


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """A file of the project; ``path`` leads to it, ``shown`` is what the user sees."""

    path: str
    shown: str
    project: str
    kind = "file"

    @property
    def identity(self) -> str:
        """Equal for two names of one file."""
        return os.path.realpath(self.path)

    def read(self) -> bytes:
        """Return the bytes of the file; raises CompileError."""
        return read_bytes(self.path, self.shown)

    def relative(self, name: str) -> ProjectFile:
        """Return the file that ``name`` means in this one; raises Refused."""
        path = os.path.join(os.path.dirname(self.path), name)
        shown = os.path.normpath(os.path.join(os.path.dirname(self.shown), name))
        real = os.path.realpath(path)
        if os.path.isabs(name) or not inside(real, self.project):
            cure = "extend a relative path inside the project"
            raise Refused("NV503", f"`{name}` lies outside the project", cure)
        if not os.path.isfile(real):
            cure = "give a path relative to the file that extends it"
            raise Refused("NV501", f"`{name}` does not exist", cure)
        return replace(self, path=path, shown=shown)

"""Names of files in git: ``git+https://host/repo.git@<commit>#path/in/repo.yaml``.

``git+ssh://git@host/repo.git@...`` asks by ssh, and ``git+file:folder/repo.git@...`` reads a
repository that lies in the project.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from .refused import Refused, inside

PROTOCOLS = ("https", "ssh", "file")

# A host or path that begins with a hyphen would be read as an option by ssh; nothing outside these
# letters is ever handed on.
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?\Z")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
_PATH = re.compile(r"(?:/[A-Za-z0-9_.~+][A-Za-z0-9_.~+ -]*)+/?\Z")
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_ELSEWHERE = (
    ".git/objects/info/alternates",
    "objects/info/alternates",
    ".git/commondir",
    "commondir",
)
_FORM = "git+https://host/repository.git@<commit>#path/in/repository.yaml"


@dataclass(frozen=True, slots=True)
class GitName:
    """A file of a commit: ``address`` as the spec says it, ``path`` from the repository's top.

    ``url`` is the address as git takes it; a local one is relative to the project in a spec.
    """

    address: str
    url: str
    commit: str
    path: str

    @property
    def shown(self) -> str:
        """The name as it is written in a spec."""
        return f"git+{self.address}@{self.commit}#{self.path}"

    @property
    def protocol(self) -> str:
        """What git speaks to get there: ``https``, ``ssh`` or ``file``."""
        return self.address.partition(":")[0]


def parse_git_name(name: str, project: str) -> GitName:
    """Return the parts of a ``git+`` name; raises :class:`Refused` for what is not pinned or safe.

    The messages never repeat an address with a password in it.
    """
    address, mark, path = name.removeprefix("git+").partition("#")
    protocol, colon, rest = address.partition(":")
    place, commit = _part_commit(rest)
    if protocol in ("http", *PROTOCOLS):
        _refuse_credentials(protocol, place.removeprefix("//"))
    if protocol not in PROTOCOLS or not colon or not mark:
        message = "a git source needs a protocol (https, ssh or file), a commit and a path"
        raise Refused("NV506", message, f"write `{_FORM}`")
    url = _url_of(protocol, place, project)
    if not _COMMIT.match(commit):
        said = f"`{commit}`" if commit else "nothing"
        cure = f"`git ls-remote {protocol}:{place}` lists commits: write `@` and 40 hex digits"
        raise Refused("NV505", f"a git source is pinned to a full commit, not to {said}", cure)
    return GitName(f"{protocol}:{place}", url, commit, _check_path(path))


def _part_commit(rest: str) -> tuple[str, str]:
    """Part ``//host/repo.git@commit``; an ``@`` before the first slash belongs to the host."""
    place, at, commit = rest.rpartition("@")
    if not at or "/" not in place.removeprefix("//"):
        # `//git@host/repo.git` has no commit; `file:repo.git@commit` has one.
        return (place, commit) if at and "/" not in commit else (rest, "")
    return place, commit


def _refuse_credentials(protocol: str, place: str) -> None:
    """A user name alone is no secret for ssh; elsewhere it can be a token."""
    user, at, _ = place.partition("/")[0].rpartition("@")
    if at and (":" in user or protocol != "ssh"):
        cure = "remove it, revoke it, and let git's credential helper answer for the host"
        raise Refused("NV507", "the address of a git source holds a user name or a password", cure)


def _url_of(protocol: str, place: str, project: str) -> str:
    """Return the address for git; raises Refused where it is of no plain form."""
    if protocol == "file":
        return _local(place, project)
    host, slash, path = place.removeprefix("//").partition("/")
    user, at, host = host.rpartition("@")
    plain = _HOST.match(host) and (not at or _USER.match(user)) and _PATH.match(slash + path)
    if not plain or not place.startswith("//"):
        cure = f"write `{_FORM}`, with plain letters in host and path"
        raise Refused("NV506", "the address of a git source is not of a plain form", cure)
    return f"{protocol}:{place}"


def _local(place: str, project: str) -> str:
    """A local repository has to be one of the project's own, with nothing borrowed from another."""
    real = os.path.realpath(os.path.join(project, place))
    if place.startswith("/") or not _PATH.match(f"/{place}") or not inside(real, project):
        cure = "name one inside the project as `git+file:folder/repository.git@<commit>#path`"
        raise Refused("NV512", "a local git repository must lie inside the project", cure)
    for inner in _ELSEWHERE:
        if os.path.lexists(os.path.join(real, inner)):
            raise Refused("NV512", f"the local git repository borrows objects by `{inner}`",
                          "make a full clone of it inside the project")  # fmt: skip
    for inner in (".git", ".git/objects", "objects"):
        found = os.path.join(real, inner)
        if os.path.islink(found) or (inner == ".git" and os.path.isfile(found)):
            raise Refused("NV512", f"`{inner}` of the local git repository leads elsewhere",
                          "make a full clone of it inside the project")  # fmt: skip
    return real


def _check_path(path: str) -> str:
    steps = path.split("/")
    if {"", ".", ".."} & set(steps) or not path.isprintable() or "\\" in path:
        cure = "write the path from the top of the repository, such as `specs/shared.yaml`"
        raise Refused("NV506", "the path after `#` is not a plain path", cure)
    return path

"""Files of a git commit from stored objects, each checked against its own name.

A commit's hash covers its tree, a tree's hash covers its files: whoever knows the commit can check
every byte below it. So a cache or a bundle needs no trust, no git and no network, and git is never
started on a repository that came with somebody's project (its settings can run commands).
Format: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass

from ..source import MAX_BYTES
from .refused import Refused, inside

MAX_OBJECT = 8 * MAX_BYTES
"""A tree of 100,000 files is some 5 MB."""

_FILES = (b"100644", b"100755", b"100664")
_WHAT = {b"120000": "a symbolic link", b"160000": "a submodule"}
_FOLDER = b"40000"


class Missing(Exception):
    """An object that no store holds: it has to be fetched."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind, self.name = kind, name
        super().__init__(f"{kind} {name}")


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """Objects in files ``ab/cdef...`` of ``folders``; new ones are written to the first."""

    project: str
    folders: tuple[str, ...]

    def read(self, kind: str, name: str) -> bytes:
        """Return the body of an object; a damaged copy counts as :class:`Missing`."""
        head, _, body = self.raw(name, kind).partition(b"\0")
        if head != f"{kind} {len(body)}".encode():
            raise Missing(kind, name)
        return body

    def raw(self, name: str, kind: str = "object") -> bytes:
        """Return an object as it is stored, with its head; raises :class:`Missing`."""
        for folder in self.folders:
            raw = _read(os.path.join(folder, name[:2], name[2:]))
            if raw is not None and _name_of(raw) == name:
                return raw
        raise Missing(kind, name)

    def write(self, kind: str, name: str, body: bytes) -> None:
        """Keep an object; raises Refused where the bytes are not those that its name promises."""
        raw = f"{kind} {len(body)}".encode() + b"\0" + body
        if _name_of(raw) != name:
            raise Refused("NV508", f"git gave other bytes than those of {kind} {name[:12]}")
        folder = os.path.join(self.folders[0], name[:2])
        if not inside(os.path.realpath(folder), self.project):
            cure = "remove the link `.nivel`, or what lies below it"
            raise Refused("NV508", "the cache `.nivel/cache/git` leads out of the project", cure)
        _write(folder, name[2:], raw)


def read_file(store: ObjectStore, commit: str, path: str) -> tuple[bytes, list[str]]:
    """Return a file of a commit, and the names of all objects that prove it is one.

    Raises :class:`Missing` for the first object that is not stored, :class:`Refused` where the
    commit holds no such file.
    """
    head = store.read("commit", commit)
    tree = head[5:45].decode("ascii", "replace") if head.startswith(b"tree ") else ""
    proof, steps = [commit, tree], path.split("/")
    for step in steps[:-1]:
        tree = _entry(store.read("tree", tree), step, path, (_FOLDER,))
        proof.append(tree)
    blob = _entry(store.read("tree", tree), steps[-1], path, _FILES)
    return store.read("blob", blob), [*proof, blob]


def _entry(tree: bytes, wanted: str, path: str, modes: tuple[bytes, ...]) -> str:
    at, name = 0, wanted.encode()
    while at < len(tree):
        end = tree.find(b"\0", at)
        mode, _, found = tree[at:end].partition(b" ")
        if end < 0:
            break
        if found == name:
            if mode not in modes:
                what = _WHAT.get(mode, "a folder" if mode == _FOLDER else "a file")
                raise Refused("NV509", f"`{wanted}` of `{path}` is {what} in that commit",
                              "name a plain file")  # fmt: skip
            return tree[end + 1 : end + 21].hex()
        at = end + 21
    cure = "check the path after `#`; it starts at the top of the repository"
    raise Refused("NV509", f"the commit holds no file `{path}`", cure)


def _name_of(raw: bytes) -> str:
    from hashlib import sha1

    return sha1(raw, usedforsecurity=False).hexdigest()


def _read(path: str) -> bytes | None:
    try:
        if not os.path.isfile(path) or os.path.getsize(path) > MAX_OBJECT:
            return None
        with open(path, "rb") as file:
            return file.read(MAX_OBJECT + 1)
    except OSError:
        return None


def _write(folder: str, name: str, raw: bytes) -> None:
    os.makedirs(folder, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, os.path.join(folder, name))
    except BaseException:
        os.unlink(temporary)
        raise

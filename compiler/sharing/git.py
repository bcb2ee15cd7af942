"""Fetch one commit with the git program, and take single objects out of it.

git runs without a shell, a terminal, hooks, submodules or a work tree, in a new empty repository
that is thrown away: what a stranger's repository says in its own settings is never read.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from typing import Any

from .gitname import GitName
from .objects import MAX_OBJECT, Missing, ObjectStore, read_file
from .refused import Refused

SECONDS = 120
MAX_PACK = 200_000_000
"""Bytes of one commit as git packs it; specs live in small repositories."""

CACHE = os.path.join(".nivel", "cache", "git")
VENDOR = os.path.join("vendor", "git")
"""Below the project: objects fetched before, and those that came with a bundle."""

_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.askPass=",
    "fetch.unpackLimit=1",  # one pack, so that the limit on a file's size holds for all of it
    "transfer.unpackLimit=1",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
)
# `git rev-parse --local-env-vars`: set where nivel runs inside a git hook, and not meant for us.
_DROPPED = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CONFIG", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT",
    "GIT_OBJECT_DIRECTORY", "GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE",
    "GIT_GRAFT_FILE", "GIT_INDEX_FILE", "GIT_NO_REPLACE_OBJECTS", "GIT_REPLACE_REF_BASE",
    "GIT_PREFIX", "GIT_SHALLOW_FILE", "GIT_COMMON_DIR", "GIT_ASKPASS", "SSH_ASKPASS",
)  # fmt: skip


class GitSource:
    """Reads files of commits: from stored objects, or else by fetching the commit once."""

    def __init__(self, project: str) -> None:
        self.store = ObjectStore(
            project, (os.path.join(project, CACHE), os.path.join(project, VENDOR))
        )
        self._fetched: dict[tuple[str, str], tempfile.TemporaryDirectory[str]] = {}

    def read(self, name: GitName) -> bytes:
        """Return the bytes of a file; raises :class:`Refused` where it cannot be had."""
        return self.prove(name)[0]

    def prove(self, name: GitName) -> tuple[bytes, list[str]]:
        """Return the bytes of a file, and the objects by which anyone can check them."""
        while True:
            try:
                return read_file(self.store, name.commit, name.path)
            except Missing as missing:
                body = self._take(name, missing)
                try:
                    self.store.write(missing.kind, missing.name, body)
                except OSError as error:
                    message = f"the cache {CACHE} cannot be written: {error.strerror}"
                    raise Refused("NV508", message) from error

    def _take(self, name: GitName, missing: Missing) -> bytes:
        key = (name.url, name.commit)
        if key not in self._fetched:
            _refuse_absent(name)
            folder = tempfile.TemporaryDirectory(prefix="nivel-git-")
            self._fetched[key] = folder
            fetch(name, folder.name)
        folder = self._fetched[key]
        size = _git(folder.name, ["cat-file", "-s", missing.name], name)
        if int(size) > MAX_OBJECT:
            raise Refused("NV508", f"a {missing.kind} of the commit is larger than a spec can be")
        return _git(folder.name, ["cat-file", missing.kind, missing.name], name)


def _refuse_absent(name: GitName) -> None:
    if name.protocol == "file" and not os.path.isdir(name.url):
        message = f"the project has no git repository `{name.address.removeprefix('file:')}`"
        raise Refused("NV508", message, "check the path; it is relative to the project")


def fetch(name: GitName, folder: str) -> None:
    """Fetch the commit of ``name`` alone, without its history, into the empty ``folder``."""
    _git(folder, ["init", "--quiet", "--bare", "--template=", "--", folder], name)
    arguments = ["fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules"]
    _git(folder, [*arguments, "--no-write-fetch-head", "--", name.url, name.commit], name)


def _git(folder: str, arguments: list[str], name: GitName) -> bytes:
    settings = [part for setting in _SETTINGS for part in ("-c", setting)]
    command = ["git", *settings, f"--git-dir={folder}", *arguments]
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(name.protocol),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # no terminal that ssh could ask at
            preexec_fn=_limit,
        )
    except OSError as error:
        cure = "install git, or copy the file into the project"
        raise Refused("NV508", f"git cannot be started: {error.strerror}", cure) from error
    return _wait(process, name)


def _wait(process: subprocess.Popen[bytes], name: GitName) -> bytes:
    try:
        out, errors = process.communicate(timeout=SECONDS)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if isinstance(error, subprocess.TimeoutExpired):
            message = f"git had no answer from {name.address} after {SECONDS} s"
            raise Refused("NV508", message, "check the network") from None
        raise
    if process.returncode == 0:
        return out
    message = f"git cannot fetch {name.commit[:12]} of {name.address}: {_said(errors)}"
    cure = f"check that `git ls-remote {name.address}` answers and that the commit is pushed there"
    if name.protocol == "file":
        cure = "check that the repository holds the commit"
    raise Refused("NV508", message, cure)


def _said(errors: bytes) -> str:
    """Return what git said last, as one short line that a terminal can show."""
    lines = [line.strip() for line in errors.decode("utf-8", "replace").splitlines()]
    text = next((line for line in reversed(lines) if line), "no reason given")
    if any("File too large" in line for line in lines):
        text = f"the commit is larger than {MAX_PACK:,} bytes"
    return "".join(char if char.isprintable() else " " for char in text)[:200]


def _environment(protocol: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in _DROPPED}
    fixed = {"GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": protocol, "LC_ALL": "C"}
    return {**kept, **fixed, "GIT_LFS_SKIP_SMUDGE": "1"}


def _limit() -> None:
    """In the child: no file larger than the cap, and an error in place of a signal."""
    resource: Any = __import__("resource")
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_PACK, MAX_PACK))

"""Check a bundle, whole, before anything of it is written; then unpack it in one step."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from typing import IO, Any

from .archive import Pieces, read_archive
from .manifest import MAX_BYTES, NAME, Facts, Manifest, check_names, parse_manifest
from .refused import Refused


def verify(path: str) -> tuple[Manifest, str]:
    """Return the manifest of a sound bundle, and the sha256 (hex) of the manifest.

    Raises:
        Refused: with code NV530, for the first thing that is not as the manifest has it.
        OSError: where the file cannot be read.
    """
    with open(path, "rb") as file:
        return _verify(file)


def _verify(file: IO[bytes]) -> tuple[Manifest, str]:
    found: Facts = {}
    names: list[str] = []
    raw = b""
    for name, size, pieces in read_archive(file):
        names.append(name)
        if name == NAME and size > MAX_BYTES:
            raise Refused("NV530", f"its {NAME} is too large")
        kept, found[name] = _measure(pieces, keep=name == NAME)
        raw = kept or raw
    check_names(names, "NV530")
    if NAME not in found:
        raise Refused("NV530", f"it holds no {NAME}: nivel did not make it")
    manifest = parse_manifest(raw)
    check_names(manifest.left_out, "NV530")
    _compare(manifest.files, {name: one for name, one in found.items() if name != NAME})
    return manifest, str(found[NAME]["sha256"])


def _measure(pieces: Pieces, *, keep: bool) -> tuple[bytes, dict[str, Any]]:
    digest, size, kept = sha256(), 0, bytearray()
    for piece in pieces:
        digest.update(piece)
        size += len(piece)
        if keep:
            kept += piece
    return bytes(kept), {"sha256": digest.hexdigest(), "size": size}


def _compare(expected: Facts, found: Facts) -> None:
    for name in sorted({*expected, *found}):
        if name not in expected:
            raise Refused("NV530", f"`{name}` is not in its {NAME}")
        if name not in found:
            raise Refused("NV530", f"`{name}` is missing")
        if expected[name] != found[name]:
            then, now = (facts[name]["sha256"][:12] for facts in (expected, found))
            raise Refused("NV530", f"`{name}` has sha256 {now}..., but {NAME} says {then}...")


def extract(path: str, folder: str) -> tuple[Manifest, str]:
    """Verify the bundle at ``path``, then unpack it into the new ``folder``: all of it or nothing.

    Raises:
        Refused: as :func:`verify` does, or where ``folder`` exists.
        OSError: where something cannot be read or written.
    """
    if os.path.lexists(folder):
        raise Refused("NV530", f"`{folder}` exists already", "name a folder that does not")
    with open(path, "rb") as file:
        manifest, identity = _verify(file)
        file.seek(0)
        parent = os.path.dirname(os.path.abspath(folder))
        os.makedirs(parent, exist_ok=True)
        staging = tempfile.mkdtemp(prefix=".unpacking-", dir=parent)
        try:
            _write_all(file, manifest, identity, staging)
            os.chmod(staging, 0o777 & ~_umask())
            os.rename(staging, folder)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return manifest, identity


def _write_all(file: IO[bytes], manifest: Manifest, identity: str, staging: str) -> None:
    """Write the members, each measured again: the file could have changed since."""
    found: Facts = {}
    for name, _, pieces in read_archive(file):
        if name not in manifest.files and name != NAME:
            raise Refused("NV530", f"`{name}` is not in its {NAME}")
        target = os.path.join(staging, *name.split("/"))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "xb") as out:
            _, found[name] = _measure(_written(pieces, out), keep=False)
            out.flush()
            os.fsync(out.fileno())
    own = found.pop(NAME, None)
    if own is None or own["sha256"] != identity:
        raise Refused("NV530", "it changed while it was unpacked")
    _compare(manifest.files, found)


def _written(pieces: Pieces, out: IO[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        out.write(piece)
        yield piece


def _umask() -> int:
    current = os.umask(0o022)
    os.umask(current)
    return current

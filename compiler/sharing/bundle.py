"""Put all that a spec needs into one file that another machine can verify and run without a net.

The files stand in the bundle as in the project, unchanged, so that the lock holds there too. Files
of git commits come as the objects that prove them (:mod:`.objects`), files of packages as copies
that are looked at before the installed package; both below ``vendor/``.
"""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Any

from ... import __version__
from ..diagnostics import CompileError, Diagnostic
from ..lock import lock_path, lock_text, make_lock
from ..program import Program
from .archive import SUFFIXES, ArchiveWriter, bytes_of
from .entries import Entry, gather, included
from .files import measure, measure_bytes
from .foreign import GitFile, PackageFile
from .git import VENDOR as GIT_VENDOR
from .manifest import NAME, PROGRAM, VERSION, Manifest, check_names
from .packages import VENDOR as PACKAGE_VENDOR
from .refused import Refused
from .unpack import extract, verify

if TYPE_CHECKING:
    from ..check import Checked

MAX_DATA = 20_000_000
"""Bytes of data and local models that are bundled without being asked for more."""

Contents = dict[str, "bytes | str"]
"""Path in the bundle -> bytes, or the path of a file on disk."""


def make_bundle(
    checked: Checked, program: Program, target: str, *, max_data: int | None = MAX_DATA
) -> tuple[Manifest, str]:
    """Write the bundle of a sound spec; return its manifest and the manifest's sha256.

    ``max_data`` is the most bytes of data and local models to take along; None leaves all of them
    out, with their hashes recorded. The bundle is unpacked and checked before it gets its name.

    Raises:
        CompileError: where the data is too large or something is not there.
        Refused: where a path or the bundle's name cannot be used.
        OSError: where something cannot be read or written.
    """
    suffix = next((end for end in SUFFIXES if target.endswith(end)), None)
    if suffix is None:
        cure = f"let the name end in {', '.join(SUFFIXES)}"
        raise Refused("NV532", f"`{target}` does not say which kind of archive to write", cure)
    entries = gather(checked)
    data = {name: path for entry in entries if entry.section != "files"
            for name, path in entry.files}  # fmt: skip
    if max_data is not None:
        _check_size(entries, max_data)
    contents = _contents(checked, program, entries)
    if max_data is not None:
        contents.update(data)
    left_out = {} if max_data is not None else {name: measure(p) for name, p in data.items()}
    manifest = _manifest(checked, contents, left_out, entries)
    return manifest, _write(manifest, contents, target, suffix, program)


def _check_size(entries: list[Entry], most: int) -> None:
    total = 0
    for entry in entries:
        if entry.section == "files":
            continue
        total += sum(os.path.getsize(path) for _, path in entry.files)
        if total > most:
            message = f"with `{entry.name}`, data and models are {total:,} bytes, over {most:,}"
            cure = "allow more with `--max-data`, or record only the hashes with `--without-data`"
            raise CompileError([Diagnostic("NV531", "error", message, entry.where, cure)])


def _spec_name(entries: list[Entry]) -> str:
    return entries[0].files[0][0]


def _contents(checked: Checked, program: Program, entries: list[Entry]) -> Contents:
    """Return all files but the data."""
    found: Contents = {}
    for one, entry in included(checked):
        if isinstance(one.home, GitFile):
            found.update(_proof(one.home))
        elif isinstance(one.home, PackageFile):
            vendor = PACKAGE_VENDOR.replace(os.sep, "/")
            found[f"{vendor}/{one.home.package}/{one.home.inner}"] = one.raw
        else:
            found[entry.files[0][0]] = one.raw
    found[lock_path(_spec_name(entries))] = lock_text(make_lock(entries)).encode()
    for file in program.files:
        found[f"{PROGRAM}/{file.path}"] = file.text.encode()
    return found


def _proof(home: GitFile) -> Contents:
    _, names = home.source.prove(home.name)
    vendor = GIT_VENDOR.replace(os.sep, "/")
    return {f"{vendor}/{name[:2]}/{name[2:]}": home.source.store.raw(name) for name in names}


def _manifest(
    checked: Checked, contents: Contents, left_out: dict[str, Any], entries: list[Entry]
) -> Manifest:
    spec = _spec_name(entries)
    facts = {
        name: measure_bytes(content) if isinstance(content, bytes) else measure(content)
        for name, content in contents.items()
    }
    check_names([NAME, *facts, *left_out], "NV532")
    needs = [words for entry in entries if (words := _needs(entry))]
    return Manifest(VERSION, __version__, spec, facts, left_out, [*needs, *_machine(checked)])


def _machine(checked: Checked) -> list[str]:
    """Say where the program depends on the machine that compiles it."""
    hardware = checked.spec.hardware if checked.spec else None
    if hardware is None or hardware.profile != "local":
        return []
    here = f"{hardware.devices} {hardware.accelerator}"
    return [f"a machine with {here} for the same program: its hardware is `local`"]


def _needs(entry: Entry) -> str | None:
    """Say what the other machine has to have besides the bundle."""
    if entry.name.startswith("builtin:"):
        return f"Python {entry.facts['python']}, whose library is the data of {entry.name}"
    if entry.section != "model" or entry.files:
        return None
    if entry.name.startswith("pkg:"):
        package = entry.name[4:].partition("/")[0]
        return f"the Python package {package} {entry.facts.get('version') or ''}".rstrip()
    return f"the model {entry.name} from its hub, revision {entry.facts.get('revision')}"


def _write(
    manifest: Manifest, contents: Contents, target: str, suffix: str, program: Program
) -> str:
    folder = os.path.dirname(target) or os.curdir
    handle, temporary = tempfile.mkstemp(prefix=".bundling-", suffix=suffix, dir=folder)
    try:
        with open(handle, "wb") as file:
            _pack({**contents, NAME: manifest.text().encode()}, manifest, file, suffix)
            file.flush()
            os.fsync(file.fileno())
        _, identity = verify(temporary)
        if not manifest.left_out:
            _try_out(temporary, manifest, program)
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
    return identity


def _pack(contents: Contents, manifest: Manifest, file: Any, suffix: str) -> None:
    writer = ArchiveWriter(file, suffix)
    for name in sorted(contents):
        content = contents[name]
        known = manifest.files.get(name)
        size = len(content) if isinstance(content, bytes) else int(known["size"]) if known else 0
        writer.add(name, size, bytes_of(content))
    writer.close()


def _try_out(path: str, manifest: Manifest, program: Program) -> None:
    """Unpack the bundle elsewhere and see that its lock holds and that it gives the program."""
    from ..api import emit_checked
    from ..check import check
    from ..costs.strategy import planned

    with tempfile.TemporaryDirectory(prefix="nivel-bundle-") as folder:
        place = os.path.join(folder, "bundle")
        extract(path, place)
        spec = os.path.join(place, *manifest.spec.split("/"))
        checked = check(spec, project=place, locked=True)
        if checked.spec is None:
            raise CompileError(checked.diagnostics)
        if emit_checked(planned(checked), checked) != program:
            raise Refused("NV532", "unpacked, the spec gives another program")

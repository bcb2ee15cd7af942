"""The lock of a spec: what everything it depends on was, and what has changed since.

``SPEC.lock`` is JSON with sorted keys, and holds neither time nor host: the same files give the
same bytes. Names of files are relative to the spec, names of data and models as the spec has them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .diagnostics import CompileError, Diagnostic
from .regular import open_regular
from .sharing.entries import Entry, gather
from .sharing.files import write_file

if TYPE_CHECKING:
    from .check import Checked

VERSION = 1
SECTIONS = ("data", "files", "model")
MAX_BYTES = 8_000_000

Lock = dict[str, Any]


def lock_path(spec: str) -> str:
    """Return where the lock of the spec at ``spec`` lies."""
    return f"{spec}.lock"


def make_lock(entries: list[Entry]) -> Lock:
    """Return what is to be recorded of ``entries``."""
    lock: Lock = {"lock": VERSION, **{section: {} for section in SECTIONS}}
    for entry in entries:
        lock[entry.section][entry.name] = entry.facts
    return lock


def lock_text(lock: Lock) -> str:
    """Return the lock as the text of its file."""
    return json.dumps(lock, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def write_lock(checked: Checked, path: str) -> list[Diagnostic]:
    """Record everything a sound spec depends on in ``path``; return warnings.

    Raises:
        CompileError: where something is not there to be recorded; nothing is written.
        OSError: where the file cannot be written.
    """
    entries = gather(checked)
    write_file(path, lock_text(make_lock(entries)).encode())
    said = {found.location for found in checked.diagnostics}
    return [found for one in entries for found in one.warnings if found.location not in said]


def find_drift(
    checked: Checked, path: str | None = None, sections: tuple[str, ...] = SECTIONS
) -> list[Diagnostic]:
    """Return a finding for each thing that is not as the spec's lock has it."""
    path = path or lock_path(checked.included[0].home.shown)
    try:
        lock = read_lock(path, checked)
        entries = [entry for entry in gather(checked) if entry.section in sections]
    except CompileError as error:
        return list(error.diagnostics)
    lock |= {section: {} for section in SECTIONS if section not in sections}
    return [*_changed(entries, lock), *_gone(entries, lock, checked, path)]


def read_lock(path: str, checked: Checked) -> Lock:
    """Return the lock in ``path``; raises CompileError, at the spec's start."""
    assert checked.document is not None
    where, cure = checked.document.start(), f"run `nivel lock {checked.included[0].home.shown}`"
    try:
        with open_regular(path) as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError:
        message = f"the spec has no lock: there is no `{path}`"
        raise CompileError([Diagnostic("NV520", "error", message, where, cure)]) from None
    lock = _parse(raw)
    if lock is None:
        message = f"`{path}` is not a lock of version {VERSION}"
        raise CompileError([Diagnostic("NV521", "error", message, where, cure)])
    return lock


def _parse(raw: bytes) -> Lock | None:
    try:
        lock = json.loads(raw) if len(raw) <= MAX_BYTES else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(lock, dict) or lock.get("lock") != VERSION:
        return None
    sections = [lock.get(section) for section in SECTIONS]
    facts = [one for found in sections if isinstance(found, dict) for one in found.values()]
    sound = all(isinstance(one, dict) for one in (*sections, *facts))
    return lock if sound and set(lock) == {"lock", *SECTIONS} else None


def _changed(entries: list[Entry], lock: Lock) -> Iterator[Diagnostic]:
    cure = "put back what was locked, or lock it anew with `nivel lock`"
    for entry in entries:
        expected = lock[entry.section].get(entry.name)
        if expected is None:
            message = f"`{entry.name}` is not in the lock"
            yield Diagnostic("NV523", "error", message, entry.where, cure)
        elif said := _difference(expected, entry):
            message = f"`{entry.name}` is not what was locked: {said}"
            yield Diagnostic("NV522", "error", message, entry.where, cure)


def _gone(entries: list[Entry], lock: Lock, checked: Checked, path: str) -> Iterator[Diagnostic]:
    assert checked.document is not None
    known = {(entry.section, entry.name) for entry in entries}
    for section in SECTIONS:
        for name in lock[section]:
            if (section, name) not in known:
                message = f"`{os.path.basename(path)}` holds `{name}`, which the spec does not name"
                cure = "name it again, or lock the spec anew with `nivel lock`"
                yield Diagnostic("NV523", "error", message, checked.document.start(), cure)


def _difference(expected: dict[str, Any], entry: Entry) -> str | None:
    """Say what differs, expected and found; None where nothing of weight does."""
    for key in sorted({*expected, *entry.facts} - entry.informal):
        then, now = expected.get(key), entry.facts.get(key)
        if then != now:
            if key == "files":
                return _files_differ(then, now)
            if key == "size":
                continue  # told together with the hash
            return f"expected {_show(key, then, expected)}, found {_show(key, now, entry.facts)}"
    return None


def _show(key: str, value: Any, facts: dict[str, Any]) -> str:
    if value is None:
        return f"no {key}"
    if key != "sha256":
        return f"{key} {value}"
    return f"{key} {str(value)[:12]}... of {facts.get('size')} bytes"


def _files_differ(then: Any, now: Any) -> str:
    then, now = (one if isinstance(one, dict) else {} for one in (then, now))
    names = sorted(name for name in {*then, *now} if then.get(name) != now.get(name))
    shown = ", ".join(f"`{name}` {_word(name, then, now)}" for name in names[:3])
    return shown + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _word(name: str, then: dict[str, Any], now: dict[str, Any]) -> str:
    if name not in now:
        return "is gone"
    return "has changed" if name in then else "is new"

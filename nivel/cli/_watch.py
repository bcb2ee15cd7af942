"""Check specs again whenever they, or what they extend or name, change on disk."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from nivel.cli._specs import Named, find_specs, looks_like_spec
from nivel.cli._verdicts import check_one, show_verdicts, sort_out

if TYPE_CHECKING:
    from nivel.compiler.check import Checked
    from nivel.compiler.kept import Kept
    from nivel.compiler.overrides import Overrides

POLL = 0.25
"""Seconds between two looks at the files."""

CLOCK = 20_000_000
"""Nanoseconds by which a file's time may lag behind the clock of the system."""

Stamp = tuple[int, int, int] | None


def watch_specs(
    arguments: tuple[str, ...], overrides: Overrides | None, locked: bool, *, quiet: bool
) -> None:
    """Check what ``arguments`` name, then again on each change, until interrupted."""
    try:
        watcher = Watcher(arguments, overrides, locked)
        watcher.look(find_specs(arguments, watcher.is_spec))
        watcher.show(watcher.checked, quiet)
        while True:
            time.sleep(POLL)
            watcher.round(quiet)
    except KeyboardInterrupt:
        return


class Watcher:
    """What was found of each spec, and the state of the files that it depends on."""

    def __init__(
        self, arguments: tuple[str, ...], overrides: Overrides | None, locked: bool = False
    ) -> None:
        self.arguments, self.overrides, self.locked = arguments, overrides, locked
        self.checked: dict[str, Checked] = {}
        self.stamps: dict[str, dict[str, Stamp | str]] = {}
        self._judged: dict[str, tuple[Stamp, bool]] = {}

    def round(self, quiet: bool) -> None:
        """Look at everything once; print only where something changed."""
        try:
            named = find_specs(self.arguments, self.is_spec)
        except click.UsageError:
            named = Named(())  # the last of them was removed or renamed: it may come back
        before = set(self.checked)
        changed = self.look(named)
        if changed or before != set(self.checked):
            said = f"{len(changed)} of {len(self.checked)} checked again"
            click.echo(f"\n--- {time.strftime('%H:%M:%S')}  {said} ---", err=True)
            self.show(changed, quiet)

    def look(self, named: Named) -> list[str]:
        """Check the specs that are new or changed, and forget those that are gone."""
        from nivel.compiler.kept import Kept

        now: dict[str, Stamp] = {}
        changed = [path for path in named.paths if not self._is_current(path, now)]
        kept = Kept()
        checked = {path: self._check(path, kept) for path in changed}
        self.checked = {p: checked.get(p) or self.checked[p] for p in named.paths}
        return changed

    def show(self, changed: Iterable[str], quiet: bool) -> None:
        """Print what is known of the changed specs; all of them decide what is only a part."""
        verdicts = sort_out(self.checked)
        fresh = set(changed)
        some = {name: one for name, one in verdicts.checked.items() if name in fresh}
        parts = tuple(name for name in verdicts.parts if name in fresh)
        show_verdicts(type(verdicts)(some, parts), "text", quiet=quiet)

    def is_spec(self, path: str) -> bool:
        """Tell whether a file of a folder is a spec, reading it only when it changed."""
        now = stamp(path)
        known = self._judged.get(path)
        if known is None or known[0] != now:
            known = self._judged[path] = (now, looks_like_spec(path))
        return known[1]

    def _is_current(self, path: str, now: dict[str, Stamp]) -> bool:
        """Compare with what was on disk when the spec was checked; a file is looked at once."""
        known = self.stamps.get(path)
        if known is None or path not in self.checked:
            return False
        for file in known:
            if file not in now:
                now[file] = stamp(file)
        return all(now[file] == before for file, before in known.items())

    def _check(self, path: str, kept: Kept) -> Checked:
        start = time.time_ns() - CLOCK
        _, checked = check_one(path, self.overrides, kept, self.locked)
        files = {path, f"{path}.lock", *_files(checked)}
        self.stamps[path] = {file: _stamp_since(file, start) for file in files}
        return checked


def _files(checked: Checked) -> set[str]:
    """Return every local file that the verdict depends on, those that are not there as well."""
    homes = (getattr(one.home, "path", None) for one in checked.included)
    extended = {path for path in homes if path is not None}  # a file of a commit never changes
    data = None if checked.document is None else checked.document.data
    named = set(_named(data)) if isinstance(data, dict) else set()
    return extended | {*checked.missing} | {os.path.join(checked.project, path) for path in named}


def _named(data: dict[str, Any]) -> Iterator[str]:
    sources = data.get("data")
    parts = [*sources.values()] if isinstance(sources, dict) else []
    for part in (*parts, data.get("model")):
        path = part.get("path") if isinstance(part, dict) else None
        if isinstance(path, str):
            yield path


def stamp(path: str) -> Stamp:
    """Return what changes when a file does, or None where there is no file."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _stamp_since(path: str, start: int) -> Stamp | str:
    """Return the stamp, or a word that no stamp equals where the file was written since then.

    Such a file may have changed after it was read, so that it is read once more.
    """
    found = stamp(path)
    written = found is not None and start <= found[0] <= time.time_ns()
    return "written while it was read" if written else found

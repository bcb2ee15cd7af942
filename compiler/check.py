"""Everything that can be known about a spec without running it, in one call."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .defaults import fill_defaults
from .diagnostics import (
    MAX_FINDINGS,
    Diagnostic,
    has_errors,
    limit_diagnostics,
)
from .document import Document, Unusable
from .kept import Kept
from .quick import fits
from .schema import bad_paths, check_level, validate
from .sharing import Included, Loader
from .sharing.texts import read_texts
from .source import Source

if TYPE_CHECKING:
    from pathlib import Path

    from .overrides import Overrides
    from .spec import Spec
    from .sweeping import Trial


@dataclass(frozen=True, slots=True)
class Checked:
    """What is known of a spec.

    ``level`` and ``filled``, the data with all defaults, are None exactly when some finding is an
    error. ``included`` are the files it was read from, the spec itself first; ``project`` is the
    folder that the files it names lie in. ``missing`` are the paths it extends that are not there.
    ``trials`` are those of a sweep that may name other files than the spec, each checked.
    """

    level: str | None
    filled: dict[str, Any] | None
    document: Document | None
    diagnostics: tuple[Diagnostic, ...]
    sources: dict[str, Source]
    included: tuple[Included, ...] = ()
    project: str = os.curdir
    missing: tuple[str, ...] = ()
    trials: tuple[tuple[Trial, Checked], ...] = ()

    @property
    def spec(self) -> Spec | None:
        """The typed spec, None exactly when some finding is an error.

        Made when asked for: who only wants to know whether a spec is sound need not load it.
        """
        if self.level is None or self.filled is None:
            return None
        from .structure import build_spec

        return build_spec(self.level, self.filled)


def check(
    path: str | Path,
    *,
    project: str | Path | None = None,
    overrides: Overrides | None = None,
    locked: bool = False,
    raw: bytes | None = None,
    kept: Kept | None = None,
) -> Checked:
    """Check the spec at ``path`` and everything it extends.

    ``project`` is the folder that no file the spec names may leave: the working folder by
    default, or the spec's own folder when that lies elsewhere. ``overrides`` are put in place
    before anything is checked. ``locked`` refuses what differs from the spec's lock. With
    ``raw``, the spec is those bytes, and ``path`` is what it is called. ``kept`` is shared by the
    specs of one call. Never raises for what a spec may hold.
    """
    shown = os.fspath(path)
    root = os.fspath(project) if project is not None else _project_of(shown)
    kept = kept if kept is not None else Kept()
    loader = Loader(root, kept)
    document = loader.load(shown, shown, raw)
    found, sources = loader.found, dict(loader.sources)
    level: str | None = None
    filled: dict[str, Any] | None = None
    if document is not None:
        document, wrong = _override(document, overrides)
        document = read_texts(document, loader)
        sources.update(document.sources)
        found.extend(wrong)
        level, filled, more = _check_document(document, root, kept, clean=not has_errors(found))
        found.extend(more)
    included = tuple(loader.included)
    diagnostics, missing = tuple(limit_diagnostics(found)), tuple(loader.missing)
    checked = Checked(level, filled, document, diagnostics, sources, included, root, missing)
    if filled is not None and "sweep" in filled:
        from .trying import check_trials

        def again(given: Overrides) -> Checked:
            return check(path, project=project, overrides=given, raw=raw, kept=kept)

        found, trials = check_trials(checked, overrides, again)
        checked = replace(_with_errors(checked, found), trials=trials)
    return _check_lock(checked) if locked else checked


def _override(document: Document, overrides: Overrides | None) -> tuple[Document, list[Diagnostic]]:
    if overrides is None:
        return document, []
    from .overrides import apply_overrides

    return apply_overrides(document, overrides)


def _check_lock(checked: Checked) -> Checked:
    """Add what differs from the lock; a spec that has faults is not compared."""
    if checked.filled is None:
        return checked
    from .lock import find_drift

    return _with_errors(checked, find_drift(checked))


def _with_errors(checked: Checked, more: list[Diagnostic]) -> Checked:
    """Add findings to a spec that had been found sound."""
    found = tuple(limit_diagnostics([*checked.diagnostics, *more]))
    if has_errors(found):
        return replace(checked, level=None, filled=None, diagnostics=found)
    return replace(checked, diagnostics=found)


def _check_document(
    document: Document, root: str, kept: Kept, *, clean: bool
) -> tuple[str | None, dict[str, Any] | None, list[Diagnostic]]:
    """Return level and filled data, both None where there is an error, and what was found."""
    level, found = check_level(document)
    if level is None:
        return None, None, found
    if not fits(level)(document.data):
        found.extend(validate(document, level))
    if len(found) > MAX_FINDINGS:
        return None, None, found  # not all of it has been checked, so no rule may look at it
    filled = fill_defaults(level, _only_known(document.data))
    found.extend(_apply_rules(document, level, filled, found, root, kept))
    if has_errors(found) or not clean:
        return None, None, found
    return level, filled, found


def _apply_rules(
    document: Document,
    level: str,
    filled: dict[str, Any],
    found: list[Diagnostic],
    root: str,
    kept: Kept,
) -> list[Diagnostic]:
    from .rules import Context, apply_rules

    bad = bad_paths(found, document)
    return apply_rules(Context(document, level, filled, bad, root, shared=kept.of_project(root)))


def _only_known(data: dict[str, Any]) -> dict[str, Any]:
    """Drop refused values, so that the rules see them as not given."""
    return {
        key: _only_known(value) if isinstance(value, dict) else value
        for key, value in data.items()
        if not isinstance(value, Unusable)
    }


def _project_of(path: str) -> str:
    if "\0" in path:
        return os.curdir  # no file has such a name; reading it says so
    here = os.getcwd()  # without links, as the system gives it
    target = os.path.realpath(path)
    return here if target.startswith(here.rstrip(os.sep) + os.sep) else os.path.dirname(target)

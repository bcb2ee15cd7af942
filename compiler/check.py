"""Everything that can be known about a spec without running it, in one call."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .diagnostics import Diagnostic, Location, Span, has_errors, sort_diagnostics
from .document import Document, Unusable
from .sharing import Loader
from .schema import bad_paths, check_level, validate
from .source import Source
from .spec import Spec
from .structure import build_spec, fill_defaults

if TYPE_CHECKING:
    from pathlib import Path

HARDWARE_OPTION = "--hardware"
"""How a finding names the machine given on the command line, in place of a file."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What is known of a spec; ``spec`` is None exactly when some finding is an error."""

    spec: Spec | None
    document: Document | None
    diagnostics: tuple[Diagnostic, ...]
    sources: dict[str, Source]


def check(
    path: str | Path, *, project: str | Path | None = None, hardware: str | None = None
) -> Checked:
    """Check the spec at ``path`` and everything it extends.

    ``project`` is the folder that no file the spec names may leave: the working folder by
    default, or the spec's own folder when that lies elsewhere. ``hardware`` replaces the
    spec's machine by a profile. Never raises for what a spec may hold.
    """
    shown = os.fspath(path)
    root = os.fspath(project) if project is not None else _project_of(shown)
    loader = Loader(root)
    document = loader.load(shown, shown)
    found = loader.found
    if document is None:
        return Checked(None, None, tuple(sort_diagnostics(found)), dict(loader.sources))
    if hardware is not None and isinstance(document.data, dict):
        document = _with_hardware(document, hardware)
    spec, more = _check_document(document, root, clean=not has_errors(found))
    diagnostics = tuple(sort_diagnostics([*found, *more]))
    return Checked(spec, document, diagnostics, dict(loader.sources))


def _check_document(
    document: Document, root: str, *, clean: bool
) -> tuple[Spec | None, list[Diagnostic]]:
    level, found = check_level(document)
    if level is None:
        return None, found
    found.extend(validate(document, level))
    filled = fill_defaults(level, _only_known(document.data))
    found.extend(_apply_rules(document, level, filled, found, root))
    if has_errors(found) or not clean:
        return None, found
    return build_spec(level, filled), found


def _apply_rules(
    document: Document, level: str, filled: dict[str, Any], found: list[Diagnostic], root: str
) -> list[Diagnostic]:
    from .rules import Context, apply_rules

    bad = bad_paths(found, document)
    return apply_rules(Context(document, level, filled, bad, root))


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
    here = os.path.realpath(os.getcwd())
    target = os.path.realpath(path)
    return here if target.startswith(here.rstrip(os.sep) + os.sep) else os.path.dirname(target)


def _with_hardware(document: Document, profile: str) -> Document:
    """Swap the machine, as if the spec had named ``profile``."""
    place = Location(HARDWARE_OPTION, Span(1, 1, 1, len(profile) + 1))
    gone = ("hardware",)
    spans = {path: at for path, at in document.spans.items() if path[:1] != gone}
    keys = {path: at for path, at in document.key_spans.items() if path[:1] != gone}
    spans[gone] = keys[gone] = place
    sources = {**document.sources, HARDWARE_OPTION: Source(HARDWARE_OPTION, profile)}
    origins = {path: at.file for path, at in spans.items()}
    data = {**document.data, "hardware": profile}
    return Document(data, spans, keys, origins, sources)

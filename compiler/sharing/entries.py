"""Everything that a spec's meaning depends on besides the spec: its files, data and model.

A new way to name data or a model is a case in :func:`_data_entry` or :func:`_model_entry`.
"""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ..diagnostics import CompileError, Diagnostic, Location
from ..regular import read_regular
from ..trying import place_of
from .files import files_below, measure, measure_bytes
from .foreign import GitFile, PackageFile
from .homes import ProjectFile
from .refused import Refused, inside

if TYPE_CHECKING:
    from ..check import Checked
    from ..document import DataPath, Document
    from .loader import Included

NAMING = ("data", "model", "models", "evaluate", "objective", "tokenizer")
"""Sections in which data and models are named; other files are read as the spec is."""

PARTS = ("train", "validation", "test", "text")
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
MAX_RECORD = 8_000_000
"""Bytes of the record of a run; it holds some thousand."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that a spec depends on.

    ``facts`` is what a lock records of it, ``informal`` those of them that may differ without
    harm. ``files`` are the project's own files in it, relative to the project, and their paths.
    """

    section: str
    name: str
    facts: dict[str, Any]
    where: Location | None
    informal: frozenset[str] = frozenset()
    files: tuple[tuple[str, str], ...] = ()
    warnings: tuple[Diagnostic, ...] = field(default=(), compare=False)


def gather(checked: Checked) -> list[Entry]:
    """Return the entries of a sound spec and of the trials of its sweep, each thing once.

    Raises:
        CompileError: where something that the spec names is not there to be recorded.
    """
    found: dict[tuple[str, str], Entry] = {}
    for entry in (*(entry for _, entry in included(checked)), *_things(checked)):
        found.setdefault((entry.section, entry.name), entry)
    seen = {_naming(checked)}
    for trial, tried in checked.trials:
        if _naming(tried) in seen:
            continue  # it names what another does, which is not to be read again
        seen.add(_naming(tried))
        for entry in _things(tried):
            name = entry.name
            first = found.get((entry.section, name))
            if first is not None and first.facts != entry.facts:
                name = f"{name}@{entry.facts.get('revision')}"  # of a hub; a file has one content
            where = place_of(entry.where, trial, checked)
            found.setdefault((entry.section, name), replace(entry, name=name, where=where))
    return list(found.values())


def _naming(checked: Checked) -> str:
    """Return the sections of a spec that name data and models, as one text."""
    document = checked.document
    assert document is not None
    return json.dumps({section: document.value((section,)) for section in NAMING}, sort_keys=True)


def _things(checked: Checked) -> Iterator[Entry]:
    """Yield the entries of what a spec names, its own files apart."""
    for kind in (_data, _probes, _tasks, _model):
        yield from kind(checked)


def included(checked: Checked) -> Iterator[tuple[Included, Entry]]:
    """Yield each file that was read, the spec first, with its entry; some may be the same.

    Files that only trials read come last.
    """
    assert checked.document is not None
    main = checked.included[0].home
    assert isinstance(main, ProjectFile)
    folder = os.path.dirname(main.path) or os.curdir
    project = os.path.realpath(checked.project)
    for index, one in enumerate(checked.included):
        where = one.asked if index else checked.document.start()
        yield one, _include(one, folder, project, where)
    for trial, tried in checked.trials:
        for one in tried.included[1:]:
            yield one, _include(one, folder, project, place_of(one.asked, trial, checked))


def _include(one: Included, folder: str, project: str, where: Location | None) -> Entry:
    facts, home = measure_bytes(one.raw), one.home
    if isinstance(home, GitFile):
        return Entry("files", home.shown, {**facts, "commit": home.name.commit}, where)
    if isinstance(home, PackageFile):
        from .packages import version_of

        facts["version"] = version_of(home.package)
        return Entry("files", home.shown, facts, where, frozenset(("version",)))
    name = os.path.relpath(home.path, folder).replace(os.sep, "/")
    files = (_in_project(home.path, project),)
    return Entry("files", name, facts, where, files=files)


def _in_project(path: str, project: str) -> tuple[str, str]:
    """Return where a file stands in the project, as the spec names it, and its path."""
    place = os.path.abspath(path)
    if not inside(place, project):  # the project was reached through a link
        folder = os.path.realpath(os.path.dirname(path) or os.curdir)
        place = os.path.join(folder, os.path.basename(path))
    return os.path.relpath(place, project).replace(os.sep, "/"), path


def _data(checked: Checked) -> Iterator[Entry]:
    document = checked.document
    assert document is not None
    text = document.value(("data", "text"))
    several = range(len(text)) if isinstance(text, list) else ()
    for place in (("data", "text"), *(("data", "text", i) for i in several)):
        hub = document.value((*place, "hub"))
        if isinstance(hub, dict):
            where = document.point((*place, "hub", "revision"))
            yield Entry("data", f"hub:{hub['dataset']}", {"revision": hub["revision"]}, where)
    for place in (*(("data", part) for part in PARTS), *(("data", "text", i) for i in several)):
        source = document.value(place)
        for key in ("path", "builtin") if isinstance(source, dict) else ():
            if isinstance(source.get(key), str):
                at: DataPath = (*place, key)
                yield _named(_data_entry, source[key], key, document.point(at), checked)


def _data_entry(name: str, key: str, where: Location | None, checked: Checked) -> Entry:
    if key == "builtin":
        # Its rows are made of the standard library of the Python that reads it.
        facts = {"python": platform.python_version()}
        return Entry("data", f"builtin:{name}", facts, where)
    path = os.path.join(checked.project, name)
    plain = os.path.normpath(name).replace(os.sep, "/")
    facts, files = _tree(path, plain, os.path.realpath(checked.project))
    return Entry("data", plain, facts, where, files=files)


def _probes(checked: Checked) -> Iterator[Entry]:
    """Records of probes, which decide whether the spec is sound."""
    document = checked.document
    assert document is not None
    for at in _models(document):
        path = document.value((*at, "endpoint", "capabilities"))
        if isinstance(path, str):
            where = document.point((*at, "endpoint", "capabilities"))
            yield _named(_data_entry, path, "path", where, checked)


def _tasks(checked: Checked) -> Iterator[Entry]:
    """Task files of lm-eval, and the rows that they read."""
    from ..document import parse_document
    from ..harness import files_of, is_file
    from ..source import read_source

    document = checked.document
    assert document is not None
    names = document.value(("evaluate", "lm_eval"))
    for index, name in enumerate(names if isinstance(names, list) else ()):
        if not isinstance(name, str) or not is_file(name):
            continue
        where = document.point(("evaluate", "lm_eval", index))
        yield _named(_data_entry, name, "path", where, checked)
        task, _ = parse_document(read_source(os.path.join(checked.project, name), name))
        for path in files_of(task.data if task else None):
            yield _named(_data_entry, path, "path", where, checked)


def _models(document: Document) -> list[DataPath]:
    """Return the place of each model of a spec, those that measure included."""
    several = document.value(("models",))
    names = several if isinstance(several, dict) else {}
    metrics = document.value(("evaluate", "metrics"))
    count = len(metrics) if isinstance(metrics, list) else 0
    return [
        ("model",),
        *(("models", name) for name in names),
        ("evaluate", "judge", "model"),
        ("objective", "teacher"),
        ("tokenizer",),
        *(("evaluate", "metrics", index, "model") for index in range(count)),
    ]


def _model(checked: Checked) -> Iterator[Entry]:
    document = checked.document
    assert document is not None
    for at in _models(document):
        path = document.value((*at, "path"))
        if isinstance(path, str):
            where = document.point((*at, "path"))
            yield _named(partial(_model_entry, at), path, "model", where, checked)


def _model_entry(
    at: DataPath, name: str, key: str, where: Location | None, checked: Checked
) -> Entry:
    project = os.path.realpath(checked.project)
    if name.startswith("./"):
        place = os.path.normpath(name).replace(os.sep, "/")
        facts, files = _tree(os.path.join(project, name), place, project)
        return Entry("model", name, facts, where, files=files)
    if name.startswith("run:"):
        return _run_entry(name, where, project)
    if name.startswith("pkg:"):
        from .packages import locate, split_name, version_of

        package, inner = split_name(name)
        root, path = locate(package, inner, project, folders=True)
        facts, _ = _tree(path, inner, root)
        informal = frozenset(("version",))
        return Entry("model", name, {**facts, "version": version_of(package)}, where, informal)
    return _hub_entry(at, name, where, checked.document)


def _hub_entry(at: DataPath, name: str, where: Location | None, document: Document | None) -> Entry:
    revision = document.value((*at, "revision")) if document else None
    warnings: tuple[Diagnostic, ...] = ()
    if revision is None or not _COMMIT.match(revision):
        said = f"`{revision}`, which" if revision else "no revision, so that it"
        message = f"model `{name}` is named by {said} may mean other weights tomorrow"
        if revision and document:
            where = document.point((*at, "revision"))
        cure = "add `revision:` with the 40 hex digits of a commit, from the model's page"
        warnings = (Diagnostic("NV524", "warning", message, where, cure),)
    return Entry("model", name, {"revision": revision}, where, warnings=warnings)


def _run_entry(name: str, where: Location | None, project: str) -> Entry:
    """The model that the newest completed run of a name has saved."""
    runs = os.path.join(project, "runs", name.removeprefix("run:"))
    for run in sorted(_folders(runs), reverse=True):
        folder = os.path.join(runs, run)
        if _completed(folder) and _saved(os.path.join(folder, "model")):
            place = f"runs/{name.removeprefix('run:')}/{run}"
            facts, files = _tree(os.path.join(folder, "model"), f"{place}/model", project)
            record = (f"{place}/run.json", os.path.join(folder, "run.json"))
            return Entry("model", name, {**facts, "run": run}, where, frozenset(("run",)),
                         (record, *files))  # fmt: skip
    message = f"no completed run of `{name.removeprefix('run:')}` has saved a model yet"
    raise Refused("NV525", message, "run that spec first, then lock this one")


def _saved(model: str) -> bool:
    """A soft prompt is saved alone, with the name of the model that it belongs to."""
    names = ("config.json", "base.json")
    return any(os.path.isfile(os.path.join(model, name)) for name in names)


def _folders(path: str) -> list[str]:
    try:
        return [entry.name for entry in os.scandir(path) if entry.is_dir()]
    except OSError:
        return []


def _completed(run: str) -> bool:
    try:
        record = json.loads(read_regular(os.path.join(run, "run.json"), MAX_RECORD))
        return bool(record.get("status") == "completed")
    except (OSError, ValueError, AttributeError, RecursionError):
        return False


def _tree(path: str, place: str, root: str) -> tuple[dict[str, Any], tuple[tuple[str, str], ...]]:
    """Return the facts of a file or folder, and its files below the name ``place``."""
    if not os.path.isdir(path):
        return measure(path), ((place, path),)
    names = files_below(path, root)
    facts = {name: measure(os.path.join(path, name)) for name in names}
    return {"files": facts}, tuple((f"{place}/{name}", os.path.join(path, name)) for name in names)


def _named(make: Any, name: str, key: str, where: Location | None, checked: Checked) -> Entry:
    """Make an entry; what is not there becomes a finding at the place that names it."""
    try:
        entry: Entry = make(name, key, where, checked)
    except Refused as refused:
        found = Diagnostic(refused.code, "error", refused.message, where, refused.cure)
        raise CompileError([found]) from None
    except OSError as error:
        message = f"`{name}` cannot be read: {error.strerror}"
        raise CompileError([Diagnostic("NV525", "error", message, where)]) from None
    return entry

"""Join a document with those it extends, keeping the place where each value was written.

Maps merge by key, lists and scalars replace, ``key: null`` removes what was inherited.
With a list of files, a later one wins over an earlier one, and the document over all.
"""

from __future__ import annotations

import os
from typing import Any

from .diagnostics import CompileError, Diagnostic, Location
from .document import DataPath, Document, parse_document
from .source import Source, read_source

MAX_FILES = 50

_Chain = tuple[tuple[str, Location | None], ...]


class Loader:
    """Reads a spec and everything it extends, from files inside ``project`` alone."""

    def __init__(self, project: str) -> None:
        self.project = os.path.realpath(project)
        self.found: list[Diagnostic] = []
        self.sources: dict[str, Source] = {}
        self.reads = 0

    def load(self, path: str, shown: str) -> Document | None:
        """Return the joined document of ``path``, or None; findings are in ``found``."""
        return self._load(path, shown, (), None)

    def _load(
        self, path: str, shown: str, chain: _Chain, asked: Location | None
    ) -> Document | None:
        try:
            source = read_source(path, shown)
        except CompileError as error:
            self.found.extend(_as_asked(found, asked) for found in error.diagnostics)
            return None
        chain = (*chain, (os.path.realpath(path), asked))
        self.sources[shown] = source
        self.reads += 1
        document, found = parse_document(source)
        self.found.extend(found)
        return None if document is None else self._extend(document, path, shown, chain)

    def _extend(self, document: Document, path: str, shown: str, chain: _Chain) -> Document | None:
        if not isinstance(document.data, dict):
            return document
        bases: list[Document] = []
        for name, where in _names(document):
            if self._allowed(name, path, where, chain):
                inner = os.path.join(os.path.dirname(path), name)
                seen_as = os.path.normpath(os.path.join(os.path.dirname(shown), name))
                base = self._load(inner, seen_as, chain, where)
                if base is None:
                    return None
                if isinstance(base.data, dict):
                    bases.append(base)
            else:
                return None
        return _fold([*bases, document]) if bases else document

    def _allowed(self, name: str, path: str, where: Location | None, chain: _Chain) -> bool:
        target = os.path.realpath(os.path.join(os.path.dirname(path), name))
        if name.startswith(("git+", "http:", "https:", "pkg:")):
            self._add("NV501", f"`{name}` cannot be extended: only files of this project can",
                      where, "copy the file into the project and name it")  # fmt: skip
        elif os.path.isabs(name) or not _inside(target, self.project):
            self._add("NV503", f"`{name}` lies outside the project", where,
                      "extend a relative path inside the project")  # fmt: skip
        elif any(target == earlier for earlier, _ in chain):
            self._add_circle(name, target, where, chain)
        elif not os.path.isfile(target):
            self._add("NV501", f"`{name}` does not exist", where,
                      "give a path relative to the file that extends it")  # fmt: skip
        elif self.reads >= MAX_FILES:
            self._add("NV504", f"more than {MAX_FILES} files are extended", where, None)
        else:
            return True
        return False

    def _add_circle(self, name: str, target: str, where: Location | None, chain: _Chain) -> None:
        """Show each step of the way round, so that any one of them can be cut."""
        start = [earlier for earlier, _ in chain].index(target)
        steps = tuple((place, "by way of") for _, place in chain[start + 1 :] if place)
        message = f"`{name}` extends itself in a circle"
        found = Diagnostic("NV502", "error", message, where, "remove one step of it", steps)
        self.found.append(found)

    def _add(self, code: str, message: str, where: Location | None, cure: str | None) -> None:
        self.found.append(Diagnostic(code, "error", message, where, cure))


def _as_asked(found: Diagnostic, asked: Location | None) -> Diagnostic:
    """A file that cannot be opened is blamed where it was asked for."""
    if found.location is not None or asked is None:
        return found
    return Diagnostic(found.code, found.severity, found.message, asked, found.help)


def _names(document: Document) -> list[tuple[str, Location | None]]:
    """Return the names under ``extends``; a wrong type is left to the schema."""
    said = document.data.get("extends")
    if isinstance(said, str):
        return [(said, document.point(("extends",)))] if said else []
    if not isinstance(said, list):
        return []
    places = [(name, document.point(("extends", index))) for index, name in enumerate(said)]
    return [(name, where) for name, where in places if isinstance(name, str) and name]


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _fold(documents: list[Document]) -> Document:
    """Join documents from the weakest to the strongest; the last one is the main file."""
    joined = _Joined()
    for document in documents:
        joined.add(document)
    main = documents[-1]
    sources = dict(main.sources)
    for document in documents:
        sources.update(document.sources)
    origins = {path: place.file for path, place in joined.spans.items()}
    return Document(joined.data, joined.spans, joined.keys, origins, sources)


class _Joined:
    """The growing join; data is rebuilt, so that no document is changed."""

    def __init__(self) -> None:
        self.data: dict[str, Any] = {}
        self.spans: dict[DataPath, Location] = {}
        self.keys: dict[DataPath, Location] = {}

    def add(self, document: Document) -> None:
        self._merge(self.data, document.data, (), document)

    def _merge(self, into: dict[str, Any], data: Any, path: DataPath, document: Document) -> None:
        if path in document.spans:
            self.spans[path] = document.spans[path]
        for key, value in data.items():
            inner = (*path, key)
            if value is None and key in into:
                del into[key]
                self._forget(inner)
            elif isinstance(value, dict) and isinstance(into.get(key), dict):
                self.keys[inner] = document.key_spans[inner]
                self._merge(into[key], value, inner, document)
            else:
                self._forget(inner)
                into[key] = _copy(value)
                self._adopt(inner, document)

    def _forget(self, path: DataPath) -> None:
        for table in (self.spans, self.keys):
            for known in [known for known in table if known[: len(path)] == path]:
                del table[known]

    def _adopt(self, path: DataPath, document: Document) -> None:
        for table, theirs in ((self.spans, document.spans), (self.keys, document.key_spans)):
            for known, place in theirs.items():
                if known[: len(path)] == path:
                    table[known] = place


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value

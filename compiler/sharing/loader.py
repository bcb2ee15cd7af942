"""Read a spec and everything it extends."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from ..diagnostics import CompileError, Diagnostic, Location
from ..document import Document, parse_document
from ..kept import Kept
from ..source import Source, decode_source
from .homes import Home, ProjectFile
from .merge import fold
from .refused import Refused

if TYPE_CHECKING:
    from .foreign import GitFile
    from .git import GitSource

MAX_FILES = 50
MAX_TOTAL = 4_000_000
"""Bytes of all files of one spec together."""

_Chain = tuple[tuple[str, Location | None], ...]


@dataclass(frozen=True, slots=True)
class Included:
    """A file that was read: its home, its bytes, and the place that asked for it."""

    home: Home
    raw: bytes
    asked: Location | None


class Base(NamedTuple):
    """An extended file joined with those that it extends in turn, and all that was read for it."""

    document: Document
    included: tuple[Included, ...]
    identities: frozenset[str]


class Loader:
    """Reads a spec and what it extends; files of the project are those inside ``project``.

    With a list of files, a later one wins over an earlier one, and the document over all.
    ``missing`` holds the paths of the project that were looked for and are not there; ``kept``
    is what other specs of the same call have read already.
    """

    def __init__(self, project: str, kept: Kept | None = None) -> None:
        self.project = os.path.realpath(project)
        self.kept = kept if kept is not None else Kept()
        self.missing: list[str] = []
        self.found: list[Diagnostic] = []
        self.sources: dict[str, Source] = {}
        self.included: list[Included] = []
        self._git: GitSource | None = None

    def load(self, path: str, shown: str, raw: bytes | None = None) -> Document | None:
        """Return the joined document of ``path``, or None; findings are in ``found``.

        With ``raw``, those bytes are the text, and ``path`` only says where it would stand.
        """
        return self._load(ProjectFile(path, shown, self.project), (), None, raw)

    def home_of(self, shown: str) -> Home:
        """Return the home of a file that was read; options count as written in the spec itself."""
        homes = {one.home.shown: one.home for one in self.included}
        return homes.get(shown, self.included[0].home)

    def read(self, home: Home, asked: Location | None) -> Source:
        """Read a file that is no spec; raises CompileError or Refused."""
        self._refuse_many()
        raw = home.read()
        source = decode_source(raw, home.shown)
        self.sources[home.shown] = source
        self.included.append(Included(home, raw, asked))
        return source

    def note_missing(self, home: Home, name: str) -> None:
        """Remember a path of the project that was looked for in vain."""
        if isinstance(home, ProjectFile):
            self.missing.append(os.path.join(os.path.dirname(home.path), name))

    def _load(
        self, home: Home, chain: _Chain, asked: Location | None, raw: bytes | None = None
    ) -> Document | None:
        try:
            raw = home.read() if raw is None else raw
            source = decode_source(raw, home.shown)
        except CompileError as error:
            self.found.extend(_as_asked(found, asked) for found in error.diagnostics)
            return None
        except Refused as refused:
            self._refuse(refused, asked)
            return None
        self.sources[home.shown] = source
        self.included.append(Included(home, raw, asked))
        document, found = parse_document(source)
        self.found.extend(found)
        chain = (*chain, (home.identity, asked))
        return None if document is None else self._extend(document, home, chain)

    def _extend(self, document: Document, home: Home, chain: _Chain) -> Document | None:
        if not isinstance(document.data, dict):
            return document
        bases: list[Document] = []
        for name, where in _names(document):
            base = self._base(name, home, chain, where)
            if base is None:
                return None
            if isinstance(base.data, dict):
                bases.append(base)
        return fold([*bases, document]) if bases else document

    def _base(
        self, name: str, home: Home, chain: _Chain, where: Location | None
    ) -> Document | None:
        try:
            inner = self._find(name, home)
            self._refuse_many()
        except Refused as refused:
            self.note_missing(home, name)
            self._refuse(refused, where)
            return None
        if any(inner.identity == earlier for earlier, _ in chain):
            self._add_circle(name, inner.identity, where, chain)
            return None
        return self._take_kept(inner, chain, where) or self._load_base(inner, chain, where)

    def _load_base(self, home: Home, chain: _Chain, where: Location | None) -> Document | None:
        found, start = len(self.found), len(self.included)
        document = self._load(home, chain, where)
        if document is not None and len(self.found) == found:
            read = tuple(self.included[start:])
            identities = frozenset(one.home.identity for one in read)
            self.kept.facts[self._key(home)] = Base(document, read, identities)
        return document

    def _take_kept(self, home: Home, chain: _Chain, where: Location | None) -> Document | None:
        """Return what another spec has made of a file.

        Only what loaded without a finding is kept, and it is taken only where it leads neither
        into a circle nor beyond the caps: what a spec is told never depends on those before it.
        """
        base: Base | None = self.kept.facts.get(self._key(home))
        if base is None:
            return None
        circle = any(identity in base.identities for identity, _ in chain)
        if circle or not _fit([*self.included, *base.included]):
            return None
        self.included += [replace(base.included[0], asked=where), *base.included[1:]]
        self.sources.update(base.document.sources)
        return base.document

    def _key(self, home: Home) -> tuple[str, ...]:
        return "extended", self.project, home.kind, home.shown, home.identity

    def _find(self, name: str, home: Home) -> Home:
        """Return where ``name`` leads to; raises Refused."""
        if name.startswith("git+"):
            return self._find_git(name, home)
        if name.startswith("pkg:"):
            from .foreign import package_file
            from .packages import split_name

            return package_file(*split_name(name), self.project)
        if "://" in name or name.startswith(("http:", "https:", "git@")):
            cure = "copy the file into the project, or pin it as `git+https://...@<commit>#path`"
            kind = name.partition(":")[0]  # an address may hold a password
            raise Refused("NV501", f"an address `{kind}:...` cannot be extended", cure)
        return home.relative(name)

    def _find_git(self, name: str, home: Home) -> GitFile:
        from .foreign import GitFile
        from .git import GitSource
        from .gitname import parse_git_name

        parsed = parse_git_name(name, self.project)
        if parsed.protocol == "file" and home.kind != "file":
            message = "only a file of the project can extend a local git repository"
            raise Refused("NV512", message, "name the repository by https")
        self._git = self._git or GitSource(self.project)
        return GitFile(parsed, self._git)

    def _refuse_many(self) -> None:
        if len(self.included) >= MAX_FILES:
            raise Refused("NV504", f"more than {MAX_FILES} files are extended")
        if sum(len(one.raw) for one in self.included) > MAX_TOTAL:
            raise Refused("NV504", f"more than {MAX_TOTAL:,} bytes are extended")

    def _add_circle(self, name: str, identity: str, where: Location | None, chain: _Chain) -> None:
        """Show each step of the way round, so that any one of them can be cut."""
        start = [earlier for earlier, _ in chain].index(identity)
        steps = tuple((place, "by way of") for _, place in chain[start + 1 :] if place)
        message = f"`{name}` extends itself in a circle"
        found = Diagnostic("NV502", "error", message, where, "remove one step of it", steps)
        self.found.append(found)

    def _refuse(self, refused: Refused, where: Location | None) -> None:
        self.found.append(Diagnostic(refused.code, "error", refused.message, where, refused.cure))


def _fit(files: list[Included]) -> bool:
    return len(files) <= MAX_FILES and sum(len(one.raw) for one in files) <= MAX_TOTAL


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

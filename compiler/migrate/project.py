"""Migrate named specs with the files of the project that they extend: all of them or none.

Every file is edited on its own, so what the edits say together is compared, for each named spec,
with what it said before. Where files share a move in a way that edits of one file cannot follow,
nothing is written and the place is shown.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..diagnostics import Diagnostic, Location, has_errors, limit_diagnostics
from ..document import Document, parse_document
from ..events import YAMLError
from ..fmt.comments import attach_comments
from ..fmt.tree import build_tree, normal_ends
from ..schema import check_level
from ..sharing import Included, Loader
from ..sharing.homes import Home
from ..source import Source, decode_source
from .edit import Unmovable, edit_text
from .moves import Move, Step, Taken, moved, normal, source_of
from .v1_to_v2 import STEP as FROM_1

STEPS = (FROM_1,)


@dataclass(frozen=True, slots=True)
class Migration:
    """What is to be written: path -> text before and after; empty where findings forbid it.

    ``specs`` and ``parts`` name the files looked at, those asked for and those they extend.
    """

    texts: dict[str, tuple[str, str]]
    diagnostics: tuple[Diagnostic, ...]
    sources: dict[str, Source]
    specs: tuple[str, ...]
    parts: tuple[str, ...]


def migrate(paths: Iterable[str], project: str) -> Migration:
    """Return the named specs, and what they extend inside ``project``, in today's language."""
    specs = tuple(dict.fromkeys(os.path.normpath(path) for path in paths))
    work = _Work(specs, project)
    for step in STEPS:
        work.take(step)
        if work.found:
            break
    done = {} if work.found else work.changes()
    parts = tuple(sorted(set(work.shown.values()) - set(specs)))
    found = tuple(limit_diagnostics(work.found))
    return Migration(done, found, work.sources, specs, parts)


class _Edited(Loader):
    """Reads the files of the project as they are after the steps taken so far."""

    def __init__(self, project: str, texts: dict[str, str]) -> None:
        super().__init__(project)
        self.texts = texts

    def _load(
        self, home: Home, chain: Any, asked: Location | None, raw: bytes | None = None
    ) -> Document | None:
        text = self.texts.get(home.identity) if home.kind == "file" else None
        return super()._load(home, chain, asked, raw if text is None else text.encode("utf-8"))


@dataclass(frozen=True, slots=True)
class _Chain:
    """A named spec with everything it extends."""

    path: str
    document: Document
    included: tuple[Included, ...]

    def reaches(self, identity: str) -> bool:
        return any(one.home.identity == identity for one in self.included)


class _Work:
    """The texts as they come to be; nothing is written here."""

    def __init__(self, specs: tuple[str, ...], project: str) -> None:
        self.specs, self.project = specs, project
        self.found: list[Diagnostic] = []
        self.sources: dict[str, Source] = {}
        self.texts: dict[str, str] = {}
        self.first: dict[str, str] = {}
        self.shown: dict[str, str] = {}

    def changes(self) -> dict[str, tuple[str, str]]:
        """Return the files that differ, as they were and as they are now."""
        return {
            self.shown[name]: (self.first[name], text)
            for name, text in sorted(self.texts.items())
            if text != self.first[name]
        }

    def take(self, step: Step) -> None:
        """Take every file of an old spec one version further."""
        chains = [chain for path in self.specs if (chain := self._load(path)) is not None]
        if self.found:
            return
        old = [chain for chain in chains if _is_old(chain, step)]
        self._refuse_foreign(old, step)
        files = {one.home.identity: one for chain in old for one in chain.included
                 if one.home.kind == "file"}  # fmt: skip
        if not self.found:
            for one in files.values():
                self._edit(one, old, step)
        for chain in old if not self.found else ():
            self._compare(chain, step)

    def _load(self, path: str) -> _Chain | None:
        loader = _Edited(self.project, self.texts)
        document = loader.load(path, path)
        self.sources.update(loader.sources)
        self.found += [one for one in loader.found if one.severity == "error"]
        if document is None or has_errors(loader.found):
            return None
        if not isinstance(document.data, dict):
            self.found += check_level(document)[1]
            return None
        for one in loader.included:
            if one.home.kind == "file":
                text = self.texts.setdefault(one.home.identity, one.raw.decode("utf-8-sig"))
                self.first.setdefault(one.home.identity, text)
                self.shown.setdefault(one.home.identity, one.home.shown)
        return _Chain(path, document, tuple(loader.included))

    def _refuse_foreign(self, chains: list[_Chain], step: Step) -> None:
        """A file of a package or a commit cannot be rewritten here."""
        for chain in chains:
            for one in chain.included:
                data = _parsed(one).data if one.home.kind != "file" else {}
                if isinstance(data, dict) and _needs(data, step):
                    message = (
                        f"`{one.home.shown}` is language {step.old}, and lies outside the project"
                    )
                    cure = "extend a version of it in today's language, or copy it into the project"
                    self._add(message, one.asked, cure)

    def _edit(self, one: Included, chains: list[_Chain], step: Step) -> None:
        text = self.texts[one.home.identity]
        document, _ = parse_document(Source(one.home.shown, text))
        if document is None or not isinstance(document.data, dict):
            return
        if not _needs(document.data, step):
            return
        bare = self._bare(one, document, chains, step)
        try:
            expected = moved(document.data, step, bare=bare)
            new = edit_text(text, step, bare) if not self.found else text
        except Unmovable as error:
            self._refuse_form(document, error.move)
        except YAMLError:
            self._refuse_layout(document)
        except Taken as taken:
            message = f"`{taken}` is in the way of what moves there"
            place = document.point_key(taken.path)
            self._add(message, place, f"remove `{taken}`: language {step.old} has no such key")
        else:
            self._accept(one, document, new, expected)

    def _accept(self, one: Included, document: Document, new: str, expected: Any) -> None:
        again, found = parse_document(Source(one.home.shown, new))
        kept = _comments(new) == _comments(self.texts[one.home.identity])
        if self.found:
            return
        if again is None or found or again.data != expected or not kept:
            self._refuse_layout(document)
            return
        self.texts[one.home.identity] = new

    def _bare(
        self, one: Included, document: Document, chains: list[_Chain], step: Step
    ) -> frozenset[str]:
        """Return the sections that other files begin, of those that ``document`` lacks."""
        bare = set()
        for move in step.moves:
            lacks = not move.wraps and move.section not in document.data
            if lacks and source_of(document.data, move):
                around = [chain for chain in chains if chain.reaches(one.home.identity)]
                if self._begins_elsewhere(document, move, around):
                    bare.add(move.section)
        return frozenset(bare)

    def _begins_elsewhere(self, document: Document, move: Move, chains: list[_Chain]) -> bool:
        specs = [chain for chain in chains if "level" in chain.document.data]
        if not specs:
            cure = "name the specs that extend it as well, so that their machine is known"
            if move.section != "hardware":
                cure = "name the specs that extend it as well"
            message = f"whether a file that extends this one has `{move.section}` is not known"
            self._add(message, document.point_key(move.source), cure)
            return False
        maps = [isinstance(chain.document.data.get(move.section), dict) for chain in specs]
        for chain in specs:
            known = chain.document.data.get(move.section)
            if (known is not None and not isinstance(known, dict)) or len(set(maps)) > 1:
                self._refuse_split(move, document.point_key(move.source), chain)
                return False
        return maps[0]

    def _refuse_split(self, move: Move, where: Location | None, chain: _Chain) -> None:
        name, key = ".".join(move.source), move.source[1]
        other = chain.document.point_key((move.section,))
        home = other.file if other else f"the file that has `{move.section}`"
        message = f"`{name}` moves to `{move.section}`, which another file says more of"
        cure = f"first put `{move.source[0]}: {{{key}: ...}}` into {home}, and migrate then"
        related = ((other, f"the `{move.section}` of {chain.path}"),) if other else ()
        self.found.append(Diagnostic("NV552", "error", message, where, cure, related))

    def _refuse_layout(self, document: Document) -> None:
        message = "this file is laid out in a way that cannot be edited safely"
        self._add(message, document.start(), "run `nivel fmt` on it first")

    def _refuse_form(self, document: Document, move: Move) -> None:
        message = f"`{'.'.join(move.source)}` cannot be moved as it is written"
        where = document.point_key(move.source) or document.point_key((move.section,))
        self._add(message, where, "write the value on one line")

    def _compare(self, chain: _Chain, step: Step) -> None:
        """Hold what a spec says now against what it said, in the newer language."""
        after = _Edited(self.project, self.texts).load(chain.path, chain.path)
        before = moved(chain.document.data, step)
        if after is not None and normal(after.data, step) == normal(before, step):
            return
        moves = [move for move in step.moves if source_of(chain.document.data, move)]
        lost = [move for move in moves if _value(after, move) != _value(before, move)]
        move = next(iter([*lost, *moves, *step.moves]))
        where = chain.document.point_key(move.source) or chain.document.start()
        self._refuse_split(move, where, chain)

    def _add(self, message: str, where: Location | None, cure: str) -> None:
        self.found.append(Diagnostic("NV552", "error", message, where, cure))


def _value(said: Any, move: Move) -> Any:
    data = said.data if isinstance(said, Document) else said
    for key in move.target:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _is_old(chain: _Chain, step: Step) -> bool:
    """Tell whether a spec is of the version that ``step`` starts from; a part has no version."""
    data = chain.document.data
    return data["nivel"] == step.old if "nivel" in data else "level" not in data


def _needs(data: dict[str, Any], step: Step) -> bool:
    return data.get("nivel") == step.old or any(source_of(data, move) for move in step.moves)


def _parsed(one: Included) -> Document:
    document, _ = parse_document(decode_source(one.raw, one.home.shown))
    assert document is not None, "the loader has read it"
    return document


def _comments(text: str) -> list[str]:
    return sorted(comment.text for comment in attach_comments(build_tree(normal_ends(text))))

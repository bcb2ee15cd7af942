"""What a rule gets, and how it is registered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from ..diagnostics import Diagnostic, Location
from ..document import DataPath, Document


@dataclass(frozen=True, slots=True)
class Context:
    """A document in the eyes of the rules.

    ``filled`` is its data with defaults; ``bad`` holds the paths that earlier stages
    refused; ``project`` is the folder that files are looked up in. ``memo`` keeps what was
    read from disk, so that rules that ask for the same file read it once; ``shared`` is for
    what is the same for every spec of the project.
    """

    document: Document
    level: str
    filled: dict[str, Any]
    bad: frozenset[DataPath]
    project: str
    memo: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)
    shared: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    def get(self, *path: str | int) -> Any:
        """Return the value at ``path``, or None where it is not given or was refused."""
        found: Any = self.filled
        for depth, step in enumerate(path, 1):
            if path[:depth] in self.bad:
                return None
            try:
                found = found[step]
            except (KeyError, IndexError, TypeError):
                return None
        return found

    def sound(self, *path: str | int) -> bool:
        """Tell whether nothing at ``path`` or inside it was refused."""
        return not any(bad[: len(path)] == path for bad in self.bad)

    def has(self, *path: str | int) -> bool:
        """Tell whether the file itself gives a value at ``path``, right or wrong."""
        return path in self.document.spans

    def models(self) -> Iterator[DataPath]:
        """Yield the place of every model that the spec starts from, asks or measures with."""
        if isinstance(self.get("model"), dict):
            yield ("model",)
        several = self.get("models")
        for name in several if isinstance(several, dict) else ():
            if isinstance(self.get("models", name), dict):
                yield ("models", name)
        if isinstance(self.get("evaluate", "judge", "model"), dict):
            yield ("evaluate", "judge", "model")
        if isinstance(self.get("objective", "teacher"), dict):
            yield ("objective", "teacher")
        if self.get("tokenizer", "type") == "model":
            yield ("tokenizer",)
        metrics = self.get("evaluate", "metrics")
        for index in range(len(metrics) if isinstance(metrics, list) else 0):
            if isinstance(self.get("evaluate", "metrics", index, "model"), dict):
                yield ("evaluate", "metrics", index, "model")

    def where(self, *path: str | int) -> Location | None:
        """Point at the value of ``path``, or of the nearest part that is written."""
        while path and path not in self.document.spans:
            path = path[:-1]
        return self.document.point(path) if path else self.document.start()

    def key(self, *path: str | int) -> Location | None:
        """Point at the key of ``path``."""
        return self.document.point_key(path) or self.where(*path)

    def related(self, *pairs: tuple[DataPath, str]) -> tuple[tuple[Location, str], ...]:
        """Return the places of those paths that are written, each with its note."""
        places = ((self.document.point(path), note) for path, note in pairs)
        return tuple((place, note) for place, note in places if place is not None)


Check = Callable[[Context], Iterator[Diagnostic]]

RULES: list[Check] = []
"""Every rule in the order of import."""


def rule(code: str, title: str) -> Callable[[Check], Check]:
    """Register a check under ``code``; ``title`` says in a few words what it forbids."""

    def register(check: Check) -> Check:
        check.__dict__.update(code=code, title=title)
        RULES.append(check)
        return check

    return register


ModelCheck = Callable[[Context, DataPath], Iterator[Diagnostic]]


def model_rule(code: str, title: str) -> Callable[[ModelCheck], ModelCheck]:
    """Register a check that looks at each model of a spec by itself; it gets the model's place."""

    def register(check: ModelCheck) -> ModelCheck:
        @rule(code, title)
        @wraps(check)
        def check_each(context: Context) -> Iterator[Diagnostic]:
            for at in context.models():
                yield from check(context, at)

        return check

    return register


def error(
    code: str,
    message: str,
    where: Location | None,
    cure: str | None = None,
    related: tuple[tuple[Location, str], ...] = (),
) -> Diagnostic:
    """Make an error; the arguments are those of :class:`Diagnostic`."""
    return Diagnostic(code, "error", message, where, cure, related)


def warning(
    code: str,
    message: str,
    where: Location | None,
    cure: str | None = None,
    related: tuple[tuple[Location, str], ...] = (),
) -> Diagnostic:
    """Make a warning: the spec compiles, but its writer should know."""
    return Diagnostic(code, "warning", message, where, cure, related)

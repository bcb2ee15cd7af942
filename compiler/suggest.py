"""What the writer of an unknown key probably meant; imported only when there is one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from ..schemas import LEVELS, read_schema
from .aliases import ALIASES, VALUE_ALIASES
from .diagnostics import Diagnostic
from .document import DataPath, Document
from .schema import Schema, name_of, resolve
from .words import listed


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that ``word`` is most likely a slip of, or None."""
    known = {candidate.lower(): candidate for candidate in candidates}
    squeezed = word.lower().replace("-", "_")
    found = get_close_matches(squeezed, known, n=1, cutoff=0.65)
    found = found or get_close_matches(word.lower(), known, n=1, cutoff=0.65)
    return known[found[0]] if found else None


def nearest_value(word: str, choices: list[str]) -> str | None:
    """Return the choice that ``word`` is another tool's name for, or a slip of."""
    alias = VALUE_ALIASES.get(word.lower())
    return alias if alias in choices else nearest(word, choices)


def as_name(text: str) -> str:
    """Turn any text into an experiment name."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:63].strip("-")
    return name or "my-experiment"


def explain_unknown_key(
    path: DataPath, value: dict[str, Any], known: dict[str, Schema], document: Document, level: str
) -> tuple[Diagnostic, set[str]]:
    """Return the finding, and the keys of the same map that were probably meant.

    The surest hint wins: a key that belongs elsewhere by its exact name, then a name
    of another tool, then the nearest spelling.
    """
    key = str(path[-1])
    missing = [name for name in known if name not in value]
    tries = (_other_case, _same_place, _misplaced, _other_level, _alias)
    for attempt in tries:
        hint = attempt(path, level, missing)
        if hint is not None:
            code, message, cure, meant = hint
            return _finding(code, message, cure, path, document), meant
    close = nearest(key, missing) or nearest(key, known)
    message = f"unknown key `{key}`" + (f" in `{name_of(path[:-1])}`" if path[1:] else "")
    if close is not None:
        cure = f"did you mean `{close}`?" if close in missing else f"`{close}` is already given"
        return _finding("NV201", message, cure, path, document), {close}
    cure = _far_or_list(key, known, level)
    return _finding("NV201", message, cure, path, document), set()


Hint = tuple[str, str, str, set[str]] | None


def _misplaced(path: DataPath, level: str, missing: list[str]) -> Hint:
    """The key exists at this level, in another section."""
    key = str(path[-1])
    places = [place for place in _places(level) if place[-1] == key and place[:-1] != path[:-1]]
    if not places or key in ("type", "path", "text"):
        return None
    homes = [name_of(place[:-1]) if place[1:] else "the top level" for place in places]
    homes = list(dict.fromkeys(homes))  # a key of several cases of one choice is in one place
    home = " or ".join(f"`{name}`" if name != "the top level" else name for name in homes[:2])
    here = f"in `{name_of(path[:-1])}`" if path[1:] else "at the top level"
    return "NV201", f"`{key}` does not belong {here}", f"move it to {home}", set()


def _other_case(path: DataPath, level: str, missing: list[str]) -> Hint:
    """The key is one of another choice of the same map."""
    key, cases = path[-1], _cases_at(path[:-1], level)
    having = [name for name, case in cases.items() if key in case.get("properties", {})]
    alias = _alias(path, level, missing)
    if not having or (alias is not None and alias[3].intersection(missing)):
        return None  # here it is called otherwise
    types = " or ".join(f"`type: {name}`" for name in having[:3])
    message = f"`{name_of(path)}` belongs to {types}"
    return "NV201", message, f"remove it, or write {types.partition(' or ')[0]}", set()


def _cases_at(path: DataPath, level: str) -> dict[str, Schema]:
    """Return the cases, by `type`, of the choice at ``path``; none where nothing is chosen."""
    pending = [resolve(read_schema(f"{level}.json"))]
    for step in path:
        branches = [resolve(one) for each in pending for one in (each, *each.get("oneOf", ()))]
        found = [one["properties"][step] for one in branches if step in one.get("properties", {})]
        pending = [resolve(one) for one in found]
    choices = [each["discriminator"]["mapping"] for each in pending if "discriminator" in each]
    return {name: resolve({"$ref": place}) for one in choices for name, place in one.items()}


def _same_place(path: DataPath, level: str, missing: list[str]) -> Hint:
    """The key exists at the very same place of another level."""
    return _of_level(path, level, lambda place: place == path)


def _other_level(path: DataPath, level: str, missing: list[str]) -> Hint:
    """The key exists somewhere in another level."""
    if path[-1] == "dataset":
        return None  # of the hub; what is meant is the section of data
    return _of_level(path, level, lambda place: place[-1] == path[-1] and len(place) > 1)


def _of_level(path: DataPath, level: str, fits: Callable[[DataPath], bool]) -> Hint:
    for other in LEVELS:
        place = next((p for p in _places(other) if fits(p)), None) if other != level else None
        if place is not None:
            message = f"`{name_of(place)}` belongs to level `{other}`, but this spec is `{level}`"
            return "NV202", message, f"remove it, or write `level: {other}`", set()
    return None


def _alias(path: DataPath, level: str, missing: list[str]) -> Hint:
    """The key is another tool's name for something."""
    alias = ALIASES.get(str(path[-1]).lower().replace("-", "_"))
    if alias is None:
        return None
    targets, note = alias
    here = set(_places(level))
    target = next((t for t in targets if tuple(t.split(".")) in here), None)
    message = f"unknown key `{path[-1]}`"
    if target is None:
        cure = _elsewhere(targets) or note
        return ("NV201", message, cure, set()) if cure else None
    steps = tuple(target.split("."))
    outer = path[:-1]
    meant = (
        {steps[len(outer)]} if len(steps) > len(outer) and steps[: len(outer)] == outer else set()
    )
    cure = f"here it is `{target}`" + (f": {note}" if note else "")
    return "NV201", message, cure, meant


def _elsewhere(targets: tuple[str, ...]) -> str | None:
    """Say at which level one of ``targets`` can be written."""
    for target in targets:
        for level in LEVELS:
            if tuple(target.split(".")) in set(_places(level)):
                return f"it is `{target}`, which belongs to level `{level}`"
    return None


def _far_or_list(key: str, known: dict[str, Schema], level: str) -> str:
    places = {place[-1]: place for place in reversed(list(_places(level)))}
    close = nearest(key, places)
    if close is not None and len(places[close]) > 1:
        return f"did you mean `{name_of(places[close])}`?"
    return f"the keys here are {listed(known)}" if known else "remove it"


def _places(level: str) -> Iterator[tuple[str, ...]]:
    """Yield the path of every key of a level's schema, outer keys first."""
    pending: list[tuple[tuple[str, ...], Schema]] = [((), read_schema(f"{level}.json"))]
    while pending:
        path, schema = pending.pop(0)
        schema = resolve(schema)
        for branch in (schema, *map(resolve, schema.get("oneOf", ()))):
            for key, inner in branch.get("properties", {}).items():
                yield (*path, key)
                pending.append(((*path, key), inner))


def _finding(
    code: str, message: str, cure: str | None, path: DataPath, document: Document
) -> Diagnostic:
    return Diagnostic(code, "error", message, document.point_key(path), cure, (), path)

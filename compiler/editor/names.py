"""Keys that are known and refused: what an editor says of them in place of "not allowed".

Names of other tools, keys of another level, section keys written at the top, and keys that an
earlier version of the language had elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from ..aliases import ALIASES
from ..language import Key, Path, all_keys
from ..words import listed

_COMMON = frozenset(("type", "path", "text", "name", "description", "split", "limit"))
"""Words too common for their place to be guessed from them."""


_MOVED = {
    ("train", "micro_batch"): "hardware.micro_batch",
    ("train", "weight_decay"): "train.optimizer.weight_decay",
}
"""Keys of language 1 and where language 2 has them; `nivel migrate` moves them in a spec."""

OLDER = "An older language: `nivel migrate` rewrites the spec to this one"
"""What is said of a `nivel:` that is not this version's number."""


def refusal(message: str) -> dict[str, Any]:
    """Return a schema that accepts nothing and has editors say ``message``, once.

    yaml-language-server lets the message of a wrong type be replaced, but not that of ``not``:
    so null is asked for, and refused. Completion leaves the key out.
    """
    wanted = {"type": "null"}
    return {**wanted, "errorMessage": message, "not": wanted, "doNotSuggest": True}


def elsewhere(path: Path, own: Iterable[str], levels: tuple[str, ...]) -> dict[str, Any]:
    """Return the refused keys of one form of the map at ``path``, which has the keys ``own``.

    They are the keys that the map has only at other levels or in other cases. What no form of
    it has is left to :func:`known_names`.
    """
    others = [key for key in _below(path) if key.path[-1] not in own]
    return {key.path[-1]: refusal(_belongs(key, levels)) for key in others}


def _belongs(key: Key, levels: tuple[str, ...]) -> str:
    if not set(key.levels) & set(levels):
        return f"`{key.name}` belongs to level {listed(key.levels)}, not {listed(levels)}"
    cases = f"; it goes with {listed(key.cases)}" if key.cases else ""
    return f"`{key.name}` does not belong here{cases}"


def known_names(path: Path) -> dict[str, Any]:
    """Return a schema that lets pass the keys that some form of the map at ``path`` has.

    It stands beside every form of that map and is the same for all of them, so that it is
    said once: other tools' names are many. They are patterns, which no editor offers.
    """
    own = {key.path[-1]: {"doNotSuggest": True} for key in _below(path)}
    said = [*_aliases(path), *_moved(path), *(_belonging_below() if not path else ())]
    names: dict[str, list[str]] = {}
    for name, message in dict(reversed(said)).items():
        if name not in own:
            names.setdefault(message, []).append(name)
    patterns = {_pattern(found): refusal(message) for message, found in names.items()}
    return {"properties": own, "patternProperties": patterns, "additionalProperties": False}


def _below(path: Path) -> list[Key]:
    # names of the writer's own stand as * in a path, and not at all in the names of keys
    named = tuple(step for step in path if step != "*")
    return [key for key in all_keys().values() if key.path[:-1] == named]


def _pattern(names: list[str]) -> str:
    """Match any of ``names``; some tools write hyphens where others write underscores."""
    plain = (re.sub(r"[^\w-]", lambda found: f"\\{found[0]}", name) for name in sorted(names))
    return f"^({'|'.join(plain)})$".replace("_", "[-_]")


def _aliases(path: Path) -> Iterator[tuple[str, str]]:
    for name, (targets, note) in ALIASES.items():
        target = next((place for place in targets if tuple(place.split(".")) in all_keys()), None)
        if target is None:
            if note and path in ((), ("train",)):
                yield name, f"There is no such key: {note}"
        elif path in ((), tuple(target.split(".")[:-1])):
            yield name, f"Here it is `{target}`" + (f": {note}" if note else "")


def _moved(path: Path) -> Iterator[tuple[str, str]]:
    for (*place, name), now in _MOVED.items():
        if tuple(place) == path:
            yield name, f"Since language 2 this is `{now}`; `nivel migrate` moves it"


def _belonging_below() -> Iterator[tuple[str, str]]:
    """Keys of one section only, written at the top as flat configurations have them."""
    homes: dict[str, set[str]] = {}
    for key in all_keys().values():
        if len(key.path) == 2:
            homes.setdefault(key.path[1], set()).add(key.path[0])
    for name, places in homes.items():
        if len(places) == 1 and name not in _COMMON:
            yield name, f"`{name}` belongs in `{''.join(places)}`"

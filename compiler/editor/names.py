"""Keys that are known and refused: what an editor says of them in place of "not allowed".

Names of other tools, keys of another level, section keys written at the top, and keys that an
earlier version of the language had elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..aliases import ALIASES
from ..language import Path, all_keys
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
    so a text has to be a number here, and anything else a text. Completion leaves the key out.
    """
    number, text = ({"type": kind, "errorMessage": message} for kind in ("number", "string"))
    return {"doNotSuggest": True, "if": {"type": "string"}, "then": number, "else": text}


def keys_of_other_levels(path: Path, levels: tuple[str, ...]) -> dict[str, Any]:
    """Return the refused keys of the map at ``path``: those that only other levels have there."""
    return {
        key.path[-1]: refusal(
            f"`{key.name}` belongs to level {listed(key.levels)}, not {listed(levels)}"
        )
        for key in all_keys().values()
        if key.path[:-1] == path and not set(key.levels) & set(levels)
    }


def other_names(path: Path) -> dict[str, Any]:
    """Return the keywords that refuse, in the map at ``path``, what no level calls so.

    The names are the same for every level and stand apart, to be said once; a pattern keeps
    the closed map itself from faulting them a second time.
    """
    said = [*_aliases(path), *_moved(path), *(_belonging_below() if not path else ())]
    refused = {name: refusal(text) for name, text in reversed(said)}
    refused = {name: one for name, one in refused.items() if (*path, name) not in all_keys()}
    if not refused:
        return {}
    pattern = f"^({'|'.join(sorted(refused))})$"
    return {"patternProperties": {pattern: {}}, "allOf": [{"properties": refused}]}


def _aliases(path: Path) -> Iterator[tuple[str, str]]:
    for name, (targets, note) in ALIASES.items():
        target = next((place for place in targets if tuple(place.split(".")) in all_keys()), None)
        if target is None:
            if note and path in ((), ("train",)):
                yield name, f"There is no `{name}`: {note}"
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

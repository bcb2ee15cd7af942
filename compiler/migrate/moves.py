"""What a step between two versions of the language is made of, and what it does to data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..located import DataPath


@dataclass(frozen=True, slots=True)
class Move:
    """A key that changed its place.

    Either its value is wrapped where it stands (``train.x`` to ``train.new.x``), or it goes to
    another section (``train.x`` to ``other.x``). ``first`` is the entry that a map made for it
    begins with. A section that was a scalar becomes a map with the scalar at the key of ``first``.
    """

    source: tuple[str, str]
    target: tuple[str, ...]
    first: tuple[str, str]

    @property
    def wraps(self) -> bool:
        """Whether the key stays in its section, one level further in."""
        return self.target[0] == self.source[0]

    @property
    def section(self) -> str:
        """The section that the key goes to."""
        return self.target[0]

    def made(self, value: Any) -> dict[str, Any]:
        """Return the map made for ``value``; one that only removes a value is given no more."""
        first = dict([self.first]) if value is not None else {}
        return {**first, self.target[-1]: value}


@dataclass(frozen=True, slots=True)
class Step:
    """From one version of the language to the next."""

    old: int
    new: int
    moves: tuple[Move, ...]


class Taken(Exception):
    """The place that a key moves to holds something already; ``path`` is that place."""

    def __init__(self, path: DataPath) -> None:
        self.path = path
        super().__init__(".".join(map(str, path)))


def source_of(data: Any, move: Move) -> bool:
    """Tell whether ``data`` holds the key that ``move`` moves."""
    section = data.get(move.source[0])
    return isinstance(section, dict) and move.source[1] in section


def moved(data: Mapping[str, Any], step: Step, *, bare: frozenset[str] = frozenset()) -> Any:
    """Return ``data`` in the newer language; raises :class:`Taken`.

    ``bare`` names the sections of which another file says how they begin.
    """
    result = {key: dict(value) if isinstance(value, dict) else value for key, value in data.items()}
    if result.get("nivel") == step.old:
        result["nivel"] = step.new
    for move in step.moves:
        if source_of(result, move):
            value = result[move.source[0]].pop(move.source[1])
            _put(result, move, value, bare=move.section in bare)
    return result


def _put(result: dict[str, Any], move: Move, value: Any, *, bare: bool) -> None:
    holder, name = (result[move.section], move.target[1]) if move.wraps else (result, move.section)
    known = holder.get(name)
    if move.wraps and name in holder:
        raise Taken((move.section, name))
    if isinstance(known, dict):
        if move.target[-1] in known:
            raise Taken((move.section, move.target[-1]))
        known[move.target[-1]] = value
    elif name in holder:
        if known is None or isinstance(known, list):
            raise Taken((name,))
        holder[name] = {move.first[0]: known, move.target[-1]: value}
    else:
        holder[name] = {move.target[-1]: value} if bare else move.made(value)


def normal(data: Mapping[str, Any], step: Step) -> dict[str, Any]:
    """Return ``data`` with the spellings made one that mean the same in the newer language.

    A section left out is what ``first`` says, a scalar is a map with one key, and a wrapping map
    that says nothing is not there.
    """
    result = {key: dict(value) if isinstance(value, dict) else value for key, value in data.items()}
    for move in step.moves:
        if not move.wraps:
            said = result.get(move.section, move.first[1])
            result[move.section] = said if isinstance(said, dict) else {move.first[0]: said}
        elif isinstance(section := result.get(move.section), dict):
            if section.get(move.target[1]) in ({}, dict([move.first])):
                del section[move.target[1]]
            if not section:
                del result[move.section]
    return result

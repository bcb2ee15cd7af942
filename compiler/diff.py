"""What differs between two specs, by meaning: after `extends`, overrides and defaults.

Every key of the schemas says what a change of it affects; see :data:`CLASSES`. A key without a
word of its own takes that of the section it stands in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from ..schemas import read_schema
from .check import Checked
from .defaults import fill_defaults
from .located import DataPath
from .plan import Plan, to_json
from .resolved import DEFAULT, origins, scalar
from .schema import Schema, name_of, resolve

CLASSES: dict[str, str] = {
    "question": "changes the question: results cannot be compared",
    "optimisation": "changes what is learned or asked: results differ",
    "numerics": "changes the arithmetic: results differ by rounding",
    "speed": "changes only speed or place",
    "records": "changes only names and records",
}
"""What a change affects, the gravest first, with the words for it."""

_NOT_DERIVED = frozenset(("common", "level", "model", "method", "optimizer", "prompt", "tokenizer"))
"""Parts of a plan that hold what the spec says, and so are compared as the spec."""


class _Absent:
    """No value, which no value of a spec equals."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs, with where each side was written; ``affects`` is of CLASSES."""

    path: DataPath
    affects: str
    before: Any
    after: Any
    before_origin: str
    after_origin: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Derived:
    """A number that the plans derive differently; the name is that of the plan's JSON."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Difference:
    """All that differs between two specs."""

    changes: tuple[Change, ...]
    derived: tuple[Derived, ...]

    @property
    def gravest(self) -> str | None:
        """The gravest class of any change; None where nothing differs."""
        found = {change.affects for change in self.changes}
        return next((name for name in CLASSES if name in found), None)


def reaches(gravest: str | None, threshold: str) -> bool:
    """Tell whether a difference is at least as grave as ``threshold``."""
    order = list(CLASSES)
    return gravest is not None and order.index(gravest) <= order.index(threshold)


def diff(before: tuple[Plan, Checked], after: tuple[Plan, Checked]) -> Difference:
    """Compare two sound specs with their plans."""
    sides = [_Side.of(checked) for _, checked in (before, after)]
    paths = dict.fromkeys([*sides[0].values, *sides[1].values])
    changes = tuple(
        _promoted(_change(path, sides[0], sides[1]), sides)
        for path in paths
        if not _same(sides[0].get(path), sides[1].get(path))
    )
    return Difference(changes, tuple(_derived(before[0], after[0], changes)))


@dataclass(frozen=True, slots=True)
class _Side:
    """The values of one spec by path, and where each was written."""

    level: str
    values: dict[DataPath, Any]
    notes: dict[DataPath, str]

    @classmethod
    def of(cls, checked: Checked) -> _Side:
        assert checked.spec is not None and checked.document is not None
        data = fill_defaults(checked.spec.level, checked.document.data)
        data.pop("extends", None)
        notes = origins(checked.document, data)
        machine = {k: v for k, v in asdict(checked.spec.hardware).items() if v is not None}
        whole = notes.get(("hardware",))
        data = {**data, "hardware": machine}
        if whole is not None:  # a profile's name stands for all of it
            notes.update({("hardware", key): whole for key in machine})
        return cls(checked.spec.level, dict(_leaves(data)), notes)

    def get(self, path: DataPath) -> Any:
        return self.values.get(path, ABSENT)

    def origin(self, path: DataPath) -> str:
        if path not in self.values:
            return ""
        profile = self.notes.get(("hardware", "profile"), DEFAULT)
        return self.notes.get(path, profile if path[0] == "hardware" else DEFAULT)


def _leaves(data: Any, path: DataPath = ()) -> Iterator[tuple[DataPath, Any]]:
    """Yield scalars, lists and empty maps; a list is one value."""
    if not isinstance(data, dict) or not data:
        yield path, data
        return
    for key, value in data.items():
        yield from _leaves(value, (*path, key))


def _same(one: Any, other: Any) -> bool:
    """Tell whether two values mean the same: 1 and 1.0 do, 1 and true do not."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _change(path: DataPath, one: _Side, other: _Side) -> Change:
    level = one.level if path in one.values else other.level
    return Change(
        path,
        affects(level, path),
        one.get(path),
        other.get(path),
        one.origin(path),
        other.origin(path),
    )


def _promoted(change: Change, sides: list[_Side]) -> Change:
    """The seed also draws the test rows where only some of them are taken."""
    limited = any(("data", "test", "limit") in side.values for side in sides)
    if change.path != ("seed",) or not limited:
        return change
    note = "draws other test rows, because `data.test` has a limit"
    fields = {name: getattr(change, name) for name in Change.__slots__}
    return Change(**{**fields, "affects": "question", "note": note})


def affects(level: str, path: DataPath) -> str:
    """Return what a change at ``path`` affects, as the schema of ``level`` says.

    Raises:
        KeyError: if neither the key nor any section around it says so.
    """
    schema, found = read_schema(f"{level}.json"), None
    for step in path:
        schema = _child(schema, str(step))
        found = schema.get("affects", found)
    if found is None:
        raise KeyError(name_of(path))
    return str(found)


def _child(schema: Schema, step: str) -> Schema:
    """Return the schema of a key, in whichever branch of a union it stands."""
    pending = [resolve(schema)]
    while pending:
        one = pending.pop(0)
        if step in one.get("properties", {}):
            return resolve(one["properties"][step])
        pending += [resolve(branch) for branch in one.get("oneOf", ())]
        cases = one.get("discriminator", {}).get("mapping", {})
        pending += [resolve({"$ref": reference}) for reference in cases.values()]
    return {}


def _derived(before: Plan, after: Plan, changes: tuple[Change, ...]) -> Iterator[Derived]:
    """Yield what the plans derive differently and the spec itself does not say."""
    one, other = (dict(_leaves(_numbers(plan))) for plan in (before, after))
    said = {(change.path[-1], repr(change.before), repr(change.after)) for change in changes}
    for path in dict.fromkeys([*one, *other]):
        values = one.get(path, ABSENT), other.get(path, ABSENT)
        if path and not _same(*values) and (path[-1], *map(repr, values)) not in said:
            yield Derived(name_of(path), *values)


def _numbers(plan: Plan) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(to_json(plan))
    return {key: value for key, value in data.items() if key not in _NOT_DERIVED}


def render_text(difference: Difference) -> str:
    """Return the difference for a person, the gravest class first; empty where there is none."""
    parts = []
    for name, words in CLASSES.items():
        lines = [_line(change) for change in difference.changes if change.affects == name]
        parts += ["\n".join([words, *lines])] if lines else []
    if difference.derived:
        rows = (f"  {d.name}: {_show(d.before)} -> {_show(d.after)}" for d in difference.derived)
        parts.append("\n".join(["derived from these", *rows]))
    return "\n\n".join(parts) + "\n" if parts else ""


def _line(change: Change) -> str:
    """Return a change on one line, or on three where that is too long."""
    before = _sided(change.before, change.before_origin)
    after = _sided(change.after, change.after_origin)
    name, note = name_of(change.path), f"; {change.note}" if change.note else ""
    line = f"  {name}: {before} -> {after}{note}"
    if len(line) <= _WIDTH:
        return line
    return f"  {name}{note}\n    - {before}\n    + {after}"


def _sided(value: Any, origin: str) -> str:
    return _show(value) + (f" ({origin})" if origin else "")


_WIDTH = 100
_LONGEST = 60


def _show(value: Any) -> str:
    if value is ABSENT:
        return "absent"
    if isinstance(value, list):
        text = "[" + ", ".join(_show(item) for item in value) + "]"
    else:
        text = "{}" if value == {} else scalar(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def render_json(difference: Difference) -> str:
    """Return the difference as JSON; a side without the value lacks it."""
    changes = [
        {
            "path": name_of(change.path),
            "affects": change.affects,
            **_sides(change.before, change.after),
            "before_origin": change.before_origin or None,
            "after_origin": change.after_origin or None,
        }
        for change in difference.changes
    ]
    derived = [{"name": d.name, **_sides(d.before, d.after)} for d in difference.derived]
    body = {"gravest": difference.gravest, "changes": changes, "derived": derived}
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def _sides(before: Any, after: Any) -> dict[str, Any]:
    sides = {"before": before, "after": after}
    return {name: value for name, value in sides.items() if value is not ABSENT}

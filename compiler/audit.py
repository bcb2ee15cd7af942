"""Where each key of a spec ends up: fields of the plan, lines of the program.

Nothing here is listed by hand. One value at a time is replaced by another that the schema allows,
the spec is planned and emitted again, and what differs is what the key decides. So a key that
nothing reads shows no trace, and a test holds that none is without one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import islice
from typing import Any

from .check import Checked
from .defaults import fill_defaults, fill_static
from .document import DataPath, Document
from .language import tree
from .plan import to_json
from .planner import make_plan
from .program import Program
from .schema import Schema, validate
from .structure import build_spec
from .values import flow, name_of
from .variants import MISSING, variants

NOT_GIVEN = "not given"

UNTRACED = {
    "nivel": "says which language this is",
    "extends": "its values stand where they are used",
    "level": "chooses what is planned and the template of the program",
    "sweep": "says which trials there are, each a spec of its own",
    **{
        f"sweep.{name}": "says which trials there are, or how they are ranked"
        for name in (
            "type",
            "over",
            "trials",
            "seed",
            "metric",
            "direction",
            "sampler",
            "startup",
        )  # fmt: skip
    },
    "hardware.slurm.at_once": "says how many trials of a sweep run at the same time",
    **{
        f"sweep.over.{name}": "says which values of a range are tried"
        for name in ("from", "to", "count", "scale", "whole")
    },
}
"""Keys that no single change can show, and what reads them."""

MAX_TRIES = 12
"""Other values tried for one key; the first that reaches the program is enough."""

Data = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the emitted program, counted from 1."""

    file: str
    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Trace:
    """What one key decides.

    ``path`` is where it stands in the spec and ``case`` the choice it belongs to, if any;
    ``origin`` is file:line, an option, or that it is a default or not given. ``spec`` and
    ``plan`` are names of fields; ``lines`` of the program would read otherwise with another
    value, and ``added`` would be there as well.
    """

    path: DataPath
    case: str | None
    value: Any
    origin: str
    spec: tuple[str, ...]
    plan: tuple[str, ...]
    lines: tuple[Line, ...]
    added: tuple[str, ...]

    @property
    def name(self) -> str:
        """The path as people write it."""
        return name_of(self.path)

    @property
    def reaches(self) -> bool:
        """Tell whether the plan and the program depend on the key."""
        return bool(self.plan and (self.lines or self.added))


@dataclass(frozen=True, slots=True)
class Leaf:
    """A key that holds no keys itself, or that is not there; then its value is ``MISSING``.

    ``schema`` of a key that chooses among cases has those cases. ``rivals`` are the keys of which
    exactly one may stand in the same map, with their schemas.
    """

    path: DataPath
    case: str | None
    schema: Schema
    value: Any
    rivals: dict[str, Schema]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """A spec with everything that follows from it, as flat tables that can be compared."""

    spec: Data
    plan: Data
    lines: tuple[Line, ...]


def audit(checked: Checked, wanted: Callable[[Leaf], bool] = lambda leaf: True) -> list[Trace]:
    """Trace every wanted key that the spec has or could have, in the order of the schema.

    Raises:
        ValueError: if the spec has errors, so that nothing follows from it.
    """
    if checked.level is None or checked.filled is None or checked.document is None:
        raise ValueError("only a spec without errors can be traced")
    level, data = checked.level, checked.filled
    if level == "pretrain":  # sizes as they are said, not what became of them
        data = fill_static(level, checked.document.data)
    before = _outcome(level, fill_defaults(level, data))
    found = []
    for leaf in filter(wanted, leaves(tree(level), data)):
        after = _differing(level, data, leaf, before, checked.document)
        shown = None if leaf.value is MISSING else leaf.value
        origin = _origin(checked.document, leaf)
        found.append(Trace(leaf.path, leaf.case, shown, origin, *_differences(before, after)))
    return found


def leaves(
    schema: Schema, data: Any, path: DataPath = (), case: str | None = None
) -> Iterator[Leaf]:
    """Yield every key that the schema has in the form that ``data`` takes, in its order."""
    form = _form(schema, data)
    here = data[schema["by"]] if "cases" in schema else case
    rivals = _rivals(form)
    for key, inner in form.get("properties", {}).items():
        value = data.get(key, MISSING)
        if isinstance(value, dict) and _form(inner, value).get("properties"):
            yield from leaves(inner, value, (*path, key), here)
            continue
        yield from _inside(inner, value, (*path, key), here)
        inner = {"cases": schema["cases"]} if key == schema.get("by") else inner
        yield Leaf((*path, key), here, inner, value, rivals if key in rivals else {})


def _inside(schema: Schema, value: Any, path: DataPath, case: str | None) -> Iterator[Leaf]:
    """Yield the keys of maps that stand in a list, or under names of the writer's own."""
    items: Iterable[tuple[Any, Any]] = ()
    inner: Any = {}
    if isinstance(value, list):
        branches = schema.get("oneOf", ()) if "items" not in schema else ()
        form = next((one for one in branches if "items" in one), schema)
        items, inner = enumerate(value), form.get("items", {})
    elif isinstance(value, dict):
        items, inner = value.items(), _form(schema, value).get("additionalProperties", {})
    for step, item in items:
        if isinstance(item, dict) and isinstance(inner, dict) and _form(inner, item):
            yield from leaves(inner, item, (*path, step), case)


def _form(schema: Schema, data: Any) -> Schema:
    """Return the schema of the form that a map has, whatever the choices; empty for no map."""
    if not isinstance(data, dict):
        return {}
    if "cases" in schema:
        chosen: Schema = schema["cases"].get(data.get(schema["by"]), {})
        return chosen
    if "oneOf" in schema and "properties" not in schema:
        return next((one for one in schema["oneOf"] if one.get("type") == "object"), {})
    return schema


def _rivals(form: Schema) -> dict[str, Schema]:
    """Return the keys of which exactly one is to be given: ``oneOf`` beside ``properties``."""
    names = [branch["required"][0] for branch in form.get("oneOf", ()) if "required" in branch]
    return {name: form["properties"][name] for name in names}


def _differing(
    level: str, data: Data, leaf: Leaf, before: _Outcome, document: Document
) -> _Outcome:
    """Return the outcome of another value: one that shows in the program, if there is any."""
    best = before
    for other in islice(_others(level, data, leaf, document), MAX_TRIES):
        try:
            after = _outcome(level, other)
        except Exception:  # the rules would have refused the value beside the others
            continue
        if after.lines != before.lines:
            return after
        best = after if best.plan == before.plan else best
    return best


def _others(level: str, data: Data, leaf: Leaf, document: Document) -> Iterator[Data]:
    """Yield the data with other values of ``leaf``, as long as the schema allows the whole."""
    for other in _replacements(data, leaf):
        changed = Document(other, {}, {}, {}, document.sources)
        if not validate(changed, level):
            yield fill_defaults(level, other)


def _replacements(data: Data, leaf: Leaf) -> Iterator[Data]:
    path, name = leaf.path, leaf.path[-1]
    for case, schema in leaf.schema.get("cases", {}).items():
        if case != leaf.value:
            needed = {
                key: _example(schema["properties"][key]) for key in schema.get("required", ())
            }
            yield _with(data, path[:-1], {**needed, name: case})
    if "cases" not in leaf.schema:
        yield from (_with(data, path, other) for other in variants(leaf.schema, leaf.value))
    for rival, schema in leaf.rivals.items():
        known = {
            key: value for key, value in _at(data, path[:-1]).items() if key not in leaf.rivals
        }
        if leaf.value is MISSING:
            yield _with(data, path[:-1], {**known, name: _example(leaf.schema)})
        elif rival != name:
            yield _with(data, path[:-1], {**known, rival: _example(schema)})


def _at(data: Data, path: DataPath) -> Any:
    found: Any = data
    for step in path:
        found = found[step]
    return found


def _example(schema: Schema) -> Any:
    return schema["const"] if "const" in schema else (schema.get("examples") or [None])[0]


def _with(data: Data, path: DataPath, value: Any) -> Data:
    if not path:
        whole: Data = deepcopy(value)
        return whole
    changed = deepcopy(data)
    _at(changed, path[:-1])[path[-1]] = value
    return changed


def _outcome(level: str, data: Data) -> _Outcome:
    from .emit import emit

    spec = build_spec(level, data)
    plan = make_plan(spec)
    lines = tuple(_lines(emit(plan)))
    return _Outcome(dict(_flat(asdict(spec))), dict(_flat(json.loads(to_json(plan)))), lines)


def _lines(program: Program) -> Iterator[Line]:
    for file in program.files:
        for number, text in enumerate(file.text.splitlines(), 1):
            yield Line(file.path, number, text)


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted name, value) for everything that is no map; a list is one value."""
    if not isinstance(value, dict):
        yield name, value
        return
    for key, inner in value.items():
        yield from _flat(inner, f"{name}.{key}" if name else str(key))


def _differences(
    before: _Outcome, after: _Outcome
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[Line, ...], tuple[str, ...]]:
    gone, added = _changed_lines(before.lines, after.lines)
    return _changed(before.spec, after.spec), _changed(before.plan, after.plan), gone, added


def _changed(before: Data, after: Data) -> tuple[str, ...]:
    names = dict.fromkeys([*before, *after])
    return tuple(name for name in names if before.get(name) != after.get(name))


def _changed_lines(
    before: tuple[Line, ...], after: tuple[Line, ...]
) -> tuple[tuple[Line, ...], tuple[str, ...]]:
    matcher = SequenceMatcher(None, _texts(before), _texts(after), autojunk=False)
    gone: list[Line] = []
    added: list[str] = []
    for kind, start, end, other, last in matcher.get_opcodes():
        if kind != "equal":
            gone.extend(before[start:end])
            added.extend(line.text for line in after[other:last])
    return tuple(gone), tuple(added)


@lru_cache(maxsize=4)
def _texts(lines: tuple[Line, ...]) -> list[str]:
    return [f"{line.file}\0{line.text}" for line in lines]


def _origin(document: Document, leaf: Leaf) -> str:
    """Say where a value was written, or that it was not."""
    place = document.key_spans.get(leaf.path) or document.spans.get(leaf.path)
    if place is not None:
        return place.file if place.file.startswith("--") else f"{place.file}:{place.span.line}"
    return NOT_GIVEN if leaf.value is MISSING else "default"


def render_audit(traces: list[Trace]) -> str:
    """Draw the traces of the keys that have a value: one block a key, aligned."""
    shown = [trace for trace in traces if trace.origin != NOT_GIVEN]
    heads = [f"{trace.name}: {_short(trace.value)}" for trace in shown]
    width = max(map(len, heads), default=0)
    blocks = (_block(head, width, trace) for head, trace in zip(heads, shown, strict=True))
    return "\n".join(blocks) + "\n"


def _block(head: str, width: int, trace: Trace) -> str:
    lines = [f"{head:<{width}}  {trace.origin}"]
    if not trace.plan and not trace.lines and not trace.added:
        return "\n".join([*lines, f"    {UNTRACED.get(trace.name, 'changes nothing here')}"])
    lines.append(f"    plan {', '.join(trace.plan) or '-'}")
    lines += [f"    {line.file}:{line.number}  {line.text.strip()}" for line in trace.lines]
    if not trace.lines:
        lines += [f"    another value would add  {text.strip()}" for text in trace.added]
    return "\n".join(lines)


def _short(value: Any) -> str:
    text = flow(value)
    return text if len(text) <= 40 else text[:37] + "..."


def audit_json(traces: list[Trace]) -> str:
    """Return the traces as a JSON list, those of keys that are not given included."""
    return json.dumps([asdict(trace) for trace in traces], indent=2)

"""Check a document against its level's JSON Schema: one finding for each fault.

The schemas are ordinary draft 2020-12 files, but this walker reads them itself. A union
is decided by its discriminator or by the type of the value before anything is checked, so
the wrong branch is never blamed, and a cold start need not import jsonschema (some 70 ms).
Tests hold the two to the same verdict, and fail on a keyword that this walker lacks.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

from ..schemas import LEVELS, read_schema
from .diagnostics import Diagnostic, Location
from .document import DataPath, Document, Unusable
from .document import walk as walk_data
from .scalars import NotFinite, resolve_plain
from .words import be, describe, listed, number, plural, show

Schema = dict[str, Any]

KEYWORDS = frozenset(
    (
        "$ref", "type", "const", "enum", "minimum", "maximum", "exclusiveMinimum",
        "exclusiveMaximum", "minLength", "pattern", "items", "minItems", "uniqueItems",
        "properties", "required", "additionalProperties", "propertyNames", "minProperties",
        "oneOf", "discriminator",
    )
)  # fmt: skip
"""What this walker understands; every other keyword in the schemas is an annotation."""

_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: _is_number(value) and value == int(value),
    "number": lambda value: _is_number(value),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


def resolve(schema: Schema) -> Schema:
    """Follow a ``$ref`` of the form ``common.json#/$defs/name``; siblings win over it."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    target = _fetch(reference)
    return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}


def check_level(document: Document) -> tuple[str | None, list[Diagnostic]]:
    """Return the level that decides which schema applies, or why there is none."""
    if not isinstance(document.data, dict):
        message = f"a spec is a map of keys, but this is {describe(document.data)}"
        return None, [_finding("NV204", message, document.point(()), "start with `nivel: 1`", ())]
    level = document.data.get("level")
    if isinstance(level, Unusable):
        return None, []
    if level in LEVELS:
        return level, []
    if "level" not in document.data:
        if any(key.lower() == "level" for key in document.data):
            return None, [_unknown_level_key(document)]
        cure = f"add `level: finetune`; the levels are {listed(LEVELS)}"
        return None, [_finding("NV203", "`level` is missing", document.start(), cure, ("level",))]
    return None, list(_check_enum({"enum": list(LEVELS)}, level, ("level",), document))


def _unknown_level_key(document: Document) -> Diagnostic:
    key = next(key for key in document.data if key.lower() == "level")
    where = document.point_key((key,))
    return _finding("NV201", f"unknown key `{key}`", where, "write `level`", (key,))


def validate(document: Document, level: str) -> list[Diagnostic]:
    """Return every fault of ``document`` against the schema of ``level``."""
    return list(_check(read_schema(f"{level}.json"), document.data, (), document, level))


def bad_paths(found: list[Diagnostic], document: Document) -> frozenset[DataPath]:
    """Return the places whose values were refused, for later stages to leave alone."""
    unusable = (path for path, value in walk_data(document.data) if isinstance(value, Unusable))
    return frozenset((*(d.path for d in found if d.path is not None), *unusable))


def _check(
    schema: Schema, value: Any, path: DataPath, document: Document, level: str
) -> Iterator[Diagnostic]:
    if isinstance(value, Unusable):
        return
    schema = resolve(schema)
    if "discriminator" in schema and isinstance(value, dict):
        yield from _check_discriminated(schema, value, path, document, level)
        return
    if "oneOf" in schema and "type" not in schema:
        schema = _choose(schema, value)
    wrong = list(_check_type(schema, value, path, document))
    wrong = wrong or list(_check_value(schema, value, path, document))
    yield from wrong
    if not wrong and isinstance(value, dict):
        yield from _check_object(schema, value, path, document, level)
    elif not wrong and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _check(schema.get("items", {}), item, (*path, index), document, level)


def _choose(schema: Schema, value: Any) -> Schema:
    """Pick the branch whose type is the value's; branches never share a type."""
    branches = [resolve(branch) for branch in schema["oneOf"]]
    for branch in branches:
        if _TYPES[branch["type"]](value):
            return branch
    return {"types": [branch["type"] for branch in branches]}


def _check_type(
    schema: Schema, value: Any, path: DataPath, document: Document
) -> Iterator[Diagnostic]:
    types = schema.get("types") or [schema["type"]] if "type" in schema else schema.get("types")
    if not types or any(_TYPES[name](value) for name in types):
        return
    wanted = " or ".join(be(name) for name in types)
    message = f"`{name_of(path)}` must be {wanted}, but this is {describe(value)}"
    cure = _type_cure(types, value, path, document)
    yield _finding("NV204", message, document.point(path), cure, path)


def _type_cure(types: list[str], value: Any, path: DataPath, document: Document) -> str | None:
    key = path[-1] if path else ""
    if value is None:
        return f"give `{key}` a value, or remove the line"
    if "boolean" in types and isinstance(value, str) and value.lower() in _SAID:
        return f"write `{_SAID[value.lower()]}`"
    numeric = "integer" in types or "number" in types
    if numeric and isinstance(value, str) and (found := number(value)) is not None:
        plain = value.strip() if _is_number(_plain(value)) else found
        return f"write `{plain}`" + (", without quotes" if plain is not found else "")
    if "string" in types and isinstance(value, bool | int | float):
        return f'write "{document.raw(path) or value}", in quotes'
    if "array" in types and not isinstance(value, dict | list):
        return f"write `[{show(value)}]`"
    if types == ["integer"] and isinstance(value, float):
        return f"write `{int(value)}` or `{int(value) + 1}`"
    return None


def _plain(text: str) -> Any:
    try:
        return resolve_plain(text.strip())
    except NotFinite:
        return None


_SAID = {
    **dict.fromkeys(("yes", "on", "y", "true"), "true"),
    **dict.fromkeys(("no", "off", "n", "false"), "false"),
}


def _check_value(
    schema: Schema, value: Any, path: DataPath, document: Document
) -> Iterator[Diagnostic]:
    if "const" in schema or "enum" in schema:
        yield from _check_enum(schema, value, path, document)
    elif isinstance(value, str):
        yield from _check_text(schema, value, path, document)
    elif isinstance(value, list):
        yield from _check_list(schema, value, path, document)
    elif _is_number(value):
        yield from _check_range(schema, value, path, document)


def _check_enum(
    schema: Schema, value: Any, path: DataPath, document: Document
) -> Iterator[Diagnostic]:
    allowed = [schema["const"]] if "const" in schema else schema["enum"]
    if any(value == item and type(value) is type(item) for item in allowed):
        return
    if "const" in schema and value == schema["const"] and not isinstance(value, bool):
        return  # 1.0 is the integer 1
    from .suggest import nearest_value

    close = nearest_value(str(value), [str(item) for item in allowed])
    one = len(allowed) == 1
    wanted = f"`{allowed[0]}`" if one else f"one of {listed(allowed)}"
    message = f"`{name_of(path)}` must be {wanted}, not {show(value)}"
    cure = f"write `{close or allowed[0]}`" if close or one else f"choose one of {listed(allowed)}"
    yield _finding("NV205", message, document.point(path), cure, path)


def _check_text(
    schema: Schema, value: str, path: DataPath, document: Document
) -> Iterator[Diagnostic]:
    if len(value) < schema.get("minLength", 0):
        message = f"`{name_of(path)}` must not be empty"
        yield _finding("NV207", message, document.point(path), "give it a text", path)
    elif "pattern" in schema and not _matches(schema["pattern"], value):
        from .suggest import as_name

        message = f"`{name_of(path)}` must be lower case letters, digits and hyphens, at most 63"
        cure = f"write `{as_name(value)}`"
        yield _finding("NV207", message, document.point(path), cure, path)


_BOUNDS: tuple[tuple[str, str, Callable[[Any, Any], bool]], ...] = (
    ("minimum", "at least", operator.lt),
    ("exclusiveMinimum", "more than", operator.le),
    ("maximum", "at most", operator.gt),
    ("exclusiveMaximum", "less than", operator.ge),
)


def _check_range(
    schema: Schema, value: float, path: DataPath, document: Document
) -> Iterator[Diagnostic]:
    said = [(words, schema[key]) for key, words, _ in _BOUNDS if key in schema]
    if any(key in schema and broken(value, schema[key]) for key, _, broken in _BOUNDS):
        wanted = " and ".join(f"{words} {limit}" for words, limit in said)
        message = f"`{name_of(path)}` must be {wanted}, not {show(value)}"
        examples = schema.get("examples", [])
        cure = f"for example `{path[-1]}: {examples[0]}`" if examples else None
        yield _finding("NV206", message, document.point(path), cure, path)


def _check_list(
    schema: Schema, value: list[Any], path: DataPath, document: Document
) -> Iterator[Diagnostic]:
    least = schema.get("minItems", 0)
    if len(value) < least:
        message = f"`{name_of(path)}` needs at least {plural(least, 'item')}, not {len(value)}"
        yield _finding("NV208", message, document.point(path), None, path)
    if not schema.get("uniqueItems"):
        return
    first: dict[str, int] = {}
    for index, item in enumerate(value):
        before = first.setdefault(repr(item), index)
        if before != index and not isinstance(item, Unusable):
            yield _repeated(item, (*path, before), (*path, index), document)


def _repeated(item: Any, first: DataPath, again: DataPath, document: Document) -> Diagnostic:
    message = f"{show(item)} is listed twice in `{name_of(again[:-1])}`"
    place = document.point(first)
    related = ((place, "first listed here"),) if place else ()
    where = document.point(again)
    return Diagnostic("NV208", "error", message, where, "remove one of the two", related, again)


def _check_object(
    schema: Schema, value: dict[str, Any], path: DataPath, document: Document, level: str
) -> Iterator[Diagnostic]:
    known: dict[str, Schema] = schema.get("properties", {})
    extra = schema.get("additionalProperties", True)
    meant: set[str] = set()
    for key, item in value.items():
        if key in known:
            yield from _check(known[key], item, (*path, key), document, level)
        elif isinstance(extra, dict):
            yield from _check_free_key(schema, extra, item, (*path, key), document, level)
        elif extra is False:
            from .suggest import explain_unknown_key

            found, instead = explain_unknown_key((*path, key), value, known, document, level)
            meant.update(instead)
            yield found
    if len(value) < schema.get("minProperties", 0):
        message = f"`{name_of(path)}` must not be empty"
        yield _finding("NV208", message, document.point(path), None, path)
    yield from _check_required(schema, value, path, document, meant)
    yield from _check_one_of_keys(schema, value, path, document)


def _check_free_key(
    schema: Schema, extra: Schema, item: Any, path: DataPath, document: Document, level: str
) -> Iterator[Diagnostic]:
    pattern = schema.get("propertyNames", {}).get("pattern")
    if pattern and not _matches(pattern, str(path[-1])):
        message = f"`{path[-1]}` cannot be a name in `{name_of(path[:-1])}`"
        cure = "use letters, digits and `_`, and do not start with a digit"
        yield _finding("NV207", message, document.point_key(path), cure, path)
    yield from _check(extra, item, path, document, level)


def _check_required(
    schema: Schema, value: dict[str, Any], path: DataPath, document: Document, meant: set[str]
) -> Iterator[Diagnostic]:
    for key in schema.get("required", ()):
        if key in value or key in meant:
            continue
        name = name_of((*path, key))
        where = document.point_key(path) if path else document.start()
        known = resolve(schema["properties"][key])
        cure = f"add {_example(key, known)}"
        yield _finding("NV203", f"`{name}` is missing", where, cure, (*path, key))


def _example(key: str, schema: Schema) -> str:
    examples = schema.get("examples")
    if examples:
        return f"`{key}: {flow(examples[0])}`"
    required = ", ".join(f"`{name}`" for name in schema.get("required", ()))
    return f"a section `{key}:`" + (f" with {required}" if required else "")


def flow(value: Any) -> str:
    """Write a small value as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    if isinstance(value, str) and not value.replace("-", "a").replace("_", "a").isalnum():
        from json import dumps

        return value if set(value) <= _SAFE else dumps(value, ensure_ascii=False)
    return str(value).lower() if isinstance(value, bool) else str(value)


_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./")


def _check_one_of_keys(
    schema: Schema, value: dict[str, Any], path: DataPath, document: Document
) -> Iterator[Diagnostic]:
    """``oneOf`` beside ``properties`` says that exactly one of some keys must be there."""
    keys = [branch["required"][0] for branch in schema.get("oneOf", ())]
    given = [key for key in keys if key in value]
    if not keys or len(given) == 1:
        return
    choice = " or ".join(f"`{key}`" for key in keys)
    if not given:
        message = f"`{name_of(path)}` needs {choice}"
        cure = f"add {_example(keys[0], schema['properties'][keys[0]])}"
        yield _finding("NV210", message, document.point_key(path), cure, path)
        return
    message = f"`{name_of(path)}` has both {' and '.join(f'`{key}`' for key in given)}"
    first = document.point_key((*path, given[0]))
    where = document.point_key((*path, given[1]))
    related = ((first, "the other one"),) if first else ()
    cure = "remove one of the two"
    yield Diagnostic("NV210", "error", message, where, cure, related, path)


def _check_discriminated(
    schema: Schema, value: dict[str, Any], path: DataPath, document: Document, level: str
) -> Iterator[Diagnostic]:
    key, cases = schema["discriminator"]["propertyName"], schema["discriminator"]["mapping"]
    chosen = value.get(key)
    if isinstance(chosen, Unusable):
        return
    if key not in value:
        cure = f"add `{key}: {next(iter(cases))}`; it is one of {listed(cases)}"
        message = f"`{name_of((*path, key))}` is missing"
        yield _finding("NV203", message, document.point_key(path), cure, (*path, key))
    elif not isinstance(chosen, str) or chosen not in cases:
        yield from _check_enum({"enum": list(cases)}, chosen, (*path, key), document)
    else:
        yield from _check({"$ref": cases[chosen]}, value, path, document, level)


def name_of(path: DataPath) -> str:
    """Spell a path as people do: ``data.train``, ``task.labels[2]``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text or "the spec"


def _fetch(reference: str) -> Schema:
    file, _, pointer = reference.partition("#/")
    found: Any = read_schema(file)
    for step in pointer.split("/"):
        found = found[step]
    return dict(found)


def _matches(pattern: str, value: str) -> bool:
    import re

    found = re.search(pattern, value)
    return found is not None and not value.endswith("\n")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _finding(
    code: str, message: str, where: Location | None, cure: str | None, path: DataPath
) -> Diagnostic:
    return Diagnostic(code, "error", message, where, cure, (), path)

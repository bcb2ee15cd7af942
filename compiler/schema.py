"""Check a document against its level's JSON Schema: one finding for each fault.

The schemas are ordinary draft 2020-12 files, but this walker reads them itself. A union
is decided by its discriminator or by the type of the value before anything is checked, so
the wrong branch is never blamed, and a cold start need not import jsonschema (some 70 ms).
Tests hold the two to the same verdict, and fail on a keyword that this walker lacks.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Any

from ..schemas import LEVELS, read_schema
from .diagnostics import MAX_FINDINGS, Diagnostic
from .located import DataPath, Document, Unusable
from .located import walk as walk_data
from .values import (
    TYPES,
    Schema,
    check_enum,
    check_type,
    check_value,
    example,
    finding,
    flow,
    matches,
    name_of,
)
from .version import check_version
from .words import describe, listed

__all__ = [
    "KEYWORDS",
    "Schema",
    "bad_paths",
    "check_level",
    "flow",
    "name_of",
    "resolve",
    "validate",
]

KEYWORDS = frozenset(
    (
        "$ref", "type", "const", "enum", "minimum", "maximum", "exclusiveMinimum",
        "exclusiveMaximum", "minLength", "pattern", "items", "minItems", "uniqueItems",
        "properties", "required", "additionalProperties", "propertyNames", "minProperties",
        "oneOf", "discriminator",
    )
)  # fmt: skip
"""What this walker understands; every other keyword in the schemas is an annotation."""


def resolve(schema: Schema) -> Schema:
    """Follow a ``$ref`` of the form ``common.json#/$defs/name``; siblings win over it.

    What it returns is not to be changed: every use of a shared part gets the same one.
    """
    reference = schema.get("$ref")
    if reference is None:
        return schema
    target = _fetch(reference)
    if len(schema) == 1:
        return target
    return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}


def check_level(document: Document) -> tuple[str | None, list[Diagnostic]]:
    """Return the level that decides which schema applies, or why there is none."""
    if not isinstance(document.data, dict):
        message = f"a spec is a map of keys, but this is {describe(document.data)}"
        return None, [finding("NV204", message, document.point(()), "start with `nivel: 2`", ())]
    other = check_version(document)
    if other is not None:
        return None, [other]
    level = document.data.get("level")
    if isinstance(level, Unusable):
        return None, []
    if level in LEVELS:
        return level, []
    if "level" not in document.data:
        if any(key.lower() == "level" for key in document.data):
            return None, [_unknown_level_key(document)]
        cure = f"add `level: finetune`; the levels are {listed(LEVELS)}"
        return None, [finding("NV203", "`level` is missing", document.start(), cure, ("level",))]
    return None, list(check_enum({"enum": list(LEVELS)}, level, ("level",), document))


def _unknown_level_key(document: Document) -> Diagnostic:
    key = next(key for key in document.data if key.lower() == "level")
    where = document.point_key((key,))
    return finding("NV201", f"unknown key `{key}`", where, "write `level`", (key,))


def validate(document: Document, level: str) -> list[Diagnostic]:
    """Return every fault of ``document`` against the schema of ``level``.

    Ends one finding after :data:`MAX_FINDINGS`: the rest is then unchecked.
    """
    checks = _check(read_schema(f"{level}.json"), document.data, (), document, level)
    return list(islice(checks, MAX_FINDINGS + 1))


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
    wrong = list(check_type(schema, value, path, document))
    wrong = wrong or list(check_value(schema, value, path, document))
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
        if TYPES[branch["type"]](value):
            return branch
    return {"types": [branch["type"] for branch in branches]}


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
    if len(value) < (least := schema.get("minProperties", 0)):
        message = f"`{name_of(path)}` must not be empty"
        if value:
            message = f"`{name_of(path)}` needs at least {least} keys, not {len(value)}"
        yield finding("NV208", message, document.point(path), None, path)
    yield from _check_required(schema, value, path, document, meant)
    yield from _check_one_of_keys(schema, value, path, document, meant)


def _check_free_key(
    schema: Schema, extra: Schema, item: Any, path: DataPath, document: Document, level: str
) -> Iterator[Diagnostic]:
    pattern = schema.get("propertyNames", {}).get("pattern")
    if pattern and not matches(pattern, str(path[-1])):
        message = f"`{path[-1]}` cannot be a name in `{name_of(path[:-1])}`"
        cure = "use letters, digits and `_`, and do not start with a digit"
        yield finding("NV207", message, document.point_key(path), cure, path)
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
        cure = f"add {example(key, known)}"
        yield finding("NV203", f"`{name}` is missing", where, cure, (*path, key))


def _check_one_of_keys(
    schema: Schema, value: dict[str, Any], path: DataPath, document: Document, meant: set[str]
) -> Iterator[Diagnostic]:
    """``oneOf`` beside ``properties`` says that exactly one of some keys must be there."""
    keys = [branch["required"][0] for branch in schema.get("oneOf", ())]
    given = [key for key in keys if key in value]
    if not keys or len(given) == 1 or (not given and meant.intersection(keys)):
        return
    choice = " or ".join(f"`{key}`" for key in keys)
    if not given:
        message = f"`{name_of(path)}` needs {choice}"
        cure = f"add {example(keys[0], resolve(schema['properties'][keys[0]]))}"
        yield finding("NV210", message, document.point_key(path), cure, path)
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
    chosen = value.get(key, schema["discriminator"].get("defaultMapping"))
    if isinstance(chosen, Unusable):
        return
    if key not in value and chosen is None:
        cure = _case_meant(key, value, list(cases))
        cure = cure or f"add `{key}: {next(iter(cases))}`; it is one of {listed(cases)}"
        message = f"`{name_of((*path, key))}` is missing"
        yield finding("NV203", message, document.point_key(path), cure, (*path, key))
    elif not isinstance(chosen, str) or chosen not in cases:
        yield from check_enum({"enum": list(cases)}, chosen, (*path, key), document)
    else:
        yield from _check({"$ref": cases[chosen]}, value, path, document, level)


def _case_meant(key: str, value: dict[str, Any], cases: list[str]) -> str | None:
    """Say what chooses here, where a map says it under another key: `method: bayes`."""
    from .aliases import VALUE_ALIASES

    for other, said in value.items():
        word = said.lower() if isinstance(said, str) else ""
        meant = word if word in cases else VALUE_ALIASES.get(word)
        if meant in cases:
            return f"write `{key}: {meant}` in place of `{other}: {said}`"
    return None


@cache
def _fetch(reference: str) -> Schema:
    file, _, pointer = reference.partition("#/")
    found: Any = read_schema(file)
    for step in pointer.split("/"):
        found = found[step]
    target: Schema = found
    return target

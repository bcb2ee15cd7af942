"""The language as one tree for each level: what documentation and editors are made from.

The schemas in ``schemas/`` share parts by ``$ref`` and choose among cases by
``discriminator``. Here every reference is followed and the cases of a choice stand under
``cases`` (name -> schema), with the key that chooses under ``by``; the case of a map that does not
choose, if there is one, under ``usual``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from ..schemas import LEVELS, read_schema
from .schema import Schema, resolve

Path = tuple[str, ...]

_VERBATIM = frozenset(("examples", "default", "const", "enum", "required", "discriminator"))
"""Keywords whose values are data or names, in which no schema is to be looked for."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the language: where it stands, what is said of it, and at which levels.

    ``said`` maps each level to what it says of the key; ``schema`` is what the first one says.
    """

    path: Path
    said: dict[str, Schema]
    levels: tuple[str, ...]
    required: tuple[str, ...]
    cases: tuple[str, ...]

    @property
    def schema(self) -> Schema:
        """What the first level that has the key says of it."""
        return self.said[self.levels[0]]

    @property
    def name(self) -> str:
        """The path as people write it: ``train.batch``."""
        return ".".join(self.path)


@cache
def tree(level: str) -> Schema:
    """Return the schema of ``level`` without references; not to be changed."""
    expanded: Schema = _expand(read_schema(f"{level}.json"), ())
    return expanded


def _expand(node: Any, within: tuple[str, ...]) -> Any:
    """Return ``node`` with references followed; ``within`` names those being followed.

    Raises:
        ValueError: for a schema that holds itself, which has no tree.
    """
    if isinstance(node, list):
        return [_expand(item, within) for item in node]
    if not isinstance(node, dict):
        return node
    if (reference := node.get("$ref")) is not None:
        if reference in within:
            raise ValueError(f"{reference} holds itself: it cannot be laid out as a tree")
        within = (*within, reference)
    node = resolve(node)
    found = {key: v if key in _VERBATIM else _expand(v, within) for key, v in node.items()}
    choice = found.pop("discriminator", None)
    if choice is not None:
        del found["oneOf"]
        found["by"] = choice["propertyName"]
        if "defaultMapping" in choice:
            found["usual"] = choice["defaultMapping"]
        found["cases"] = {
            name: _expand({"$ref": place}, within) for name, place in choice["mapping"].items()
        }
    return found


def forms(schema: Schema) -> list[Schema]:
    """Return the schemas that a map described by ``schema`` may have: itself and its choices."""
    return [schema, *schema.get("cases", {}).values(), *schema.get("oneOf", ())]


def key_schemas(level: str) -> Iterator[tuple[Path, Schema, bool, str | None]]:
    """Yield (path, schema, required, case) for each key of ``level``, outer keys first.

    A key that several cases of a choice have is yielded once for each; ``case`` is the
    nearest choice above it, or None.
    """
    yield from _keys_below(tree(level), (), None)


def _keys_below(
    schema: Schema, path: Path, case: str | None
) -> Iterator[tuple[Path, Schema, bool, str | None]]:
    names = {id(inner): name for name, inner in schema.get("cases", {}).items()}
    for form in forms(schema):
        here = names.get(id(form), case)
        for key, inner in form.get("properties", {}).items():
            yield (*path, key), inner, key in form.get("required", ()), here
            yield from _keys_below(inner, (*path, key), here)
        for inner in (form.get("items"), form.get("additionalProperties")):
            if isinstance(inner, dict):
                yield from _keys_below(inner, path, here)


@cache
def all_keys() -> dict[Path, Key]:
    """Return every key of the language, in the order in which the levels first have it."""
    found: dict[Path, list[tuple[str, Schema, bool, str | None]]] = {}
    for level in LEVELS:
        for path, schema, required, case in key_schemas(level):
            found.setdefault(path, []).append((level, schema, required, case))
    return {path: _key(path, said) for path, said in found.items()}


def _key(path: Path, said: list[tuple[str, Schema, bool, str | None]]) -> Key:
    levels = tuple(dict.fromkeys(level for level, *_ in said))
    required = tuple(dict.fromkeys(level for level, _, needed, _ in said if needed))
    cases = tuple(dict.fromkeys(case for *_, case in said if case is not None))
    schemas: dict[str, Schema] = {}
    for level, schema, *_ in said:
        schemas[level] = joined(schemas[level], schema) if level in schemas else schema
    return Key(path, schemas, levels, required, cases)


def joined(first: Schema, second: Schema) -> Schema:
    """Return one schema for what either allows, for files that name no level.

    Maps are joined key by key and choices case by case; of two scalars that differ in what
    they allow both stay, as alternatives.
    """
    if first == second:
        return first
    if "cases" in first and "cases" in second:
        return {**first, "cases": _joined_tables(first["cases"], second["cases"])}
    if "properties" in first and "properties" in second:
        tables = _joined_tables(first["properties"], second["properties"])
        needed = [key for key in first.get("required", ()) if key in second.get("required", ())]
        return {**_bare(first, second), "properties": tables, "required": needed}
    if (some := _choices(first)) and (others := _choices(second)):
        both = [*some, *(item for item in others if item not in some)]
        bare = {key: v for key, v in _bare(first, second).items() if key not in ("const", "enum")}
        return {**bare, "enum": both}
    if _without_words(first) == _without_words(second):
        return _bare(first, second)
    return {**_told(first, second), "anyOf": [*_alternatives(first), *_alternatives(second)]}


def _alternatives(schema: Schema) -> list[Schema]:
    return list(schema.get("anyOf", ())) or [schema]


def _told(first: Schema, second: Schema) -> Schema:
    """What is said of two forms of a key, each text once."""
    texts = [schema["description"] for schema in (first, second) if "description" in schema]
    examples = [*first.get("examples", ()), *second.get("examples", ())]
    told: Schema = {"description": " ".join(dict.fromkeys(texts))} if texts else {}
    if second.get("description", "") in first.get("description", ""):
        told = {key: value for key, value in first.items() if key == "description"}
    return {**told, "examples": examples} if examples else told


def _joined_tables(first: dict[str, Schema], second: dict[str, Schema]) -> dict[str, Schema]:
    table = dict(first)
    for key, schema in second.items():
        table[key] = joined(table[key], schema) if key in table else schema
    return table


def _choices(schema: Schema) -> list[Any]:
    return [schema["const"]] if "const" in schema else list(schema.get("enum", ()))


_WORDS = ("title", "description", "examples", "default", "unit", "peft")


def _bare(first: Schema, second: Schema) -> Schema:
    """``first`` without the words on which the two differ, except what it is."""
    return {
        key: value
        for key, value in first.items()
        if key not in ("title", "default", "unit", "peft") or second.get(key) == value
    }


def _without_words(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key not in _WORDS}

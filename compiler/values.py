"""Check one value against its schema, and say in plain words what is wrong with it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

from .diagnostics import Diagnostic, Location
from .located import DataPath, Document, Unusable
from .scalars import NotFinite, resolve_plain
from .words import be, describe, listed, number, plural, show

Schema = dict[str, Any]

MAX_INTEGER = 2**63 - 1
"""What torch counts with; products of two such numbers are still finite as floats."""

TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: is_number(value) and value == int(value),
    "number": lambda value: is_number(value),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


def check_type(
    schema: Schema, value: Any, path: DataPath, document: Document
) -> Iterator[Diagnostic]:
    types = schema.get("types") or [schema["type"]] if "type" in schema else schema.get("types")
    if not types or any(TYPES[name](value) for name in types):
        return
    wanted = " or ".join(be(name) for name in types)
    message = f"`{name_of(path)}` must be {wanted}, but this is {describe(value)}"
    cure = _type_cure(types, value, path, document)
    yield finding("NV204", message, document.point(path), cure, path)


def _type_cure(types: list[str], value: Any, path: DataPath, document: Document) -> str | None:
    key = path[-1] if path else ""
    if value is None:
        return f"give `{key}` a value, or remove the line"
    if "boolean" in types and isinstance(value, str) and value.lower() in _SAID:
        return f"write `{_SAID[value.lower()]}`"
    numeric = "integer" in types or "number" in types
    if numeric and isinstance(value, str) and (found := number(value)) is not None:
        plain = value.strip() if is_number(_plain(value)) else found
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


def check_value(
    schema: Schema, value: Any, path: DataPath, document: Document
) -> Iterator[Diagnostic]:
    if "const" in schema or "enum" in schema:
        yield from check_enum(schema, value, path, document)
    elif isinstance(value, str):
        yield from _check_text(schema, value, path, document)
    elif isinstance(value, list):
        yield from _check_list(schema, value, path, document)
    elif is_number(value):
        yield from _check_range(schema, value, path, document)


def check_enum(
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
    yield finding("NV205", message, document.point(path), cure, path)


def _check_text(
    schema: Schema, value: str, path: DataPath, document: Document
) -> Iterator[Diagnostic]:
    if len(value) < schema.get("minLength", 0):
        message = f"`{name_of(path)}` must not be empty"
        yield finding("NV207", message, document.point(path), "give it a text", path)
    elif "pattern" in schema and not matches(schema["pattern"], value):
        from .suggest import as_name

        if path != ("name",):
            message = f"`{name_of(path)}` is not of the form that it needs"
            cure = f"write it as in `{(schema.get('examples') or [schema['pattern']])[0]}`"
            yield finding("NV207", message, document.point(path), cure, path)
            return
        message = f"`{name_of(path)}` must be lower case letters, digits and hyphens, at most 63"
        cure = f"write `{as_name(value)}`"
        yield finding("NV207", message, document.point(path), cure, path)


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
    if schema.get("type") == "integer" and abs(value) > MAX_INTEGER:
        said = said or [("at most", MAX_INTEGER)]
        message = f"`{name_of(path)}` must be {_bounds(said)}, not {show(value)}"
        yield finding("NV206", message, document.point(path), None, path)
    elif any(key in schema and broken(value, schema[key]) for key, _, broken in _BOUNDS):
        message = f"`{name_of(path)}` must be {_bounds(said)}, not {show(value)}"
        examples = schema.get("examples", [])
        cure = f"for example `{path[-1]}: {examples[0]}`" if examples else None
        yield finding("NV206", message, document.point(path), cure, path)


def _bounds(said: list[tuple[str, Any]]) -> str:
    return " and ".join(f"{words} {limit}" for words, limit in said)


def _check_list(
    schema: Schema, value: list[Any], path: DataPath, document: Document
) -> Iterator[Diagnostic]:
    least = schema.get("minItems", 0)
    if len(value) < least:
        message = f"`{name_of(path)}` needs at least {plural(least, 'item')}, not {len(value)}"
        yield finding("NV208", message, document.point(path), None, path)
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


def example(key: str, schema: Schema) -> str:
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


def name_of(path: DataPath) -> str:
    """Spell a path as people do: ``data.train``, ``task.labels[2]``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text or "the spec"


def matches(pattern: str, value: str) -> bool:
    import re

    found = re.search(pattern, value)
    return found is not None and not value.endswith("\n")


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def finding(
    code: str, message: str, where: Location | None, cure: str | None, path: DataPath
) -> Diagnostic:
    return Diagnostic(code, "error", message, where, cure, (), path)

"""Fill in the defaults that the schemas give."""

from __future__ import annotations

from typing import Any

from ..schemas import read_schema
from .embedding import COLUMNS
from .schema import Schema, resolve

Data = dict[str, Any]


def fill_defaults(level: str, data: Data) -> Data:
    """Return a copy of ``data`` with every static default of the level's schema in place.

    A new model has its sizes then, whatever way they are said.
    """
    filled = fill_static(level, data)
    said, task = data.get("task"), filled.get("task")
    chat = level != "pretrain" and isinstance(task, dict) and "messages" in task
    if chat and isinstance(said, dict) and "format" not in said:
        filled["task"] = {**filled["task"], "format": "chat"}  # nothing else takes messages
    filled = _with_columns(data, filled)
    return _with_sizes(filled, data) if level == "pretrain" else filled


def fill_static(level: str, data: Data) -> Data:
    """The same with what the schema says alone."""
    filled: Data = _fill(read_schema(f"{level}.json"), data)
    return filled


def _with_columns(data: Data, filled: Data) -> Data:
    """Rows of texts that belong together have other columns than rows with one right answer."""
    said, rows = data.get("data"), filled.get("data")
    task = filled.get("task")
    embeds = isinstance(task, dict) and task.get("type") == "embed"
    if embeds and isinstance(said, dict) and isinstance(rows, dict) and "columns" not in said:
        filled["data"] = {**rows, "columns": dict(COLUMNS)}
    return filled


def _with_sizes(filled: Data, said: Data) -> Data:
    model = said.get("model")
    if not isinstance(model, dict) or not {"preset", "budget"} & model.keys():
        return filled
    from .sizes import with_sizes

    return with_sizes(filled, said)


def _fill(schema: Schema, value: Any) -> Any:
    schema = _branch(resolve(schema), value)
    if isinstance(value, list):
        return [_fill(schema.get("items", {}), item) for item in value]
    if not isinstance(value, dict):
        return value
    known: dict[str, Schema] = schema.get("properties", {})
    free = schema.get("additionalProperties")
    other: Schema = free if isinstance(free, dict) else {}
    filled = {key: _fill(known.get(key, other), item) for key, item in value.items()}
    for key, inner in known.items():
        if key not in filled and "default" in (inner := resolve(inner)):
            filled[key] = _fill(inner, inner["default"])
    return filled


def _branch(schema: Schema, value: Any) -> Schema:
    """Choose the branch of a union as the schema check did."""
    if isinstance(value, list):
        return _of_type(schema, "array")
    if not isinstance(value, dict):
        return schema
    if "discriminator" in schema:
        choice = schema["discriminator"]
        chosen = value.get(choice["propertyName"], choice.get("defaultMapping"))
        reference = choice["mapping"].get(_text(chosen))
        return resolve({"$ref": reference}) if reference else {}
    return _of_type(schema, "object")


def _of_type(schema: Schema, kind: str) -> Schema:
    """Return the branch for values of a type, or the schema itself where it is no union."""
    if "oneOf" not in schema or "properties" in schema:
        return schema
    branches = [resolve(branch) for branch in schema["oneOf"]]
    return next((branch for branch in branches if branch["type"] == kind), {})


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""

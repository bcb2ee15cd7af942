"""The methods of level finetune, as ``schemas/methods.json`` describes them.

A method that is a peft adapter names its configuration class under ``peft``; an option that peft
calls otherwise names peft's word in the same way. So the schema alone decides what a program
writes, and a new adapter is one more definition in that file.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from ..schemas import read_schema
from .schema import Schema
from .spec import MethodSpec

SOFT = frozenset(("prompt", "prefix", "p-tuning"))
"""Methods that learn positions in front of the text and leave every weight as it is."""

OWN = frozenset(("learning_rate_ratio", "quantize"))
"""Options that are no field of the peft class: the program does them itself."""

_WORDS = {"init": {"default": True}}
"""Values that peft spells otherwise, by option."""

_ALWAYS = frozenset(("targets", "target_modules"))
"""Options that a program always shows, since peft's own default depends on the architecture."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """A call of a peft configuration class: its name and its arguments in order."""

    name: str
    arguments: tuple[tuple[str, Any], ...]


@cache
def method_schema(kind: str) -> Schema:
    """Return the definition of a method; not to be changed."""
    found: Schema = read_schema("methods.json")["$defs"][f"method_{kind}"]
    return found


@cache
def adapter_classes() -> tuple[str, ...]:
    """Return the configuration classes of peft that programs may use."""
    schemas = read_schema("methods.json")["$defs"].values()
    return tuple(sorted({schema["peft"] for schema in schemas if "peft" in schema}))


def adapter(method: MethodSpec) -> Adapter | None:
    """Return the peft adapter that ``method`` adds; None where it adds none.

    Sizes and scales are always written, for readers; the rest only where it differs from what
    peft does by itself.
    """
    schema = method_schema(method.type)
    if "peft" not in schema:
        return None
    arguments = []
    for key, value in method.options.items():
        known = schema["properties"][key]
        if key not in OWN and _shown(key, known, value):
            arguments.append((known.get("peft", key), _argument(key, value)))
    return Adapter(schema["peft"], tuple(arguments))


def method_text(method: MethodSpec) -> str:
    """Say the method in a few words: its type, its numbers, and what is not as usual."""
    if method.type == "full":
        return "full, every parameter"
    known = method_schema(method.type)["properties"]
    said = [
        f"{key.replace('_', ' ')} {_words(value)}"
        for key, value in method.options.items()
        if _shown(key, known[key], value)
        and key not in _ALWAYS
        or value != known[key].get("default")
    ]
    return ", ".join([method.type, *said])


def _shown(key: str, schema: Schema, value: Any) -> bool:
    sizes = "alpha" in key or (schema.get("type") == "integer" and value)
    return bool(key in _ALWAYS or sizes or value != schema.get("default"))


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _argument(key: str, value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, float) and value.is_integer() and value:
        return int(value)  # peft declares scales as whole numbers, and takes others all the same
    return _WORDS.get(key, {}).get(value, value) if isinstance(value, str) else value


def _words(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return f"{value:g}" if _number(value) else str(value).lower()

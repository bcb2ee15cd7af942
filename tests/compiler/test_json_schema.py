"""What the compiler says of a JSON Schema is what jsonschema says of it, with places."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from nivel.compiler.json_schema import KEYWORDS, faults

SOUND: list[Any] = [
    True,
    {},
    {"type": ["string", "null"], "minLength": 1, "maxLength": 2.0, "pattern": "^[a-z]+$"},
    {"type": "object", "properties": {"a": {"enum": [1, None]}}, "required": ["a"]},
    {"$defs": {"x/y": {"type": "number"}}, "items": {"$ref": "#/$defs/x~1y"}},
    {"anyOf": [{"const": 1}, {"not": {"type": "array"}}], "additionalProperties": False},
    {"prefixItems": [{"multipleOf": 0.1}], "minItems": 1, "uniqueItems": True, "x-own": 1},
    {"title": "A", "description": "b", "examples": [1], "default": {}, "exclusiveMinimum": -1},
]

UNSOUND: list[tuple[Any, tuple[Any, ...]]] = [
    ({"type": "text"}, ("type",)),
    ({"properties": {"a": {"type": ["string", "nul"]}}}, ("properties", "a", "type")),
    ({"properties": ["a"]}, ("properties",)),
    ({"items": 3}, ("items",)),
    ({"required": "a"}, ("required",)),
    ({"required": [1]}, ("required",)),
    ({"minItems": -1}, ("minItems",)),
    ({"maxLength": 1.5}, ("maxLength",)),
    ({"minimum": "0"}, ("minimum",)),
    ({"multipleOf": 0}, ("multipleOf",)),
    ({"enum": "a"}, ("enum",)),
    ({"uniqueItems": 1}, ("uniqueItems",)),
    ({"anyOf": []}, ("anyOf",)),
    ({"allOf": [{"not": {"title": 4}}]}, ("allOf", 0, "not", "title")),
    ({"pattern": "(("}, ("pattern",)),
    ({"$ref": 5}, ("$ref",)),
]


def accepted(schema: Any) -> bool:
    """What the library says that checks the answers."""
    validator = jsonschema.Draft202012Validator
    try:
        validator.check_schema(schema, format_checker=validator.FORMAT_CHECKER)
    except jsonschema.SchemaError:
        return False
    return True


@pytest.mark.parametrize("schema", SOUND)
def test_a_sound_schema_is_passed_by_both(schema: Any) -> None:
    assert not list(faults(schema))
    assert accepted(schema)


@pytest.mark.parametrize(("schema", "path"), UNSOUND)
def test_a_fault_is_refused_by_both_and_has_a_place(schema: Any, path: tuple[Any, ...]) -> None:
    assert [fault.path for fault in faults(schema) if fault.error] == [path]
    assert not accepted(schema)


@pytest.mark.parametrize("reference", ["https://x.example/s.json", "other.json", "#/$defs/b"])
def test_a_reference_that_leads_nowhere_inside_is_refused(reference: str) -> None:
    schema = {"$defs": {"a": {}}, "properties": {"p": {"$ref": reference}}}
    assert [fault.path for fault in faults(schema)] == [("properties", "p", "$ref")]


def test_a_misspelt_keyword_is_doubted_and_one_of_your_own_is_not() -> None:
    found = list(faults({"propertes": {}, "note": 1}))
    assert [(fault.path, fault.error, fault.cure) for fault in found] == [
        (("propertes",), False, "did you mean `properties`?")
    ]


def test_every_keyword_of_the_standard_is_known() -> None:
    names: set[str] = set()
    known = jsonschema.validators.SPECIFICATIONS
    for part in ("core", "applicator", "validation", "meta-data", "content", "unevaluated"):
        uri = f"https://json-schema.org/draft/2020-12/meta/{part}"
        names |= set(known[uri].contents["properties"])
    assert names <= set(KEYWORDS)

"""The draft-07 file of editors gives the verdict of the language's own schemas, on one corpus.

Three read each spec: the walker behind `nivel validate`, jsonschema on the 2020-12 schemas, and
jsonschema on the file for editors. The corpus: the shipped specs, every case of a fault on file,
and what hypothesis makes of sound specs.
"""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator, Draft202012Validator
from referencing import Registry, Resource

from nivel.compiler.aliases import ALIASES
from nivel.compiler.check import check
from nivel.compiler.document import Unusable, parse_document, walk
from nivel.compiler.editor import bundle
from nivel.compiler.examples import BASE
from nivel.compiler.language import all_keys
from nivel.compiler.schema import validate
from nivel.compiler.source import Source
from nivel.schemas import LEVELS, PARTS, read_schema

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "cases" / "err"
FILES = sorted([*CASES.glob("NV2*.yaml"), *CASES.glob("NV3*.yaml"), *ROOT.glob("specs/**/*.yaml")])
ODD = (None, "", "x", 0, -1, 1, 1.5, 10**12, True, [], {}, ["a"], ["a", "a"], {"x": 1}, "lora")


@cache
def for_editors(level: str | None = None) -> Draft7Validator:
    return Draft7Validator(json.loads(bundle(level)))


@cache
def published(level: str) -> Draft202012Validator:
    schemas = [read_schema(f"{name}.json") for name in (*LEVELS, *PARTS)]
    registry = Registry().with_resources([(s["$id"], Resource.from_contents(s)) for s in schemas])
    return Draft202012Validator(read_schema(f"{level}.json"), registry=registry)


def verdicts(data: dict[str, Any]) -> dict[str, bool]:
    """Whether each reader takes `data`, a whole spec of a known level that extends nothing."""
    document, found = parse_document(Source("x.json", json.dumps(data, ensure_ascii=False)))
    assert document is not None and not found
    level = data["level"]
    return {
        "walker": not validate(document, level),
        "2020-12": published(level).is_valid(data),
        "editors": for_editors().is_valid(data),
        "editors, one level": for_editors(level).is_valid(data),
    }


def sound(level: str) -> dict[str, Any]:
    document, _ = parse_document(Source("x.yaml", BASE[level]))
    assert document is not None
    return copy.deepcopy(document.data)


def joined(path: Path) -> dict[str, Any] | None:
    """What `path` and the files it extends say together; None where that is not readable."""
    document = check(path, project=path.parent).document
    if document is None or not isinstance(document.data, dict):
        return None
    if any(isinstance(value, Unusable) for _, value in walk(document.data)):
        return None
    return {key: value for key, value in document.data.items() if key != "extends"}


@pytest.mark.parametrize("level", [None, *LEVELS])
def test_the_file_for_editors_is_valid_draft_07(level):
    schema = json.loads(bundle(level))
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    Draft7Validator.check_schema(schema)
    known = {f"#/definitions/{name}" for name in schema["definitions"]}
    assert set(references(schema)) == known


DRAFT_07 = frozenset(
    (
        "$schema", "$ref", "definitions", "title", "description", "default", "examples", "type",
        "const", "enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
        "minLength", "maxLength", "pattern", "items", "minItems", "maxItems", "uniqueItems",
        "properties", "required", "additionalProperties", "propertyNames", "patternProperties",
        "minProperties", "maxProperties", "allOf", "anyOf", "oneOf", "not", "if", "then", "else",
    )
)  # fmt: skip
OF_EDITORS = {"markdownDescription", "defaultSnippets", "errorMessage", "doNotSuggest"}
OF_EDITORS |= {"enumDescriptions"}


def keywords(schema: Any) -> set[str]:
    if not isinstance(schema, dict):
        return set()
    found = set(schema)
    for name in ("properties", "patternProperties", "definitions"):
        found = found.union(*(keywords(inner) for inner in schema.get(name, {}).values()))
    for name in ("allOf", "anyOf", "oneOf"):
        found = found.union(*(keywords(inner) for inner in schema.get(name, ())))
    for name in ("items", "additionalProperties", "propertyNames", "if", "then", "else", "not"):
        found |= keywords(schema.get(name))
    return found


@pytest.mark.parametrize("level", [None, *LEVELS])
def test_only_keywords_of_draft_07_and_of_the_language_server_are_used(level):
    # A keyword of 2020-12 would be ignored, and let faults pass.
    assert keywords(json.loads(bundle(level))) <= DRAFT_07 | OF_EDITORS


@pytest.mark.parametrize("hyphen", ["_", "-"])
def test_every_name_of_another_tool_is_refused_with_a_message_of_its_own(hyphen):
    names = {name.replace("_", hyphen) for name in ALIASES if (name,) not in all_keys()}
    errors = list(for_editors().iter_errors({**sound("finetune"), **dict.fromkeys(names, 1)}))
    assert sorted(error.path[0] for error in errors) == sorted(names)
    assert all("errorMessage" in error.schema for error in errors)


def test_the_file_stays_of_a_size_to_commit():
    assert len(bundle().encode()) < 1_150_000  # half of it are the methods of tuning


def references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [found for item in node for found in references(item)]
    if not isinstance(node, dict):
        return []
    here = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
    return here + [found for item in node.values() for found in references(item)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_all_agree_on_the_specs_on_file(path):
    data = joined(path)
    if data is None or data.get("level") not in LEVELS:
        assert data is None or not for_editors(LEVELS[0]).is_valid(data)
        return
    said = verdicts(data)
    assert len(set(said.values())) == 1, said


def test_the_corpus_has_sound_and_faulty_specs():
    read = [data for path in FILES if (data := joined(path)) and data.get("level") in LEVELS]
    verdict = [for_editors().is_valid(data) for data in read]
    assert verdict.count(True) >= 10 and verdict.count(False) >= 8


@st.composite
def changed_specs(draw):
    data = sound(draw(st.sampled_from(LEVELS)))
    for _ in range(draw(st.integers(1, 3))):
        maps = [value for _, value in walk(data) if isinstance(value, dict)]
        change(draw, draw(st.sampled_from(maps)))
    data["level"] = data["level"] if data.get("level") in LEVELS else "prompt"
    data.pop("extends", None)
    return data


def change(draw, place: dict[str, Any]) -> None:
    """Remove a key, give it another value, or add one of this language or another tool's."""
    keys = sorted(map(str, place))
    if keys and draw(st.booleans()):
        key = draw(st.sampled_from(keys))
        if draw(st.booleans()):
            del place[key]
            return
    else:
        names = sorted({path[-1] for path in all_keys()} | set(ALIASES) | {"nonsense"})
        key = draw(st.sampled_from(names))
    place[key] = copy.deepcopy(draw(st.sampled_from([*ODD, *examples_of(key)])))


def examples_of(name: str) -> list[Any]:
    said = [key.schema for path, key in all_keys().items() if path[-1] == name]
    return [item for schema in said for item in schema.get("examples", ())]


@settings(max_examples=300, deadline=None)
@given(changed_specs())
def test_all_agree_on_specs_that_nobody_wrote(data):
    said = verdicts(data)
    assert len(set(said.values())) == 1, said


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_file_that_extends_may_lack_any_key_or_remove_it(drawn):
    data = sound(drawn.draw(st.sampled_from(LEVELS)))
    level = data["level"]
    for _ in range(drawn.draw(st.integers(1, 4))):
        maps = [value for path, value in walk(data) if isinstance(value, dict) and value]
        place = drawn.draw(st.sampled_from(maps))
        key = drawn.draw(st.sampled_from(sorted(set(place) - {"nivel", "level"}) or [None]))
        if key is None:
            continue
        place[key] = None
        if drawn.draw(st.booleans()):
            del place[key]
    data = {**data, "level": level, "extends": "shared.yaml"}
    assert [error.message for error in for_editors().iter_errors(data)] == []


@pytest.mark.parametrize("level", LEVELS)
def test_a_file_that_extends_is_still_held_to_its_keys_and_values(level):
    part = {"nivel": sound(level)["nivel"], "level": level, "extends": "shared.yaml"}
    assert for_editors().is_valid(part)
    for wrong in ({"sed": 1}, {"seed": -1}, {"task": {"labels": []}}, {"lr": None}):
        assert not for_editors().is_valid({**part, **wrong}), wrong


def test_a_part_without_a_level_may_have_the_keys_of_every_level_and_no_others():
    part = {"method": {"rank": 4}, "tokenizer": {"vocab_size": 512}, "prompt": {"few_shot": 2}}
    assert for_editors().is_valid(part)
    assert for_editors().is_valid({"train": {"epochs": 1, "tokens": 5}, "data": {"text": {}}})
    assert not for_editors().is_valid({**part, "sed": 1})
    assert not for_editors().is_valid({"train": {"epochs": 0}})
    assert not for_editors().is_valid({"seed": None})

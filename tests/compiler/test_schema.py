"""The schema files are sound, and the walker agrees with jsonschema on what they accept."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from nivel.compiler.defaults import fill_defaults
from nivel.compiler.diagnostics import CompileError
from nivel.compiler.document import parse_document, walk
from nivel.compiler.examples import BASE
from nivel.compiler.quick import fits
from nivel.compiler.schema import KEYWORDS, resolve, validate
from nivel.compiler.source import Source, read_source
from nivel.schemas import LEVELS, PARTS, read_schema

CASES = sorted((Path(__file__).resolve().parents[1] / "cases/err").glob("NV*.yaml"))
NAMES = [f"{name}.json" for name in (*LEVELS, *PARTS)]
ANNOTATIONS = {
    "$schema",
    "$id",
    "$defs",
    "title",
    "description",
    "examples",
    "default",
    "unit",
    "affects",
    "peft",
}


def subschemas(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    inner = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()]
    inner += [*schema.get("oneOf", []), schema.get("items"), schema.get("additionalProperties")]
    for part in inner:
        if isinstance(part, dict):
            yield from subschemas(part)


def validator(level: str) -> Draft202012Validator:
    schemas = [read_schema(name) for name in NAMES]
    registry = Registry().with_resources(
        [(schema["$id"], Resource.from_contents(schema)) for schema in schemas]
    )
    return Draft202012Validator(read_schema(f"{level}.json"), registry=registry)


def accepted(level: str, data: Any) -> bool:
    document, found = parse_document(Source("x.json", json.dumps(data)))
    assert document is not None
    return not found and not validate(document, level)


def base(level: str) -> dict[str, Any]:
    document, _ = parse_document(Source("x.yaml", BASE[level]))
    assert document is not None
    data: dict[str, Any] = document.data
    return data


@pytest.mark.parametrize("name", NAMES)
def test_schema_is_valid_draft_2020_12(name: str) -> None:
    Draft202012Validator.check_schema(read_schema(name))


@pytest.mark.parametrize("name", NAMES)
def test_schema_uses_only_keywords_that_the_walker_knows(name: str) -> None:
    for schema in subschemas(read_schema(name)):
        assert set(schema) <= KEYWORDS | ANNOTATIONS


@pytest.mark.parametrize("level", LEVELS)
def test_every_key_is_described_with_an_example(level: str) -> None:
    for schema in subschemas(read_schema(f"{level}.json")):
        for key, part in schema.get("properties", {}).items():
            known = resolve(part)
            assert known.get("description"), key
            assert known.get("examples") or "properties" in known, key


@pytest.mark.parametrize("level", LEVELS)
def test_every_example_and_default_satisfies_its_own_schema(level: str) -> None:
    whole = validator(level)
    for schema in subschemas(read_schema(f"{level}.json")):
        for part in schema.get("properties", {}).values():
            known = resolve(part)
            here = {**part, "$id": read_schema(f"{level}.json")["$id"] + "#"}
            values = [
                *known.get("examples", []),
                *([known["default"]] if "default" in known else []),
            ]
            for value in values:
                assert whole.evolve(schema=here).is_valid(value), (part, value)


@pytest.mark.parametrize("level", LEVELS)
def test_filling_defaults_changes_neither_verdict_nor_input(level: str) -> None:
    data = base(level)
    before = copy.deepcopy(data)
    filled = fill_defaults(level, data)
    assert data == before
    assert validator(level).is_valid(filled)
    assert fill_defaults(level, filled) == filled


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2_000_000), st.floats(-1, 2),
    st.sampled_from(["", "yes", "cpu", "lora", "full", "text", "org/name", "chat", "all-linear"]),
    st.lists(st.sampled_from(["a", "b", "accuracy", 1]), max_size=3),
    st.dictionaries(st.sampled_from(["type", "path", "text", "top", "warmup", "devices"]),
                    st.sampled_from(["lora", "full", 1, 0.5, "cosine", "x"]), max_size=3),
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_walker_and_jsonschema_give_the_same_verdict(draw: st.DataObject) -> None:
    level = draw.draw(st.sampled_from(LEVELS))
    data = fill_defaults(level, base(level))
    paths = [path for path, _ in walk(data) if path]
    for path in draw.draw(st.lists(st.sampled_from(paths), min_size=1, max_size=2)):
        _change(data, path, draw)
    sound = accepted(level, data)
    assert sound == validator(level).is_valid(data)
    assert sound or not fits(level)(data)


@pytest.mark.parametrize("level", LEVELS)
def test_the_quick_test_says_yes_to_ordinary_specs(level: str) -> None:
    data = base(level)
    assert fits(level)(data)
    assert fits(level)(fill_defaults(level, data))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_the_quick_test_never_says_yes_where_the_walk_finds_something(case: Path) -> None:
    document, _ = parse_document(read_source(str(case))) if readable(case) else (None, [])
    for level in LEVELS if document is not None else ():
        assert not (fits(level)(document.data) and validate(document, level))


def readable(case: Path) -> bool:
    try:
        return bool(read_source(str(case)))
    except CompileError:
        return False


def _change(data: Any, path: tuple[str | int, ...], draw: st.DataObject) -> None:
    parent: Any = data
    for step in path[:-1]:
        parent = parent[step] if _has(parent, step) else None
    if not _has(parent, path[-1]):
        return
    how = draw.draw(st.sampled_from(["set", "remove", "rename"]))
    value = parent.pop(path[-1])
    if isinstance(parent, list):
        parent.append(draw.draw(VALUES))
    elif how == "set":
        parent[path[-1]] = draw.draw(VALUES)
    elif how == "rename":
        parent[f"{path[-1]}x"] = value


def _has(parent: Any, step: Any) -> bool:
    if isinstance(parent, list):
        return isinstance(step, int) and step < len(parent)
    return isinstance(parent, dict) and step in parent


def test_schema_files_are_written_as_json_dumps_writes_them() -> None:
    folder = Path(__file__).resolve().parents[2] / "schemas"
    for name in NAMES:
        text = (folder / name).read_text(encoding="utf-8")
        assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"

"""No path of a spec leaves the project, blocks, or reads what is no file; for every path there is.

The fields are found in the schemas, so that a new one is tested from the day it exists.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from nivel.compiler.examples import BASE
from nivel.compiler.schema import resolve
from nivel.schemas import LEVELS, read_schema

Judge = Any
_FILE = re.compile(r"\b(?:files?|folders?)\b", re.IGNORECASE).search
CANARY = "canary-7f3a"
"""Stands in the files outside the project; no finding may show it."""


def path_fields(level: str) -> Iterator[tuple[str, ...]]:
    """Yield each key of a level whose value names a file or a folder, as its description says."""
    pending: list[tuple[tuple[str, ...], dict[str, Any]]] = [((), read_schema(f"{level}.json"))]
    while pending:
        path, schema = pending.pop()
        for branch in _branches(schema):
            for key, inner in branch.get("properties", {}).items():
                pending.append(((*path, key), inner))
                if _holds_path(resolve(inner)) and _FILE(resolve(inner).get("description", "")):
                    yield (*path, key)


def _branches(schema: dict[str, Any]) -> list[dict[str, Any]]:
    schema = resolve(schema)
    return [schema, *map(resolve, schema.get("oneOf", ()))]


def _holds_path(schema: dict[str, Any]) -> bool:
    """Tell whether a text is a path there; beside a map with `file`, a text is the text itself."""
    branches = _branches(schema)
    if "enum" in schema or "const" in schema:
        return False
    if any("file" in branch.get("properties", {}) for branch in branches):
        return False
    return any(each.get("type") == "string" and "pattern" not in each for each in branches)


FIELDS = sorted({(level, *field) for level in LEVELS for field in path_fields(level)})

BAD = [
    "../outside{end}", "sub/../../outside{end}", "./../outside{end}", "sub/..//../outside{end}",
    "/etc/passwd", "/dev/zero", "/dev/stdin", "/proc/self/environ", "/proc/self/fd/0", "{out}",
    "link{end}", "linked/inner{end}", "loop{end}", "dangling{end}", "zero{end}", "environ{end}",
    "fifo{end}", "folder{end}", "%2e%2e/outside{end}", "..%2foutside{end}", "..\\\\outside{end}",
    "sub\\\\..\\\\..\\\\outside{end}", "~/outside{end}", "~root/x{end}", "$HOME/outside{end}",
    "${{HOME}}/outside{end}", "`id`{end}", "$(id){end}", "a\\nb{end}", "a\\0b{end}", "a\\rb{end}",
    "\\ud800{end}", "\\u202e{end}", "file:///etc/passwd",
    "http://127.0.0.1:9/x{end}", "C:\\\\x{end}",
    "\\\\\\\\host\\\\share{end}", "//etc/passwd", ".", "..", "./", "/", " ", "-rf", "--", "*{end}",
    "../" + "x/" * 2000 + "y{end}", "x" * 300 + "{end}", "sub/../" * 600 + "missing{end}",
]  # fmt: skip
"""Written between double quotes; ``{end}`` is the suffix that the field asks for."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with every kind of thing that is no plain file, and secrets just outside of it."""
    outside = tmp_path_factory.mktemp("world")
    inside = outside / "project"
    (inside / "sub").mkdir(parents=True)
    (outside / "linked").mkdir()
    for end in (".csv", ".txt", ".yaml", ".j2", ".jinja", ".json", ""):
        (outside / f"outside{end}").write_text(f"text,label\n{CANARY},{CANARY}\n")
        (outside / "linked" / f"inner{end}").write_text(f"{CANARY}: 1\n")
        (inside / f"link{end}").symlink_to(outside / f"outside{end}")
        (inside / f"loop{end}").symlink_to(inside / f"loop{end}")
        (inside / f"dangling{end}").symlink_to(outside / "nothing")
        (inside / f"zero{end}").symlink_to("/dev/zero")
        (inside / f"environ{end}").symlink_to("/proc/self/environ")
        os.mkfifo(inside / f"fifo{end}")
        (inside / f"folder{end}").mkdir()
    (inside / "linked").symlink_to(outside / "linked")
    (inside / "environ.secret").write_text("")
    return inside


def _suffix(field: tuple[str, ...]) -> str:
    """Return the ending that the field asks for."""
    known = {
        "extends": ".yaml",
        "file": ".j2",
        "schema": ".json",
        "capabilities": ".json",
        "chat_template": ".jinja",
    }
    known |= {"model": "", "revision": ""}
    if field[-1] == "path":
        return {"text": ".txt", "teacher": "", "tokenizer": ""}.get(
            field[-2], "" if "model" in field[-2] else ".csv"
        )
    return known[field[-1]]


def _spec(level: str, field: tuple[str, ...], bad: str) -> str:
    """Put the path into a spec that is sound but for it."""
    spec = yaml.safe_load(BASE[level])
    if field == ("task", "schema"):
        spec["task"] = {"type": "extract", "input": "{{ text }}"}
    if level == "pretrain" and field[0] in ("task", "data"):
        spec["task"] = {"type": "classify", "labels": ["email", "xml"], "input": "{{ text }}"}
        parts = {part: {"builtin": "python-docs", "split": part} for part in ("train", "test")}
        spec["data"] |= parts
    if field[:2] == ("evaluate", "judge"):
        spec["task"] = {"type": "generate", "input": "{{ text }}"}
        judge = {"input": "{{ answer }}", "choices": {"a": 1, "b": 0}}
        spec["evaluate"] = {"metrics": ["judged"], "judge": judge}
    if field[:2] == ("objective", "teacher"):
        spec["objective"] = {"type": "distill"}
    if field[0] == "tokenizer":
        spec["tokenizer"] = {"type": "model", "vocab_size": 512}
    inner = spec
    for key in field[:-1]:
        if key in ("train", "test", "text", "model", "input") and field[-1] != "chat_template":
            inner[key] = {}  # its other ways to say the same
        inner = inner.setdefault(key, {})
    inner[field[-1]] = PLACE
    if level == "prompt" and field[0] == "prompt":
        spec["task"]["format"] = "chat"
    return yaml.safe_dump(spec).replace(PLACE, f'"{bad}"')


PLACE = "HERE-STANDS-THE-PATH"
SOUND = {
    ".csv": "text,label\na,email\nb,xml\n",
    ".txt": "some text\n",
    ".j2": "{{ text }}",
    ".jinja": "{% for m in messages %}{{ m.content }}{% endfor %}",
    ".json": '{"type": "object"}',
    ".yaml": "description: sound\n",
}
"""What is accepted in place of a bad path, so that the refusals are for the path."""


@pytest.mark.parametrize("field", FIELDS, ids=".".join)
def test_a_plain_file_of_the_project_is_accepted(
    field: tuple[str, ...], project: Path, judge: Judge
) -> None:
    end = _suffix(field[1:])
    if field[-1] == "capabilities":
        pytest.skip("a record that is made of one endpoint; see tests of probes")
    name = f"./sound{end}"
    if end:
        (project / name).write_text(SOUND[end])
    else:
        (project / name).mkdir(exist_ok=True)
        (project / name / "config.json").write_text('{"model_type": "llama"}')
    (project / "sound-spec.yaml").write_text(_spec(field[0], field[1:], name))
    result = judge(project, "sound-spec.yaml")
    assert result["accepted"], result["text"]


@pytest.mark.parametrize("field", FIELDS, ids=".".join)
def test_no_path_leads_anywhere_but_to_a_file_of_the_project(
    field: tuple[str, ...], project: Path, judge: Judge
) -> None:
    end = _suffix(field[1:])
    for number, pattern in enumerate(BAD):
        bad = pattern.replace("{end}", end).replace("{out}", str(project.parent / f"outside{end}"))
        if MODELS & set(field) and bad[0] not in "./~$-\\:" and ":" not in bad:
            bad = f"./{bad}"  # without it, `linked/inner` is a name on a hub
        name = f"spec-{number}.yaml"
        (project / name).write_text(_spec(field[0], field[1:], bad))
        result = judge(project, name)
        assert CANARY not in str(result) and "PATH=" not in str(result), bad
        if MODELS & set(field) and pattern in MODEL_MAY:
            continue
        assert not result["accepted"], bad


MODELS = {"model", "teacher", "tokenizer"}
MODEL_MAY = {"folder{end}"}
"""A model is a folder, so this one is as it should be."""


def test_the_schemas_have_such_fields() -> None:
    assert {
        ("extends",),
        ("model", "path"),
        ("data", "train", "path"),
        ("data", "text", "path"),
    } <= {field[1:] for field in FIELDS}

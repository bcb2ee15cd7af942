"""No string of a spec becomes code, and literals come back as they were."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from nivel.compiler.api import compile
from nivel.compiler.emit.environment import environment
from nivel.compiler.emit.literals import comment, literal

SCALARS = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False)
VALUES = st.recursive(
    SCALARS.filter(lambda value: value not in (float("inf"), float("-inf"))),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)
HOSTILE = [
    'a"""\nimport os; os.system("x")\n"""',
    "\\'; import os  # \r import os \u2028 import os",
    "{{ 1 }} {% raw %} ${HOME} %s {0}",
    "'\"' \\",
]
SPEC: dict[str, Any] = {
    "nivel": 2,
    "name": "hostile",
    "level": "prompt",
    "model": {"path": "org/name"},
    "data": {"test": {"builtin": "python-docs", "split": "test"}},
    "task": {"type": "classify", "labels": ["a", "b"], "input": "{{ text }}"},
    "evaluate": {"next_word": {"text": "a"}},
    "hardware": "cpu",
}


def program(folder: Path, **changes: Any) -> str:
    path = folder / "spec.yaml"
    path.write_text(yaml.safe_dump({**SPEC, **changes}, allow_unicode=False), encoding="utf-8")
    made, checked = compile(str(path))
    assert made is not None, checked.diagnostics
    return made.files[0].text


def shape(text: str) -> list[str]:
    """The program's syntax without its constants."""
    return [type(node).__name__ for node in ast.walk(ast.parse(text))]


@settings(max_examples=300, deadline=None)
@given(VALUES)
def test_a_literal_evaluates_to_its_value_type_for_type(value: object) -> None:
    found = ast.literal_eval(literal(value))
    assert found == value
    assert repr(found) == repr(value)  # tells 1 from True and 1.0


@given(st.text())
def test_a_comment_is_one_line_that_starts_with_a_hash(text: str) -> None:
    written = comment(text)
    assert written.startswith("#") and len(written.splitlines()) == 1
    assert not ast.parse(written).body


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_changes_constants_only(text: str, tmp_path: Path) -> None:
    plain = shape(program(tmp_path, description="x"))
    task = {"type": "classify", "labels": ["a", text], "input": "{{ text }}"}
    hostile = program(tmp_path, description=text, task=task, evaluate={"next_word": {"text": text}})
    assert shape(hostile) == plain
    constants = [n.value for n in ast.walk(ast.parse(hostile)) if isinstance(n, ast.Constant)]
    assert constants.count(text) == 2  # the label and the next-word text, unchanged


@pytest.mark.parametrize("template", ["{{ x|safe }}", "{{ missing }}", "{{ x|ident }}"])
def test_a_template_has_no_unguarded_way_to_write_text(template: str) -> None:
    with pytest.raises((jinja2.TemplateError, ValueError)):
        environment().from_string(template).render(x="import os")


ENDPOINT = {"endpoint": {"base_url": "http://127.0.0.1:8000/v1", "name": "m", "type": "vllm"}}


@pytest.mark.parametrize(
    ("key", "value", "emitted"),
    [
        ("temperature", 0, "temperature=0.0"),
        ("presence_penalty", 0, "presence_penalty=0.0"),
        ("frequency_penalty", 0, "frequency_penalty=0.0"),
        ("max_tokens", 1, "max_tokens=1"),
        ("send_seed", True, "seed=SEED"),
    ],
)
def test_what_a_spec_says_of_an_answer_is_sent_though_it_is_zero(
    tmp_path: Path, key: str, value: object, emitted: str
) -> None:
    task = {"type": "generate", "input": "{{ text }}"}
    text = program(
        tmp_path,
        model=ENDPOINT,
        task=task,
        generation={key: value},
        evaluate={"metrics": ["exact"]},
    )
    assert f"GENERATION = Generation({emitted})\n" in text


def test_what_a_spec_does_not_say_is_not_sent(tmp_path: Path) -> None:
    task = {"type": "generate", "input": "{{ text }}"}
    text = program(tmp_path, model=ENDPOINT, task=task, evaluate={"metrics": ["exact"]})
    assert "GENERATION = Generation()  # nothing is said, so nothing is sent\n" in text

"""Values from the command line: what they mean, and where their faults are shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nivel.compiler.document import Document, parse_document, walk
from nivel.compiler.overrides import Overrides, apply_overrides
from nivel.compiler.source import Source

from .conftest import Nivel

TEXT = "a: 1\nb: {c: [1, 2, {d: x}], e: text}\nhardware: {accelerator: cuda, devices: 2}\n"


def document(text: str = TEXT) -> Document:
    made, found = parse_document(Source("spec.yaml", text))
    assert made is not None and not found
    return made


def after(*sets: str, hardware: str | None = None) -> Any:
    changed, found = apply_overrides(document(), Overrides(sets, hardware))
    assert not found, found
    return changed.data


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("a=2", ["a"], 2),
        ("a=1e-4", ["a"], 1e-4),
        ("a=0o17", ["a"], 15),
        ("a=no", ["a"], "no"),
        ("a='2'", ["a"], "2"),
        ('a=""', ["a"], ""),
        ("a=Label: {{ text }}", ["a"], "Label: {{ text }}"),
        ("a=x # y", ["a"], "x # y"),
        ("a= x ", ["a"], "x"),
        ("a=b=c", ["a"], "b=c"),
        ("a=[1, {x: 2}]", ["a"], [1, {"x": 2}]),
        ("b={e: new}", ["b"], {"e": "new"}),
        ("b.c[2].d=y", ["b", "c", 2, "d"], "y"),
        ("b.c[0]=9", ["b", "c", 0], 9),
        ("new.deep.key=1", ["new"], {"deep": {"key": 1}}),
        ("dashed-key=1", ["dashed-key"], 1),
    ],
)
def test_a_value_means_what_it_means_in_a_spec(text: str, path: list[Any], value: Any) -> None:
    found = after(text)
    for step in path:
        found = found[step]
    assert found == value and type(found) is type(value)


def test_null_removes_and_the_last_of_two_wins() -> None:
    assert "e" not in after("b.e=null")["b"]
    assert after("a=2", "a=3")["a"] == 3
    assert after("a=null", "a.b=1")["a"] == {"b": 1}


def test_the_machine_is_swapped_before_its_parts_are_set() -> None:
    assert after(hardware="cpu")["hardware"] == "cpu"
    changed, found = apply_overrides(document(), Overrides(("hardware.devices=4",), "cpu"))
    assert [one.code for one in found] == ["NV514"] and changed.data["hardware"] == "cpu"


def test_the_document_given_is_not_changed() -> None:
    before = document()
    kept = json.dumps(before.data), dict(before.spans), dict(before.key_spans)
    apply_overrides(before, Overrides(("b.c[2].d=y", "a=null", "n.m=1"), "cpu"))
    assert kept == (json.dumps(before.data), before.spans, before.key_spans)


@given(st.text(st.sampled_from("ab.[]=01{}\"'&*!: \n\x00é{{#,-"), max_size=20))
@example("b.c[2].d=[")
@example("a=\udcff")
def test_no_override_makes_the_compiler_raise_or_leaves_a_place_open(text: str) -> None:
    changed, found = apply_overrides(document(), Overrides((text,)))
    assert changed.data == document().data or not [d for d in found if d.code in ("NV513", "NV514")]
    assert {path for path, _ in walk(changed.data)} <= set(changed.spans)
    for one in found:
        assert one.location is not None and one.location.file in changed.sources


def test_a_wrong_value_is_shown_in_the_option_with_its_column(project: Path, nivel: Nivel) -> None:
    shown = nivel("plan", "spec.yaml", "--set", "task.typ=extract", code=1).output
    assert "--set task.typ=extract:6: error[NV201]: unknown key `typ` in `task`" in shown
    assert "1 | task.typ=extract\n  |      ^^^" in shown


def test_overrides_reach_every_command_that_compiles(project: Path, nivel: Nivel) -> None:
    option = ("--set", "name=other", "--set", "task.labels=[email, xml, csv]")
    assert '"other"' in nivel("plan", "spec.yaml", "--format", "json", *option).output
    nivel("validate", "spec.yaml", *option)
    nivel("compile", "spec.yaml", "-o", "out", *option)
    assert "csv" in (project / "out/experiment.py").read_text()
    assert "name: other " in nivel("resolve", "spec.yaml", *option).output
    for command in (["run"], ["lock"], ["validate"], ["compile", "-o", "x"], ["resolve"]):
        nivel(*command, "spec.yaml", "--set", "seed=none", code=1)
    assert not (project / "runs").exists() and not (project / "spec.yaml.lock").exists()

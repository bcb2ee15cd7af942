"""What holds for every valid spec, and for whatever a valid spec may turn into."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import assume, given, note
from hypothesis import strategies as st

from nivel.cli import group
from nivel.compiler.api import compile as compile_spec
from nivel.compiler.check import Checked, check
from nivel.compiler.render import render_json, render_text
from nivel.compiler.resolved import write_json, write_yaml

from .mutations import damaged, mutated
from .specs import Spec, as_text, reworded, sized, specs


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all examples of this file."""
    return tmp_path_factory.mktemp("specs")


def written(folder: Path, spec: Spec) -> Path:
    """Write a spec to a file that has nothing else in it."""
    path = folder / "x.yaml"
    path.write_text(as_text(spec), encoding="utf-8")
    return path


def compiled(folder: Path, spec: Spec) -> str:
    """Return the program of a spec; a spec that another rule refuses is another example's."""
    program, checked = compile_spec(str(written(folder, spec)))
    errors = [found for found in checked.diagnostics if found.severity == "error"]
    note(str(errors))
    assume(program is not None)
    assert program is not None
    return program.files[0].text


def shape(text: str) -> str:
    """Return the syntax tree of a program without what its constants say."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            node.value = type(node.value).__name__
    return ast.dump(tree)


def constants(text: str) -> dict[str, Any]:
    """Return the names that a program gives a literal to when it is imported."""
    found = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = value_of(node.value)
    return found


def value_of(node: ast.expr) -> Any:
    """A literal's value; of a call such as ``Generation(stop=...)``, that of each argument."""
    if isinstance(node, ast.Call):
        return {one.arg: value_of(one.value) for one in node.keywords}
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.List) and any(isinstance(one, ast.Call) for one in node.elts):
        return [value_of(one) for one in node.elts]
    return ast.literal_eval(node)


@sized(25)
@given(specs(), st.data())
def test_no_text_of_a_spec_changes_the_shape_of_its_program(
    folder: Path, spec: Spec, data: st.DataObject
) -> None:
    other = reworded(spec, data.draw)
    assert shape(compiled(folder, spec)) == shape(compiled(folder, other))


@sized(25)
@given(specs())
def test_the_program_holds_exactly_the_texts_of_the_spec(folder: Path, spec: Spec) -> None:
    found = constants(compiled(folder, spec))
    assert found["NAME"] == spec["name"]
    assert found["SEED"] == spec.get("seed", 0)
    if "task" in spec:
        assert found.get("INPUT") == spec["task"].get("input")
        assert found.get("MESSAGES") == spec["task"].get("messages")
        assert list(found.get("LABELS", ())) == spec["task"].get("labels", [])
    if "stop" in spec.get("generation", {}):
        assert list(found["GENERATION"]["stop"]) == spec["generation"]["stop"]
    if "next_word" in spec.get("evaluate", {}):
        assert found["NEXT_WORD"] == spec["evaluate"]["next_word"]["text"]
    if isinstance(spec.get("method", {}).get("targets"), list):
        assert list(found["TARGETS"]) == spec["method"]["targets"]


@sized(40)
@given(specs())
def test_nearly_every_drawn_spec_is_valid(folder: Path, spec: Spec) -> None:
    checked = check(written(folder, spec))
    codes = {found.code for found in checked.diagnostics if found.severity == "error"}
    # what is left: a text that looks like a secret, or labels that are alike in another way
    assert codes <= {"NV350", "NV327", "NV322", "NV364"}, checked.diagnostics


@sized(25)
@given(specs())
def test_a_resolved_spec_reads_back_to_the_same_data(folder: Path, spec: Spec) -> None:
    checked = check(written(folder, spec))
    assume(checked.document is not None and checked.level is not None)
    assert checked.document is not None
    path = folder / "resolved.yaml"
    path.write_text(write_yaml(checked.document.data), encoding="utf-8")
    again = check(path)
    assert again.document is not None, again.diagnostics
    assert again.document.data == checked.document.data
    written_json = write_json(checked.document.data)
    assert json.loads(written_json) == checked.document.data
    assert written_json.replace("\n", "").isprintable()


@sized(60)
@given(specs().flatmap(mutated))
def test_a_changed_spec_gives_findings_or_passes(folder: Path, spec: Any) -> None:
    never_raises(written(folder, spec))


@sized(80)
@given(specs().map(as_text).flatmap(damaged))
def test_a_damaged_text_gives_findings_or_passes(folder: Path, raw: bytes) -> None:
    path = folder / "x.yaml"
    path.write_bytes(raw)
    never_raises(path)


def never_raises(path: Path) -> None:
    """Check by function and by command, and draw what is found in every way there is."""
    checked = check(path)
    drawn(checked)
    result = CliRunner().invoke(group, ["validate", str(path)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert result.exit_code == (0 if checked.level else 1), result.output
    assert "Traceback" not in result.output
    if checked.spec is not None:
        compile_spec(str(path))


def drawn(checked: Checked) -> None:
    """Draw all findings; what is drawn can be written to a file and fits a terminal."""
    render_text(checked.diagnostics, checked.sources).encode("utf-8")
    json.loads(render_json(checked.diagnostics))
    for found in checked.diagnostics:
        assert found.location is not None, found
        assert len(found.message) < 1000

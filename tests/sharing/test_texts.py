"""Templates, system messages and schemas in files of their own."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from nivel.cli._specs import Named
from nivel.cli._watch import Watcher
from nivel.compiler.api import compile as compile_spec
from nivel.compiler.check import check
from nivel.compiler.sharing.unpack import extract

from .conftest import SPEC, Nivel, repository
from .test_bundle import members
from .test_lock import drift, lock_of

SHARED = """\
data:
  test: {path: rows.csv}
  columns: {text: text, label: label}
task:
  type: classify
  labels: [email, xml]
  messages:
    - {role: system, content: {file: ../texts/system.txt}}
    - {role: user, content: {file: question.j2}}
"""


@pytest.fixture
def filed(project: Path) -> Path:
    """The project with its shared part in a folder, which names files beside and above itself."""
    for folder in ("parts", "texts"):
        (project / folder).mkdir()
    (project / "shared.yaml").unlink()
    (project / "parts/shared.yaml").write_text(SHARED)
    (project / "parts/question.j2").write_text("What is it?\n{{ text }}\n")
    (project / "texts/system.txt").write_text("Be brief.\n")
    (project / "spec.yaml").write_text(SPEC.format(extends="parts/shared.yaml"))
    return project


def program(spec: str = "spec.yaml") -> str:
    made, checked = compile_spec(spec)
    assert made is not None, checked.diagnostics
    return made.files[0].text


def test_a_file_is_found_beside_the_one_that_names_it(filed: Path) -> None:
    assert '"What is it?\\n{{ text }}\\n"' in program()
    (filed / "question.j2").write_text("from the wrong place {{ text }}")
    assert "wrong place" not in program()


def test_the_program_depends_on_the_text_and_not_on_how_its_lines_end(filed: Path) -> None:
    before = program()
    (filed / "parts/question.j2").write_bytes(b"\xef\xbb\xbfWhat is it?\r\n{{ text }}\r\n")
    assert program() == before
    (filed / "parts/question.j2").write_text("What is that?\n{{ text }}\n")
    assert program() != before


def test_a_spec_with_its_texts_written_out_gives_the_same_program(filed: Path) -> None:
    before = program()
    shown = (filed / "parts/shared.yaml").read_text()
    shown = shown.replace("{file: ../texts/system.txt}", '"Be brief.\\n"')
    shown = shown.replace("{file: question.j2}", '"What is it?\\n{{ text }}\\n"')
    (filed / "parts/shared.yaml").write_text(shown)
    assert program() == before


def test_a_nearer_spec_names_another_file_relative_to_itself(filed: Path) -> None:
    (filed / "own.j2").write_text("{{ text }}!")
    spec = (filed / "spec.yaml").read_text() + "task: {messages: null, input: {file: own.j2}}\n"
    (filed / "spec.yaml").write_text(spec)
    assert 'INPUT = "{{ text }}!"' in program()
    assert "parts/question.j2" not in check("spec.yaml").sources


def test_the_command_line_names_a_file_relative_to_the_spec(filed: Path, nivel: Nivel) -> None:
    (filed / "own.j2").write_text("{{ text }}?")
    nivel("compile", "spec.yaml", "-o", "out", "--set", "task.messages=null",
          "--set", "task.input={file: own.j2}")  # fmt: skip
    assert 'INPUT = "{{ text }}?"' in (filed / "out/experiment.py").read_text()


def test_resolve_shows_the_text_and_the_file_that_it_came_from(filed: Path, nivel: Nivel) -> None:
    shown = nivel("resolve", "spec.yaml").output
    assert '"Be brief.\\n"' in shown and "# texts/system.txt:1" in shown
    assert "# parts/question.j2:1" in shown


def test_a_lock_holds_the_texts_and_a_changed_one_is_refused(filed: Path, nivel: Nivel) -> None:
    nivel("lock", "spec.yaml")
    files = {"spec.yaml", "parts/shared.yaml", "parts/question.j2", "texts/system.txt"}
    assert set(lock_of(filed)["files"]) == files
    (filed / "parts/question.j2").write_text("What is that?\n{{ text }}\n")
    assert drift() == [("NV522", "parts/shared.yaml", 9)]


def test_a_bundle_holds_the_texts_and_compiles_where_it_is_unpacked(
    filed: Path, nivel: Nivel, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = program()
    nivel("bundle", "spec.yaml", "-o", "mine.tgz")
    assert {"parts/question.j2", "texts/system.txt"} <= set(members(filed / "mine.tgz"))
    extract("mine.tgz", "there")
    monkeypatch.chdir(filed / "there")
    assert program() == before


def test_a_text_of_a_commit_comes_from_that_commit(
    filed: Path, nivel: Nivel, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"specs/a.yaml": SHARED.replace("../texts", "texts"), "specs/question.j2": "{{ text }}"}
    commit = repository(filed / "repo", {**files, "specs/texts/system.txt": "From the commit."})
    (filed / "question.j2").write_text("not this {{ text }}")
    name = f"git+file:repo@{commit}#specs/a.yaml"
    (filed / "spec.yaml").write_text(SPEC.format(extends=json.dumps(name)))
    text = program()
    assert "From the commit." in text and "not this" not in text
    nivel("lock", "spec.yaml")
    nivel("bundle", "spec.yaml", "-o", "mine.tgz")
    extract("mine.tgz", "there")
    monkeypatch.chdir(filed / "there")
    assert program() == text


def codes(**texts: str) -> list[str]:
    for name, text in texts.items():
        Path(f"{name}.yaml").write_text(text)
    return [found.code for found in check("spec.yaml").diagnostics]


@pytest.mark.parametrize(
    "name",
    ["/etc/hostname.txt", "../outside.txt", "link.txt", "folder.txt", "pipe.txt", ".hidden.txt",
     ".git/x.txt", "keys.env", "pkg:click/LICENSE.txt", "https://example.com/x.txt", "x.J2", ""],
)  # fmt: skip
def test_no_other_file_of_the_machine_gets_into_a_program(filed: Path, name: str) -> None:
    (filed.parent / "outside.txt").write_text("secret {{ text }}")
    (filed / "link.txt").symlink_to(filed.parent / "outside.txt")
    (filed / "folder.txt").mkdir()
    os.mkfifo(filed / "pipe.txt")
    for own in (".hidden.txt", "keys.env", "x.J2"):
        (filed / own).write_text("secret {{ text }}")
    task = f"task: {{messages: null, input: {{file: {json.dumps(name)}}}}}\n"
    assert codes(spec=SPEC.format(extends="parts/shared.yaml") + task) == ["NV515"]


def test_many_files_are_refused(filed: Path) -> None:
    said = ", ".join(["{role: user, content: {file: parts/question.j2}}"] * 60)
    spec = SPEC.format(extends="parts/shared.yaml") + f"task: {{messages: [{said}]}}\n"
    assert set(codes(spec=spec)) == {"NV504"}


def test_a_key_in_a_text_is_found(filed: Path) -> None:
    (filed / "texts/system.txt").write_text("Use hf_abcdefghijklmnopqrstuvwx here.")
    (found,) = check("spec.yaml").diagnostics
    assert found.code == "NV350" and found.location is not None
    assert found.location.file == "texts/system.txt"


def test_a_schema_in_a_file_replaces_one_that_is_written_out(filed: Path) -> None:
    (filed / "ticket.json").write_text('{"type": "object",\n\t"properties": {"b": {}}}')
    base = "task: {type: extract, input: '{{ text }}', schema: {type: object, title: a}}\n"
    data = "data: {test: {path: rows.csv}, columns: {text: text}}\n"
    (filed / "base.yaml").write_text(data + base)
    spec = SPEC.format(extends="base.yaml") + "task: {schema: ticket.json}\n"
    (filed / "spec.yaml").write_text(spec)
    assert 'SCHEMA = {"type": "object", "properties": {"b": {}}}' in program()


def test_a_text_that_changes_goes_or_comes_back_is_watched_for(filed: Path) -> None:
    watcher = Watcher(("spec.yaml",), None)
    named = Named(("spec.yaml",))
    assert watcher.look(named) == ["spec.yaml"]
    time.sleep(0.05)
    for _ in range(2):
        watcher.look(named)
    assert watcher.look(named) == []
    (filed / "parts/question.j2").write_text("Changed {{ text }}")
    assert watcher.look(named) == ["spec.yaml"]
    (filed / "parts/question.j2").unlink()
    watcher.look(named)
    assert [d.code for d in watcher.checked["spec.yaml"].diagnostics] == ["NV515"]
    (filed / "parts/question.j2").write_text("Back {{ text }}")
    watcher.look(named)
    assert watcher.checked["spec.yaml"].diagnostics == ()

"""A lock records what a spec depends on; drift is refused at the place that names it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nivel.compiler.check import check

from .conftest import SHARED, SPEC, Nivel, repository


def drift(spec: str = "spec.yaml") -> list[tuple[str, str, int]]:
    """Return code, file and line of every error."""
    found = [one for one in check(spec, locked=True).diagnostics if one.severity == "error"]
    return [(d.code, d.location.file, d.location.span.line) for d in found if d.location]


def lock_of(project: Path) -> dict[str, Any]:
    made: dict[str, Any] = json.loads((project / "spec.yaml.lock").read_text())
    return made


def use_model(project: Path, path: str) -> None:
    (project / "spec.yaml").write_text(
        SPEC.format(extends="shared.yaml").replace(
            "path: org/name, revision: 0123456789abcdef0123456789abcdef01234567", f"path: {path!r}"
        )
    )


def save_model(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "weights.bin").write_bytes(b"\0" * 100)
    (folder / ".cache").write_text("what a download left")


def test_a_lock_holds_and_is_the_same_each_time(project: Path, nivel: Nivel) -> None:
    nivel("lock", "spec.yaml")
    first = (project / "spec.yaml.lock").read_bytes()
    nivel("lock", "spec.yaml")
    assert (project / "spec.yaml.lock").read_bytes() == first
    assert set(lock_of(project)["files"]) == {"spec.yaml", "shared.yaml"}
    assert set(lock_of(project)["data"]) == {"rows.csv"}
    for command in (["validate"], ["plan"], ["compile", "-o", "out"], ["resolve"]):
        nivel(*command, "spec.yaml", "--locked")
    nivel("lock", "spec.yaml", "--check")


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ("spec.yaml", ("spec.yaml", 1)),
        ("shared.yaml", ("spec.yaml", 3)),
        ("rows.csv", ("shared.yaml", 2)),
    ],
)
def test_one_changed_thing_is_one_finding_where_it_is_named(
    project: Path, nivel: Nivel, changed: str, place: tuple[str, int]
) -> None:
    nivel("lock", "spec.yaml")
    with (project / changed).open("a") as file:
        file.write("\n" if changed.endswith("csv") else "# more\n")
    assert drift() == [("NV522", *place)]
    shown = nivel("validate", "spec.yaml", "--locked", code=1).output
    assert "expected sha256" in shown and "found sha256" in shown
    for command in (["run"], ["plan"], ["compile", "-o", "out"], ["lock", "--check"]):
        nivel(*command, "spec.yaml", *([] if "lock" in command else ["--locked"]), code=1)
    assert not (project / "runs").exists() and not (project / "out").exists()


def test_everything_that_drifted_is_told_at_once(project: Path, nivel: Nivel) -> None:
    nivel("lock", "spec.yaml")
    for name in ("spec.yaml", "shared.yaml"):
        (project / name).write_text((project / name).read_text() + "# more\n")
    (project / "rows.csv").write_text((project / "rows.csv").read_text() + "more text,xml\n")
    assert [code for code, _, _ in drift()] == ["NV522"] * 3


def test_another_file_than_the_locked_one_is_refused(project: Path, nivel: Nivel) -> None:
    nivel("lock", "spec.yaml")
    (project / "other.csv").write_text((project / "rows.csv").read_text())
    shown = nivel("validate", "spec.yaml", "--locked", "--set", "data.test.path=other.csv", code=1)
    assert "`other.csv` is not in the lock" in shown.output
    assert "holds `rows.csv`, which the spec does not name" in shown.output


def test_another_python_makes_other_builtin_rows(
    project: Path, nivel: Nivel, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = SHARED.replace("{path: rows.csv}", "{builtin: python-docs, split: test}")
    (project / "shared.yaml").write_text(text)
    nivel("lock", "spec.yaml")
    assert drift() == []
    monkeypatch.setattr("platform.python_version", lambda: "3.99.0")
    assert drift() == [("NV522", "shared.yaml", 2)]


def test_a_model_folder_is_locked_file_by_file(project: Path, nivel: Nivel) -> None:
    save_model(project / "models/mine")
    use_model(project, "./models/mine")
    nivel("lock", "spec.yaml")
    assert set(lock_of(project)["model"]["./models/mine"]["files"]) == {
        "config.json",
        "weights.bin",
    }
    (project / "models/mine/weights.bin").write_bytes(b"\1" * 100)
    (project / "models/mine/more.bin").write_bytes(b"")
    (found,) = [d for d in check("spec.yaml", locked=True).diagnostics if d.code == "NV522"]
    assert "`more.bin` is new, `weights.bin` has changed" in found.message


def test_the_model_of_a_run_is_locked_by_what_it_saved(project: Path, nivel: Nivel) -> None:
    use_model(project, "run:own")
    assert "no completed run" in nivel("lock", "spec.yaml", code=1).output
    assert not (project / "spec.yaml.lock").exists()
    for run, status in (("20260101T000000Z", "completed"), ("20260102T000000Z", "failed")):
        save_model(project / "runs/own" / run / "model")
        (project / "runs/own" / run / "run.json").write_text(json.dumps({"status": status}))
    nivel("lock", "spec.yaml")
    assert lock_of(project)["model"]["run:own"]["run"] == "20260101T000000Z"
    (project / "runs/own/20260102T000000Z/run.json").write_text('{"status": "completed"}')
    assert drift() == []  # the newer run saved the same weights
    (project / "runs/own/20260102T000000Z/model/weights.bin").write_bytes(b"\1")
    assert [code for code, _, _ in drift()] == ["NV522"]


def test_a_commit_and_a_package_are_locked_with_their_versions(
    project: Path, nivel: Nivel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commit = repository(project / "parts", {"shared.yaml": SHARED})
    package = tmp_path / "site/some_specs"
    package.mkdir(parents=True)
    (package / "seed.yaml").write_text("seed: 4\n")
    monkeypatch.syspath_prepend(str(package.parent))
    names = [f"git+file:parts@{commit}#shared.yaml", "pkg:some_specs/seed.yaml"]
    (project / "spec.yaml").write_text(SPEC.format(extends=f"[{', '.join(names)}]"))
    nivel("lock", "spec.yaml")
    files = lock_of(project)["files"]
    assert files[names[0]]["commit"] == commit
    assert files[names[1]]["version"] is None  # no distribution has installed it
    (package / "seed.yaml").write_text("seed: 5\n")
    assert drift() == [("NV522", "spec.yaml", 3)]


def test_a_model_without_a_commit_is_locked_with_a_warning(project: Path, nivel: Nivel) -> None:
    use_model(project, "org/name")
    assert "warning[NV524]" in nivel("lock", "spec.yaml").output
    assert "warning[NV524]" not in nivel("validate", "spec.yaml", "--locked").output


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"lock": 2}', '{"lock": 1, "data": [], "files": {}, "model": {}}',
             '{"lock": 1, "data": {"a": 1}, "files": {}, "model": {}}', "[" * 100_000, "\0"]
)  # fmt: skip
def test_what_is_no_lock_is_a_finding(project: Path, text: str) -> None:
    (project / "spec.yaml.lock").write_text(text)
    assert drift() == [("NV521", "spec.yaml", 1)]


def test_a_lock_that_cannot_be_written_leaves_the_old_one(project: Path, nivel: Nivel) -> None:
    nivel("lock", "spec.yaml")
    before = (project / "spec.yaml.lock").read_bytes()
    use_model(project, "run:absent")
    nivel("lock", "spec.yaml", code=1)
    assert (project / "spec.yaml.lock").read_bytes() == before
    assert not list(project.glob(".writing-*"))


def test_a_lock_goes_where_it_is_asked_to(project: Path, nivel: Nivel) -> None:
    nivel("lock", "spec.yaml", "-o", "my.lock")
    nivel("lock", "spec.yaml", "-o", "my.lock", "--check")
    assert not (project / "spec.yaml.lock").exists()


def sweep_over(project: Path, over: str) -> None:
    """Make the spec a sweep over files that nothing else names, and write those."""
    text = SPEC.format(extends="shared.yaml") + f"sweep: {{type: grid, over: {{{over}}}}}\n"
    (project / "spec.yaml").write_text(text)
    (project / "others.csv").write_text("text,label\nwrite a letter,email\nread a tree,xml\n")
    for name in ("short", "long"):
        (project / f"{name}.txt").write_text(f"A {name} letter: {{{{ text }}}}")


FILES = "data.test.path: [rows.csv, others.csv], task.input: [{file: short.txt}, {file: long.txt}]"


def test_files_that_only_trials_name_are_locked_and_refused_where_they_are_named(
    project: Path, nivel: Nivel
) -> None:
    sweep_over(project, FILES)
    nivel("lock", "spec.yaml")
    assert set(lock_of(project)["files"]) == {"spec.yaml", "shared.yaml", "short.txt", "long.txt"}
    assert set(lock_of(project)["data"]) == {"rows.csv", "others.csv"}
    for command in (["validate"], ["plan"], ["compile", "-o", "out"]):
        nivel(*command, "spec.yaml", "--locked")
    (project / "others.csv").write_text("text,label\nread a letter,email\nread a tree,xml\n")
    (project / "long.txt").write_text("Other: {{ text }}")
    assert drift() == [("NV522", "spec.yaml", 7)] * 2
    shown = nivel("validate", "spec.yaml", "--locked", code=1).output
    for name in ("others.csv", "long.txt"):
        column = (project / "spec.yaml").read_text().splitlines()[6].index(name) + 1
        assert any(f"spec.yaml:7:{column - extra}:" in shown for extra in (0, len("{file: "))), (
            shown
        )


def test_revisions_that_trials_take_of_one_model_are_locked_each(
    project: Path, nivel: Nivel
) -> None:
    other = "1" * 40
    sweep_over(project, f"model.revision: [0123456789abcdef0123456789abcdef01234567, '{other}']")
    nivel("lock", "spec.yaml")
    assert set(lock_of(project)["model"]) == {"org/name", f"org/name@{other}"}
    nivel("validate", "spec.yaml", "--locked")

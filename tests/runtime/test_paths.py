"""Paths from a spec stay inside the project, and model references lead to one place."""

import json
import sys
from pathlib import Path

import pytest

from nivel.runtime.errors import DataError, ModelError
from nivel.runtime.paths import (
    cache_dir,
    inside_project,
    project_root,
    resolve_model_path,
    write_atomically,
)


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.setenv("NIVEL_PROJECT", str(root))
    return root


def saved_model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    return folder


def finished_run(project: Path, name: str, identity: str, status: str = "completed") -> Path:
    folder = project / "runs" / name / identity
    saved_model(folder / "model")
    (folder / "run.json").write_text(json.dumps({"status": status}))
    return folder / "model"


def test_project_is_the_current_folder_unless_said(tmp_path, monkeypatch):
    monkeypatch.delenv("NIVEL_PROJECT")
    monkeypatch.chdir(tmp_path)
    assert project_root() == tmp_path.resolve()


def test_cache_lies_in_the_project(project):
    assert cache_dir() == project.resolve() / ".nivel" / "cache"
    assert cache_dir().is_dir()


@pytest.mark.parametrize("path", ["../x.csv", "a/../../x.csv", "/etc/passwd", "a\0b"])
def test_path_that_leaves_the_project_is_refused(path):
    with pytest.raises(DataError):
        inside_project(path, DataError)


def test_symbolic_link_out_of_the_project_is_refused(project, tmp_path):
    (tmp_path / "secret.csv").write_text("text,label\n")
    (project / "file.csv").symlink_to(tmp_path / "secret.csv")
    (project / "folder").symlink_to(tmp_path)
    for path in ("file.csv", "folder/secret.csv"):
        with pytest.raises(DataError, match="leaves the project"):
            inside_project(path, DataError)


def test_symbolic_link_within_the_project_is_followed(project):
    (project / "real.csv").write_text("")
    (project / "link.csv").symlink_to("real.csv")
    assert inside_project("link.csv") == project.resolve() / "real.csv"


def test_model_folder_may_not_be_a_link_out_of_the_project(project, tmp_path):
    saved_model(tmp_path / "outside")
    (project / "model").symlink_to(tmp_path / "outside")
    with pytest.raises(ModelError, match="leaves the project"):
        resolve_model_path("./model")


def test_run_folder_may_not_be_a_link_out_of_the_project(project, tmp_path):
    finished_run(tmp_path, "theirs", "20250101")
    (project / "runs").symlink_to(tmp_path / "runs")
    with pytest.raises(ModelError, match="leaves the project"):
        resolve_model_path("run:theirs")


def test_hub_id_and_local_folder_are_told_apart(project):
    saved_model(project / "org" / "name")
    assert resolve_model_path("org/name").kind == "hub"
    local = resolve_model_path("./org/name")
    assert (local.kind, local.folder) == ("folder", str(project.resolve() / "org/name"))


def test_gguf_file_is_named_by_its_content(project):
    (project / "a.gguf").write_bytes(b"GGUF")
    (project / "b.gguf").write_bytes(b"GGUF")
    (project / "c.gguf").write_bytes(b"GGUF2")
    a, b, c = (resolve_model_path(f"./{name}.gguf") for name in "abc")
    assert a.kind == "gguf" and a.file == "a.gguf"
    assert a.sha == b.sha != c.sha


@pytest.mark.parametrize(
    "path", ["", "name", "a/b/c", "org/..", "/abs/model", "~/model", "run:../x"]
)
def test_unknown_form_of_model_path_is_refused(path):
    with pytest.raises(ModelError):
        resolve_model_path(path)


def test_newest_completed_run_is_chosen(project):
    finished_run(project, "own", "20250101T000000")
    newest = finished_run(project, "own", "20250102T000000")
    finished_run(project, "own", "20250103T000000", status="failed")
    (project / "runs/own/20250104T000000").mkdir()
    (project / "runs/own/20250104T000000/run.json").write_text("not json")
    found = resolve_model_path("run:own")
    assert (found.kind, found.folder) == ("run", str(newest.resolve()))


def test_run_that_never_completed_says_what_to_do(project):
    finished_run(project, "own", "20250101", status="running")
    with pytest.raises(ModelError, match="run the spec 'own' first"):
        resolve_model_path("run:own")


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "site" / "weights_in_a_wheel"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise SystemExit('this code must not run')")
    (folder / "small.gguf").write_bytes(b"GGUF")
    (tmp_path / "site" / "other.gguf").write_bytes(b"GGUF")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return folder


def test_file_in_a_package_is_found_without_running_the_package(package):
    found = resolve_model_path("pkg:weights_in_a_wheel/small.gguf")
    assert (found.kind, found.folder, found.file) == ("gguf", str(package.resolve()), "small.gguf")
    assert "weights_in_a_wheel" not in sys.modules


@pytest.mark.parametrize(
    "path",
    [
        "pkg:weights_in_a_wheel/../other.gguf",
        "pkg:weights_in_a_wheel/absent.gguf",
        "pkg:weights_in_a_wheel.inner/small.gguf",
        "pkg:../site/other.gguf",
        "pkg:no_such_package_here/small.gguf",
    ],
)
def test_what_is_not_in_the_package_is_refused(package, path):
    with pytest.raises(ModelError):
        resolve_model_path(path)
    assert "weights_in_a_wheel" not in sys.modules


def test_failed_write_leaves_the_old_file_and_nothing_else(project):
    target = project / "result.json"
    target.write_text("old")
    with pytest.raises(RuntimeError), write_atomically(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError("killed")
    assert target.read_text() == "old"
    assert [item.name for item in project.iterdir()] == ["result.json"]


def test_write_replaces_the_old_file(project):
    target = project / "new" / "result.json"
    for text in ("old", "new"):
        with write_atomically(target) as temporary:
            temporary.write_text(text)
    assert target.read_text() == "new"

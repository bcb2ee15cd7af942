"""The wheel works outside the checkout and holds everything it needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("nivel", "compiler", "runtime", "schemas", "specs")
SHIPPED = {".py", ".json", ".yaml", ".j2", ".typed", ".html", ".css", ".js"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """A wheel built from a copy of the sources, so that no stale build/ can fill a gap."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "checkout"
    copy.mkdir()
    for name in FOLDERS:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    build = "import sys, setuptools.build_meta as b; b.build_wheel(sys.argv[1])"
    run([sys.executable, "-c", build, str(folder)], cwd=copy)
    [wheel] = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The wheel installed alone into a folder; its dependencies come from this environment."""
    target = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet"]
    run([*pip, "--target", str(target), str(wheel)], cwd=target)
    return target


def run(command: list[str], cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def python(installed: Path, cwd: Path, *arguments: str) -> str:
    """Run Python from `cwd` with the wheel and this environment's libraries, and nothing else.

    `-S` leaves the .pth files of site-packages unread, and with them the editable install of the
    checkout: its import hook would supply, unnoticed, each module that the wheel lacks.
    """
    path = os.pathsep.join([str(installed), sysconfig.get_path("purelib")])
    return run([sys.executable, "-S", *arguments], cwd=cwd, PYTHONPATH=path).stdout


def nivel(installed: Path, cwd: Path, *arguments: str) -> str:
    return python(installed, cwd, str(installed / "bin" / "nivel"), *arguments)


def shipped_files() -> set[str]:
    return {
        str(
            Path(
                "nivel", *(() if folder == "nivel" else (folder,)), path.relative_to(ROOT / folder)
            )
        )
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix in SHIPPED and "__pycache__" not in path.parts
    }


def test_every_module_schema_template_and_spec_is_in_the_wheel(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert sorted(shipped_files() - inside) == []
    assert any(name.endswith("LICENSE") for name in inside)


def test_nothing_but_the_package_is_in_the_wheel(wheel):
    inside = zipfile.ZipFile(wheel).namelist()
    assert [n for n in inside if not n.startswith("nivel/") and ".dist-info/" not in n] == []


def test_the_installed_package_is_the_one_from_the_wheel(installed, tmp_path):
    code = (
        "import nivel, nivel.compiler, nivel.runtime, nivel.schemas, nivel.specs, sys\n"
        "print(*[m.__file__ for n, m in sys.modules.items() if n.split('.')[0] == 'nivel'])"
    )
    files = python(installed, tmp_path, "-c", code).split()
    assert files and all(Path(file).is_relative_to(installed) for file in files)


def test_the_installed_command_makes_a_project_and_validates_it(installed, tmp_path):
    assert "finetune" in nivel(installed, tmp_path, "--help")
    nivel(installed, tmp_path, "init", "project")
    specs = sorted((tmp_path / "project/specs/quickstart").glob("*.yaml"))
    names = [str(spec.relative_to(tmp_path / "project")) for spec in specs]
    experiments = [name for name in names if not name.endswith("shared.yaml")]
    assert len(experiments) == 4
    printed = nivel(installed, tmp_path / "project", "validate", *experiments)
    assert printed.count(": ok (") == 4


def test_the_installed_command_compiles(installed, tmp_path):
    nivel(installed, tmp_path, "init", "project")
    project = tmp_path / "project"
    nivel(installed, project, "compile", "specs/quickstart/prompt.yaml", "-o", "out")
    assert (project / "out/experiment.py").is_file()

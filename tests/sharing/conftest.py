"""A small project with a spec, shared parts and data, and the command line in it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nivel.cli import group

Nivel = Callable[..., Result]

SPEC = """\
nivel: 2
name: areas
extends: {extends}
level: prompt
model: {{path: org/name, revision: 0123456789abcdef0123456789abcdef01234567}}
hardware: cpu
"""

SHARED = """\
data:
  test: {path: rows.csv}
  columns: {text: text, label: label}
task:
  type: classify
  labels: [email, xml]
  input: "{{ text }}"
"""

ROWS = "text,label\nread a letter,email\nparse a tree,xml\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder that is the current one: spec.yaml, shared.yaml and rows.csv."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "rows.csv").write_text(ROWS)
    (folder / "shared.yaml").write_text(SHARED)
    (folder / "spec.yaml").write_text(SPEC.format(extends="shared.yaml"))
    return folder


@pytest.fixture
def nivel() -> Nivel:
    """Run a command in the current folder, and hold it to an exit code."""

    def run(*arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(group, arguments)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return run


def git(folder: Path, *arguments: str) -> str:
    """Run git in a repository of the test, with no settings but these."""
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    done = subprocess.run(
        ["git", *who, *arguments],
        cwd=folder,
        env={**kept, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def repository(folder: Path, files: dict[str, str]) -> str:
    """Make a repository of one commit and return the commit."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=Share")
    return git(folder, "rev-parse", "HEAD")

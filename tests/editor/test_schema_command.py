"""`nivel schema`: what it prints, and the file that editors read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from nivel.cli import group
from nivel.cli.init import project_files
from nivel.compiler.editor import FILE, bundle
from nivel.schemas import LEVELS


def run(*arguments: str) -> str:
    done = CliRunner().invoke(group, ["schema", *arguments], prog_name="nivel")
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("level", LEVELS)
def test_the_schema_of_a_level_is_printed(level):
    assert json.loads(run(level))["title"] == f"nivel spec of level {level}"


def test_the_file_for_editors_is_written_anew_where_the_project_has_an_old_one(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path(FILE).write_text("{}", encoding="utf-8")
    assert run("--editor") == f"wrote {FILE}\n"
    assert Path(FILE).read_text(encoding="utf-8") == bundle() == project_files()[FILE]
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_the_settings_for_vs_code_bind_that_file_to_the_specs_of_a_project():
    ((file, patterns),) = json.loads(run("--vscode"))["yaml.schemas"].items()
    assert file == f"./{FILE}"
    assert all(path.startswith("specs/") for path in project_files() if path.endswith(".yaml"))
    assert patterns == ["specs/**/*.yaml"]


def test_two_wishes_at_once_are_wrong_usage():
    done = CliRunner().invoke(group, ["schema", "prompt", "--vscode"], prog_name="nivel")
    assert done.exit_code == 2 and "one of LEVEL, --editor and --vscode" in done.output

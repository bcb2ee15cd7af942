"""Each spec in cases/err gives exactly the findings in the .out file beside it.

``NIVEL_UPDATE=1 pytest tests/compiler/test_cases.py`` rewrites the .out files; read the
difference before committing it.
"""

import os
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from nivel.cli import group
from nivel.compiler.check import check
from nivel.compiler.codes import CODES
from nivel.compiler.examples import command_of
from nivel.compiler.render import render_text

FOLDER = Path(__file__).resolve().parents[1] / "cases" / "err"
CASES = sorted(FOLDER.glob("NV*.yaml"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_findings_are_those_on_file(
    case: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(FOLDER)
    drawn = draw(case, tmp_path / "copy", monkeypatch)
    expected = case.with_suffix(".out")
    if os.environ.get("NIVEL_UPDATE"):
        expected.write_text(drawn, encoding="utf-8")
    assert drawn == expected.read_text(encoding="utf-8")
    assert case.stem.partition("-")[0] in re.findall(r"\[(NV\d{3})\]", drawn)


def draw(case: Path, copy: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Check the case, or run the command that its line `# nivel ...` gives, in a copy."""
    command = command_of(case.read_bytes().decode("utf-8", "replace"))
    if command:
        shutil.copytree(FOLDER, copy)
        monkeypatch.chdir(copy)
        return CliRunner().invoke(group, command).output
    checked = check(case.name, project=FOLDER)
    return render_text(checked.diagnostics, checked.sources) + "\n"


def test_every_code_has_a_case() -> None:
    # A spec that is not there has no file to keep.
    assert {case.stem.partition("-")[0] for case in CASES} == set(CODES) - {"NV109"}


def test_every_output_has_its_case() -> None:
    assert {path.stem for path in FOLDER.glob("*.out")} == {case.stem for case in CASES}

"""The bytes of a program depend on its spec alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SPECS = sorted(
    path for path in (ROOT / "specs").rglob("*.yaml") if "\nlevel:" in path.read_text("utf-8")
)


def compile_in(project: Path, spec: Path, hash_seed: str) -> dict[str, bytes]:
    """Compile `spec` in a project folder of its own and return every file that was written."""
    shutil.copytree(ROOT / "specs", project / "specs")
    command = [sys.executable, "-m", "nivel", "compile", str(spec), "-o", "out"]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {p.name: p.read_bytes() for p in sorted((project / "out").rglob("*")) if p.is_file()}


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_two_folders_and_two_hash_seeds_give_the_same_bytes(spec, tmp_path):
    spec = spec.relative_to(ROOT)
    first = compile_in(tmp_path / "here", spec, hash_seed="1")
    second = compile_in(tmp_path / "there" / "deeper", spec, hash_seed="4242")
    assert first and first == second


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_a_program_names_no_place_and_no_machine(spec, tmp_path):
    written = compile_in(tmp_path / "project", spec.relative_to(ROOT), hash_seed="0")
    for text in written.values():
        for trace in (str(tmp_path), str(ROOT), os.uname().nodename, sys.version.split()[0]):
            assert trace.encode() not in text

"""Programs take their memory from tcmalloc where it is installed, and only there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nivel.cli._allocator import NAMES, PLACES, preloaded
from nivel.cli._arrays import _known
from nivel.cli._jobs import environment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="LD_PRELOAD is of Linux")


@pytest.fixture
def place(tmp_path: Path) -> str:
    (tmp_path / NAMES[0]).touch()
    return str(tmp_path)


def test_the_library_is_loaded_where_it_lies(place: str, tmp_path: Path) -> None:
    assert preloaded({}, [place])["LD_PRELOAD"] == str(tmp_path / NAMES[0])
    assert preloaded({}, [str(tmp_path / "elsewhere")]) == {}


def test_what_a_person_says_of_it_stands(place: str) -> None:
    assert preloaded({"LD_PRELOAD": "libmine.so"}, [place]) == {}
    assert preloaded({"NIVEL_ALLOCATOR": "system"}, [place]) == {}
    assert preloaded({"NIVEL_ALLOCATOR": ""}, [place])


def test_a_program_that_may_run_elsewhere_is_not_given_a_library_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    monkeypatch.setattr("nivel.cli._allocator.preloaded", lambda known: {"LD_PRELOAD": "of-here"})
    assert environment(tmp_path)["LD_PRELOAD"] == "of-here"
    assert "LD_PRELOAD" not in environment(tmp_path, here=False)
    assert "LD_PRELOAD" not in _known(tmp_path, {})  # of an array of Slurm


def test_a_program_tells_which_allocator_it_has(tmp_path: Path) -> None:
    asked = "from nivel.runtime.records.memory import allocator, start_over; "
    asked += "start_over(); print(allocator())"
    known = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}

    def told(more: dict[str, str]) -> str:
        command = [sys.executable, "-c", asked]
        done = subprocess.run(command, env=known | more, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    assert told({}) == "system"
    more = preloaded(known, PLACES)
    if not more:
        pytest.skip("tcmalloc is not installed (libtcmalloc-minimal4)")
    assert told(more) == "tcmalloc"

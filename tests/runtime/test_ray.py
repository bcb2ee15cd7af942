"""What stands around Ray, without Ray: who dies with whom, who is told what, who gets how much."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from nivel.runtime.errors import ExtraError, RunError
from nivel.runtime.prompting.types import Cell, Generation
from nivel.runtime.ray import answers, begin
from nivel.runtime.ray.cluster import Needs, _check_places, connected
from nivel.runtime.records.ranks import is_rank_zero, launch_key, restarted, starts_again

SECONDS = 20


def cells(count: int) -> deque[Cell]:
    made = (Cell(f"{n}", f"{n}", "m", "v", 0, (), "text", Generation(), None) for n in range(count))
    return deque(made)


def wait_until(true: Any) -> None:
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_workers_get_much_at_first_and_little_in_the_end_and_nothing_once_told_to_stop() -> None:
    left, sizes = cells(1000), []
    while left:
        share = -(-len(left) // 4)
        sizes.append(len(answers._take(left, share, 16, lambda: True)))
    assert sizes[0] == answers.BATCHES * 16 and sizes[-2] == 16 and sum(sizes) == 1000
    assert sizes[:-1] == sorted(sizes[:-1], reverse=True)
    left, calls = cells(100), iter([True, True, False])
    assert [cell.id for cell in answers._take(left, 50, 16, lambda: next(calls))] == ["0", "1"]
    assert len(left) == 98


def test_a_worker_takes_what_the_spec_says_by_the_names_of_ray() -> None:
    needs = Needs(4, 1, "A100", {"fast_disk": 2})
    assert needs.named() == {"CPU": 4, "GPU": 1, "fast_disk": 2, "accelerator_type:A100": 0.001}
    assert Needs(0.5).named() == {"CPU": 0.5}


class TwoMachines:
    """Of a cluster: what the checks ask of `ray`."""

    def nodes(self) -> list[dict[str, Any]]:
        half = {"Alive": True, "Resources": {"CPU": 4.0, "fast_disk": 1.0}}
        return [half, half, {**half, "Alive": False}]


def test_workers_that_no_machine_has_place_for_are_refused_and_not_waited_for() -> None:
    ray = TwoMachines()
    for needs, workers, each in ((Needs(1), 8, 4), (Needs(2), 4, 0), (Needs(0.1), 40, 40)):
        _check_places(ray, needs, workers, each)
    for needs, workers, each, why in (
        (Needs(1), 8, 8, "1 machine with place for 8 workers, .* has 0"),
        (Needs(1), 12, 4, "3 machines with place for 4 workers, .* has 2"),
        (Needs(3), 3, 0, "takes 3 workers, and the Ray cluster has 2"),
        (Needs(1, resources={"fast_disk": 1}), 4, 2, "2 machines .* has 0"),
    ):
        with pytest.raises(RunError, match=why):
            _check_places(ray, needs, workers, each)


def test_a_program_dies_with_its_worker_and_hears_interrupts_that_ray_keeps_from_it(
    tmp_path: Path,
) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import os, signal, time\n"
        "blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])\n"
        f"open({str(tmp_path / 'told')!r}, 'w').write(f'{{os.getpid()}} {{len(blocked)}}')\n"
        "time.sleep(60)\n"
    )
    worker = tmp_path / "worker.py"
    worker.write_text(
        "import os, signal, subprocess, sys, time\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])\n"
        f"subprocess.Popen([sys.executable, {begin.__file__!r}, str(os.getpid()), "
        f"sys.executable, {str(program)!r}])\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, str(worker)])
    told = tmp_path / "told"
    wait_until(lambda: told.exists() and " " in told.read_text())
    number, blocked = told.read_text().split()
    assert blocked == "0" and Path(f"/proc/{number}").exists()
    process.kill()
    process.wait()
    wait_until(lambda: gone(int(number)))


def gone(number: int) -> bool:
    """Whether a process has ended; one that nobody has asked about stays as a zombie."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


@pytest.mark.parametrize(("number", "code"), [(None, 3), (signal.SIGTERM, 7), (signal.SIGKILL, 1)])
def test_what_starts_ray_is_told_of_signals_that_its_processes_do_not_get(
    tmp_path: Path, number: signal.Signals | None, code: int
) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import os, signal, subprocess, sys, time\n"
        "from nivel.runtime.ray.apart import run_apart\n"
        "def work():\n"
        "    signal.signal(signal.SIGTERM, lambda *_: os._exit(7))\n"
        "    below = subprocess.Popen(['sleep', '30'])\n"
        "    open('below', 'w').write(f'{os.getpid()} {below.pid} ')\n"
        f"    {'return 3' if number is None else 'time.sleep(60)'}\n"
        "sys.exit(run_apart(work))\n"
    )
    process = subprocess.Popen([sys.executable, str(script)], cwd=tmp_path, start_new_session=True)
    file = tmp_path / "below"
    wait_until(lambda: file.exists() and file.read_text().endswith(" "))
    child, below = map(int, file.read_text().split())
    try:
        if number is not None:
            os.killpg(process.pid, number)
        found = process.wait(SECONDS)
        assert found == (code if number != signal.SIGKILL else -signal.SIGKILL)
        wait_until(lambda: gone(child))
        assert not gone(below), "a signal to the group has reached what the child had started"
    finally:
        os.kill(below, signal.SIGKILL)


def test_a_worker_of_ray_is_who_its_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TORCHELASTIC_RUN_ID", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"NIVEL_LAUNCHER": "ray", "NIVEL_LAUNCH": "0af3", "RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    assert (is_rank_zero(), launch_key(), starts_again(), restarted()) == (
        False, "0af3", True, False
    )  # fmt: skip
    monkeypatch.setenv("NIVEL_START", "2")
    assert restarted()
    monkeypatch.delenv("NIVEL_LAUNCH")  # left in the environment of something else
    assert not starts_again() and launch_key() is None


def test_a_missing_package_is_told_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    before = dict(os.environ)
    clusters = set(Path("/tmp").glob("nivel-????????"))
    cure = r"launcher ray needs.*\n  cure: pip install 'nivel\[ray]"
    with pytest.raises(ExtraError, match=cure), connected(Needs(), 2):
        pass
    assert {name: os.environ.get(name) for name in before} == before
    assert "RAY_AUTH_TOKEN" not in os.environ
    assert set(Path("/tmp").glob("nivel-????????")) <= clusters

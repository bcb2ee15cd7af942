"""The same experiment under each launcher, and what becomes of it when a process is killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from .conftest import newest_run
from .slurm import slurm, slurm_says
from .test_ladder import write
from .test_resume import FINETUNE, LORA, SECONDS, Nivel, logged, outcome, training, tuning
from .test_sharded import own

__all__ = ["tuning"]  # a fixture


LONGER = ("--set", "train.epochs=40")
"""Steps enough for a queue to interfere with."""


def spec_of(project: Path, launcher: str, name: str = "tuned", more: str = "") -> str:
    """Write the spec of two processes that all launchers of this file start."""
    text = FINETUNE.format(
        name=name, devices=2, method=LORA, train="checkpoint_every: 5\n  use: best"
    )
    how = f"micro_batch: 2, launcher: {launcher}{more}"
    return write(project, f"{name}-{launcher}.yaml", text.replace("micro_batch: 2", how))


def begin(project: Path, known: Mapping[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "nivel", "run", *arguments],
        cwd=project,
        env={**os.environ, **known, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


def reach(folder: Path, lines: int, dead: set[int | None]) -> int:
    """Wait until a living process has logged so many lines; return its number."""
    wait_until(
        lambda: (
            (folder / "run.json").exists()
            and status(folder) == "running"
            and training(folder) not in dead
            and logged(folder) >= lines
        ),
        f"{lines} lines in {folder}",
    )
    number = training(folder)
    assert number is not None
    return number


def status(folder: Path) -> str:
    found: str = json.loads((folder / "run.json").read_text("utf-8"))["status"]
    return found


def siblings(number: int) -> list[int]:
    """The other processes that were started by what started this one."""
    parent = int(Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[1])
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [child for child in map(int, children) if child != number]


def new_folder(project: Path, before: set[Path]) -> Path:
    found: set[Path] = set()

    def there() -> bool:
        found.update(set((project / "runs").glob("tuned/*")) - before)
        return bool(found)

    wait_until(there, "a run folder")
    return max(found)


@pytest.mark.slow
def test_a_killed_worker_makes_torchrun_start_again_and_changes_no_bit(
    tuning: Path, nivel: Nivel
) -> None:
    nivel("run", spec_of(tuning, "lightning"))
    whole = newest_run(tuning, "tuned")
    process = begin(tuning, {}, spec_of(tuning, "torchrun"))
    folder = new_folder(tuning, {whole})
    first = reach(folder, 12, set())
    (other,) = siblings(first)
    os.kill(other, signal.SIGKILL)  # of rank 1
    second = reach(folder, 25, {first})
    os.kill(second, signal.SIGKILL)  # of rank 0
    said = process.communicate(timeout=SECONDS)[0]
    assert process.returncode == 0, said
    assert said.count("going on after step") == 2
    assert outcome(folder) == outcome(whole)


@pytest.mark.slow
def test_torchrun_passes_an_interrupt_on_and_the_run_goes_on_under_another_launcher(
    tuning: Path, nivel: Nivel
) -> None:
    nivel("run", spec_of(tuning, "lightning"))
    whole = newest_run(tuning, "tuned")
    process = begin(tuning, {}, spec_of(tuning, "torchrun"))
    folder = new_folder(tuning, {whole})
    reach(folder, 12, set())
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=SECONDS)[0]
    assert process.returncode == 3 and "did not finish (interrupted)" in said, said
    state = json.loads((folder / "run.json").read_text("utf-8"))
    assert state["status"] == "stopped" and "saved after step" in state["reason"]
    nivel("run", spec_of(tuning, "lightning"), "--resume", "latest")
    assert outcome(folder) == outcome(whole)


@pytest.mark.slow
def test_a_program_that_says_why_it_ends_is_not_started_again(tuning: Path) -> None:
    spec = spec_of(tuning, "torchrun")
    gates = "evaluate: {gates: [{metric: accuracy, at_least: 1.0}]}\n"
    text = (tuning / spec).read_text("utf-8").replace("epochs: 10", "epochs: 1")
    (tuning / spec).write_text(text + gates, "utf-8")
    process = begin(tuning, {}, spec)
    said = process.communicate(timeout=SECONDS)[0]
    assert process.returncode == 4, said
    assert said.count("gate FAILED") == 1 and status(newest_run(tuning, "tuned")) == "completed"
    process = begin(tuning, {}, spec, "--set", "train.max_length=8")  # rows are longer
    said = process.communicate(timeout=SECONDS)[0]
    assert process.returncode == 3, said
    assert said.count("error: ") == 1 and "Traceback" not in said, said
    assert status(newest_run(tuning, "tuned")) == "failed"


@pytest.mark.slow
def test_a_job_of_slurm_that_is_killed_told_to_stop_and_preempted_changes_no_bit(
    tuning: Path, nivel: Nivel, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with slurm(tmp_path_factory.mktemp("slurm") / "one") as known:
        nivel("run", spec_of(tuning, "lightning"), *LONGER)
        whole = newest_run(tuning, "tuned")
        process = begin(tuning, known, spec_of(tuning, "slurm"), *LONGER)
        folder = new_folder(tuning, {whole})
        first = reach(folder, 8, set())
        (job,) = slurm_says(known, "squeue", "-h", "-o", "%A").split()
        os.kill(siblings(first)[0], signal.SIGKILL)
        second = reach(folder, 20, {first})
        subprocess.run(["scancel", "--signal=USR1", job], env=known, check=True)
        wait_until(lambda: status(folder) == "stopped", "the run stops")
        assert "told to make room, saved" in (folder / "run.json").read_text("utf-8")
        at_once(known, job)
        third = reach(folder, 30, {first, second})
        urgent = ["sbatch", "--parsable", "-p", "urgent", "-n2", "--wrap", "sleep 3"]
        subprocess.run(urgent, env=known, cwd=tuning, check=True, capture_output=True)
        wait_until(lambda: status(folder) == "stopped", "the run is preempted")
        listed = subprocess.run(
            [sys.executable, "-m", "nivel", "runs"],
            cwd=tuning, env=known, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        assert "queued" in listed.splitlines()[-1] or "running" in listed.splitlines()[-1], listed
        at_once(known, job)
        reach(folder, 40, {first, second, third})
        said = process.communicate(timeout=SECONDS)[0]
        assert process.returncode == 0, said + (folder / "slurm.out").read_text()
    assert said.count("going on after step") == 3, said
    assert outcome(folder) == outcome(whole)


def at_once(known: Mapping[str, str], job: str) -> None:
    """Have a job that was put back into the queue begin without Slurm's delay of two minutes."""
    shown = ["scontrol", "show", "job", job]
    wait_until(lambda: "JobState=PENDING" in slurm_says(dict(known), *shown), "the job waits")
    time.sleep(5)  # within a second of its end, the node still refuses the job's number
    for _ in range(200):
        command = ["scontrol", "update", f"jobid={job}", "StartTime=now"]
        with contextlib.suppress(subprocess.CalledProcessError):
            subprocess.run(command, env=dict(known), check=True, capture_output=True)
            return
        time.sleep(0.5)


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["torchrun", "slurm"])
def test_two_with_a_part_of_the_model_each_end_with_the_bits_of_lightnings_two(
    project: Path, nivel: Nivel, tmp_path_factory: pytest.TempPathFactory, launcher: str
) -> None:
    apart = contextlib.nullcontext(dict(os.environ))
    place = tmp_path_factory.mktemp("slurm") / "two"
    with slurm(place) if launcher == "slurm" else apart as known:
        nivel("run", parts_of(project, "lightning"))
        whole = newest_run(project, "parts")
        process = begin(project, known, parts_of(project, launcher))
        said = process.communicate(timeout=SECONDS)[0]
    assert process.returncode == 0, said
    folder = newest_run(project, "parts")
    assert folder != whole and outcome(folder) == outcome(whole)
    assert list(folder.glob("checkpoints/*/part-00002-of-00002.safetensors"))


def parts_of(project: Path, launcher: str) -> str:
    """Write the spec of two processes that share a new model between them."""
    text = own("parts", f"devices: 2, strategy: fsdp, launcher: {launcher}")
    return write(project, f"parts-{launcher}.yaml", text)

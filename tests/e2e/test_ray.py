"""Programs that a Ray cluster runs: workers that train, workers that answer, and what kills do."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from .conftest import newest_run
from .test_ladder import write
from .test_launchers import begin, new_folder, parts_of, reach, spec_of, status, wait_until
from .test_resume import SECONDS, Nivel, outcome, tuning

__all__ = ["tuning"]  # a fixture

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None, reason="needs Ray: pip install 'nivel[ray]'"
    ),
]

ASK = """\
nivel: 2
name: asked
level: prompt
seed: 3
model: {{path: ./base}}
data: {{test: {{path: many.jsonl}}}}
task: {{type: generate, input: "{{{{ text }}}} is"}}
generation: {{max_tokens: {tokens}, temperature: 0.7}}
hardware: {{profile: cpu, threads: 1{how}}}
"""
ROWS = 1200


def parent(number: int) -> int:
    return int(Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[1])


def running(name: bytes) -> set[int]:
    """The processes whose command line holds a name."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if name in path.read_bytes():
                found.add(int(path.parent.name))
        except OSError:
            continue
    return found


def nothing_is_left(folder: Path, before: set[Path]) -> None:
    """See that neither processes of a run nor the files of its cluster are there."""
    wait_until(lambda: not running(str(folder).encode()), "the programs have ended")
    new = set(Path("/tmp").glob("nivel-????????")) - before
    wait_until(lambda: not any(path.exists() for path in new), f"{new} are gone")
    assert not any(running(str(path).encode()) for path in new)
    assert not list(folder.glob(".ray-*"))


@pytest.fixture
def clusters() -> set[Path]:
    """Folders of clusters that were there before, which are others'."""
    return set(Path("/tmp").glob("nivel-????????"))


def test_killed_programs_and_workers_are_started_again_and_no_bit_changes(
    tuning: Path, nivel: Nivel, clusters: set[Path]
) -> None:
    home = tuning / "home"
    home.mkdir()
    nivel("run", spec_of(tuning, "lightning"))
    whole = newest_run(tuning, "tuned")
    process = begin(tuning, {"HOME": str(home)}, spec_of(tuning, "ray"))
    folder = new_folder(tuning, {whole})
    first = reach(folder, 12, set())
    (other,) = running(str(folder / "experiment.py").encode()) - {first, *starters(folder)}
    os.kill(other, signal.SIGKILL)  # the program of rank 1
    second = reach(folder, 25, {first})
    os.kill(parent(second), signal.SIGKILL)  # the worker itself, of rank 0
    said = process.communicate(timeout=SECONDS)[0]
    assert process.returncode == 0, said
    assert said.count("going on after step") == 2
    assert "a process ended: start 2 of 3 more" in said
    assert outcome(folder) == outcome(whole)
    assert not (home / ".ray").exists(), "a key was written into the home folder"
    nothing_is_left(folder, clusters)


def starters(folder: Path) -> set[int]:
    """What starts the workers: it names the program too."""
    return running(b"nivel.runtime.ray\0") & running(str(folder / "experiment.py").encode())


def test_an_interrupt_reaches_the_workers_and_the_run_goes_on_under_another_launcher(
    tuning: Path, nivel: Nivel, clusters: set[Path]
) -> None:
    nivel("run", spec_of(tuning, "lightning"))
    whole = newest_run(tuning, "tuned")
    process = begin(tuning, {}, spec_of(tuning, "ray"))
    folder = new_folder(tuning, {whole})
    reach(folder, 12, set())
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=SECONDS)[0]
    assert process.returncode == 3 and "did not finish (interrupted)" in said, said
    state = json.loads((folder / "run.json").read_text("utf-8"))
    assert state["status"] == "stopped" and "saved after step" in state["reason"]
    nothing_is_left(folder, clusters)
    nivel("run", spec_of(tuning, "lightning"), "--resume", "latest")
    assert outcome(folder) == outcome(whole)


def test_a_program_that_says_why_it_ends_is_not_started_again(tuning: Path) -> None:
    spec = spec_of(tuning, "ray")
    process = begin(tuning, {}, spec, "--set", "train.max_length=8")  # rows are longer
    said = process.communicate(timeout=SECONDS)[0]
    assert process.returncode == 3, said
    assert said.count("error: ") == 1 and "Traceback" not in said, said
    assert "a process ended" not in said
    assert status(newest_run(tuning, "tuned")) == "failed"


def test_two_with_a_part_of_the_model_each_end_with_the_bits_of_lightnings_two(
    project: Path, nivel: Nivel
) -> None:
    nivel("run", parts_of(project, "lightning"))
    whole = newest_run(project, "parts")
    process = begin(project, {}, parts_of(project, "ray"))
    said = process.communicate(timeout=SECONDS)[0]
    assert process.returncode == 0, said
    folder = newest_run(project, "parts")
    assert folder != whole and outcome(folder) == outcome(whole)


def test_a_killed_worker_loses_no_answer_and_doubles_none(
    tuning: Path, nivel: Nivel, clusters: set[Path]
) -> None:
    alone, workers = asked(tuning, 24)
    nivel("run", alone)
    whole = newest_run(tuning, "asked")
    before = running(b"ray::_Worker")
    process = begin(tuning, {}, workers)
    folder = later_folder(tuning, whole)
    wait_until(lambda: answered(folder) >= 20, "some answers")
    killed = min(running(b"ray::_Worker") - before)
    os.kill(killed, signal.SIGKILL)
    said = process.communicate(timeout=SECONDS)[0]
    assert process.returncode == 0, said
    assert predictions(folder) == predictions(whole)
    found = [line["cell"] for line in ledger(folder) if line["type"] == "result"]
    assert len(found) == len(set(found)) == ROWS
    asked_again = sum(line["type"] == "intent" for line in ledger(folder)) - ROWS
    assert 0 < asked_again <= 16 * 8, "what the dead one had in work is asked again, no more"
    nothing_is_left(folder, clusters)


def test_answers_that_are_there_are_kept_when_the_program_itself_is_killed(
    tuning: Path, nivel: Nivel, clusters: set[Path]
) -> None:
    alone, workers = asked(tuning, 24)
    nivel("run", alone)
    whole = newest_run(tuning, "asked")
    process = begin(tuning, {}, workers)
    folder = later_folder(tuning, whole)
    wait_until(lambda: answered(folder) >= 20, "some answers")
    program = json.loads((folder / "run.json").read_text("utf-8"))["process"]
    os.kill(program, signal.SIGKILL)
    process.communicate(timeout=SECONDS)
    kept = answered(folder)
    assert 20 <= kept < ROWS
    wait_until(lambda: not running(str(folder).encode()), "the program has ended")
    said = nivel("run", workers, "--resume", "latest")
    assert f"going on: {kept:,} of {ROWS:,} cells are answered" in said.stderr
    assert predictions(folder) == predictions(whole)
    assert answered(folder) == ROWS


def asked(project: Path, tokens: int) -> tuple[str, str]:
    """Write rows, and specs of one process and of two workers that ask about them."""
    lines = "".join(
        json.dumps({"text": f"the number {row} near the forge", "label": "x"}) + "\n"
        for row in range(ROWS)
    )
    (project / "many.jsonl").write_text(lines, encoding="utf-8")
    how = ", devices: 2, launcher: ray, ray: {cpus: 0.5}"
    return (
        write(project, "asked-alone.yaml", ASK.format(tokens=tokens, how="")),
        write(project, "asked-workers.yaml", ASK.format(tokens=tokens, how=how)),
    )


def later_folder(project: Path, before: Path) -> Path:
    """Wait for the folder of a run that comes after another one."""
    wait_until(lambda: newest_run(project, "asked") != before, "a run folder")
    return newest_run(project, "asked")


def ledger(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "ledger.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def answered(folder: Path) -> int:
    path = folder / "ledger.jsonl"
    return path.read_bytes().count(b'"type":"result"') if path.exists() else 0


def predictions(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "predictions.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A Ray cluster that somebody else has started: its address, and the key to it."""
    folder = Path("/tmp") / f"ray-of-test-{os.getpid()}"
    folder.mkdir()
    token = folder / "key"
    token.write_text(os.urandom(32).hex())
    token.chmod(0o600)
    known = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    port = free_port()
    command = [
        str(Path(sys.executable).with_name("ray")), "start", "--head", "--block",
        f"--port={port}", "--num-cpus=2", "--include-dashboard=false",
        f"--temp-dir={folder}", "--disable-usage-stats", "--object-store-memory=134217728",
    ]  # fmt: skip
    head = subprocess.Popen(
        command, env={**os.environ, **known}, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield {**known, "RAY_ADDRESS": f"127.0.0.1:{port}"}, token.read_text()
    finally:
        members = {head.pid, *of_session(head.pid)}
        head.terminate()
        time.sleep(2)
        for number in members | of_session(head.pid):
            try:
                os.kill(number, signal.SIGKILL)
            except ProcessLookupError:
                continue
        head.wait()
        subprocess.run(["rm", "-rf", str(folder)], check=False)


def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def of_session(number: int) -> set[int]:
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(path.read_text().rpartition(")")[2].split()[3]) == number:
                found.add(int(path.parent.name))
        except OSError:
            continue
    return found


def test_a_cluster_that_is_there_trains_and_answers_and_its_key_is_written_nowhere(
    tuning: Path, nivel: Nivel, cluster: tuple[dict[str, str], str]
) -> None:
    known, key = cluster
    nivel("run", spec_of(tuning, "lightning"))
    whole = newest_run(tuning, "tuned")
    wait_until(lambda: reachable(known["RAY_ADDRESS"]), "the cluster is up")
    process = begin(tuning, known, spec_of(tuning, "ray"))
    said = process.communicate(timeout=SECONDS)[0]
    assert process.returncode == 0, said
    assert outcome(newest_run(tuning, "tuned")) == outcome(whole)
    alone, workers = asked(tuning, 4)
    nivel("run", alone)
    apart = newest_run(tuning, "asked")
    process = begin(tuning, known, workers)
    said = process.communicate(timeout=SECONDS)[0]
    assert process.returncode == 0, said
    assert predictions(newest_run(tuning, "asked")) == predictions(apart)
    process = begin(tuning, known, spec_of(tuning, "ray"), "--set", "hardware.ray.cpus=7")
    said = process.communicate(timeout=SECONDS)[0]
    assert process.returncode == 3 and "2 workers need 14 CPU, and the Ray cluster has 2" in said
    held = [
        path for path in tuning.rglob("*") if path.is_file() and key.encode() in path.read_bytes()
    ]
    assert held == []


def reachable(address: str) -> bool:
    import socket

    host, _, port = address.partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True

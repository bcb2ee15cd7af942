"""What is logged step by step: as lines, a table, TensorBoard's events, whatever kills it."""

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nivel.runtime.records import Run
from nivel.runtime.records.curves import CsvLog
from nivel.runtime.records.files import read_json_lines

accumulators = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator", reason="no tensorboard to read with"
)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIVEL_PROJECT", str(tmp_path))
    for name in ("NIVEL_RUN_DIR", "RANK", "LOCAL_RANK", "NODE_RANK", "TORCHELASTIC_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Return what TensorBoard's own reader finds in a run's folder."""
    read = accumulators.EventAccumulator(str(folder), purge_orphaned_data=True).Reload()
    tags = read.Tags()["scalars"]
    return {tag: [(one.step, round(one.value, 5)) for one in read.Scalars(tag)] for tag in tags}


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_three_forms_say_the_same() -> None:
    with Run.open("demo", "finetune") as run:
        run.log_metrics(1, loss=2.5, learning_rate=1e-4)
        run.log_metrics(2, loss=float("nan"), learning_rate=2e-4)
        run.log_metrics(2, validation_loss=2.25)
        run.log_metrics(3, loss=1.5, learning_rate=None)
        run.finish()
    assert scalars(run.folder) == {
        "loss": [(1, 2.5), (3, 1.5)],
        "learning_rate": [(1, 0.0001), (2, 0.0002)],
        "validation_loss": [(2, 2.25)],
    }
    rows = table(run.folder)
    assert list(rows[0]) == ["step", "seconds", "loss", "learning_rate", "validation_loss"]
    assert [(row["step"], row["loss"], row["validation_loss"]) for row in rows] == [
        ("1", "2.5", ""),
        ("2", "", ""),
        ("2", "", "2.25"),
        ("3", "1.5", ""),
    ]
    lines = read_json_lines(run.folder / "metrics.jsonl")
    assert [line.get("loss") for line in lines] == [2.5, None, None, 1.5]
    assert [float(row["seconds"]) for row in rows] == [line["seconds"] for line in lines]


KILLED = """
import os, signal, sys
from nivel.runtime.records import Run
run = Run.open("demo", "finetune")
for step in range(1, 8):
    run.log_metrics(step, loss=1.0 / step)
    if step == 4:
        run.log_metrics(step, validation_loss=0.5)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_leaves_all_it_logged_and_one_that_goes_on_replaces_later_steps(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    (folder,) = (project / "runs" / "demo").iterdir()
    assert [step for step, _ in scalars(folder)["loss"]] == [1, 2, 3, 4, 5, 6, 7]
    assert [row["step"] for row in table(folder)] == ["1", "2", "3", "4", "4", "5", "6", "7"]
    # a crash of the machine may cut the last record off as well
    (events,) = folder.glob("events.out.tfevents.*")
    for path in (events, folder / "metrics.csv", folder / "metrics.jsonl"):
        os.truncate(path, path.stat().st_size - 3)
    assert [step for step, _ in scalars(folder)["loss"]] == [1, 2, 3, 4, 5, 6]

    monkeypatch.setenv("NIVEL_RUN_DIR", str(folder))
    with Run.open("demo", "finetune") as run:
        run.go_on(4)
        run.log_metrics(5, loss=9.0)
        run.finish()
    found = scalars(folder)
    assert found["loss"] == [(1, 1.0), (2, 0.5), (3, 0.33333), (4, 0.25), (5, 9.0)]
    assert found["validation_loss"] == [(4, 0.5)]
    assert [row["loss"] for row in table(folder)][-2:] == ["", "9.0"]
    assert len(table(folder)) == 6


def test_without_the_package_a_run_has_its_other_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    from nivel.runtime.records import events

    monkeypatch.setattr(events, "find_spec", lambda name: None)
    with Run.open("demo", "finetune") as run:
        run.log_metrics(1, loss=2.5)
        run.go_on(1)
        run.finish()
    assert table(run.folder)[0]["loss"] == "2.5"
    assert list(run.folder.glob("events*")) == []


def test_a_table_goes_on_from_a_line_that_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("step,seconds,loss\n1,0.5,3.0\n2,0.", "utf-8")
    CsvLog(path).add({"step": 3, "seconds": 1.5, "gap": 'a "b",\nc'})
    assert table(tmp_path) == [
        {"step": "1", "seconds": "0.5", "loss": "3.0", "gap": ""},
        {"step": "3", "seconds": "1.5", "loss": "", "gap": 'a "b",\nc'},
    ]


def test_opening_a_run_and_reading_records_need_no_tensorboard() -> None:
    program = (
        "import sys, nivel.runtime.records\n"
        "with nivel.runtime.records.Run.open('demo', 'prompt') as run:\n    run.finish()\n"
        "assert not {'torch', 'tensorboardX', 'google.protobuf'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)

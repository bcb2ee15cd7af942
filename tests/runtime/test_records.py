"""A run's folder: what is in it while it runs, when it ends, and when it dies."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nivel.runtime.errors import RunError
from nivel.runtime.records import Run, list_runs
from nivel.runtime.records.files import plain, read_json_lines, write_json


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIVEL_PROJECT", str(tmp_path))
    for name in ("NIVEL_RUN_DIR", "RANK", "LOCAL_RANK", "NODE_RANK", "TORCHELASTIC_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def state(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "run.json").read_text("utf-8"))
    return found


def test_a_run_goes_from_running_to_completed(project: Path) -> None:
    with Run.open("demo", "prompt") as run:
        assert run.folder.parent == project / "runs" / "demo"
        assert state(run.folder)["status"] == "running"
        assert os.environ["NIVEL_RUN_DIR"] == str(run.folder)
        run.finish(model="m", metrics={"accuracy": {"value": 0.5}})
    assert state(run.folder)["status"] == "completed"
    result = json.loads((run.folder / "result.json").read_text("utf-8"))
    assert (result["name"], result["level"], result["model"]) == ("demo", "prompt", "m")
    assert result["seconds"]["total"] >= 0
    environment = json.loads((run.folder / "environment.json").read_text("utf-8"))
    assert environment["python"].startswith("3.")
    assert environment["libraries"]["transformers"]


def test_seconds_that_are_given_are_kept() -> None:
    with Run.open("demo", "prompt") as run:
        run.finish(seconds={"train": 3.0, "total": 9.0})
    result = json.loads((run.folder / "result.json").read_text("utf-8"))
    assert result["seconds"] == {"train": 3.0, "total": 9.0}


def test_an_exception_is_recorded_with_its_reason_and_passes_on() -> None:
    with pytest.raises(ZeroDivisionError), Run.open("demo", "prompt") as run:
        raise ZeroDivisionError("no data")
    assert state(run.folder)["status"] == "failed"
    assert state(run.folder)["reason"] == "ZeroDivisionError: no data"
    assert not (run.folder / "result.json").exists()


def test_an_interrupt_is_a_stop_and_no_failure() -> None:
    with pytest.raises(KeyboardInterrupt), Run.open("demo", "prompt") as run:
        raise KeyboardInterrupt
    assert state(run.folder)["status"] == "stopped"


def test_an_interrupt_that_a_library_turned_into_an_exit_is_a_stop_too() -> None:
    with pytest.raises(SystemExit), Run.open("demo", "prompt") as run:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            sys.exit(1)
    assert state(run.folder)["status"] == "stopped"


def test_an_exit_of_its_own_is_a_failure() -> None:
    with pytest.raises(SystemExit), Run.open("demo", "prompt") as run:
        sys.exit(1)
    assert state(run.folder)["status"] == "failed"


def test_leaving_without_a_result_is_a_failure() -> None:
    with Run.open("demo", "prompt") as run:
        pass
    assert state(run.folder)["status"] == "failed"


def test_two_runs_of_one_process_have_folders_of_their_own() -> None:
    folders = []
    for _ in range(3):
        with Run.open("demo", "prompt") as run:
            run.finish()
        folders.append(run.folder)
    assert len(set(folders)) == 3
    assert "NIVEL_RUN_DIR" not in os.environ


def test_a_given_folder_is_used_and_stays_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIVEL_RUN_DIR", str(tmp_path / "here"))
    with Run.open("demo", "prompt") as run:
        assert run.folder == tmp_path / "here"
        run.finish()
    assert os.environ["NIVEL_RUN_DIR"] == str(tmp_path / "here")
    with pytest.raises(RunError, match="finished run"):
        Run.open("demo", "prompt")


def test_only_the_first_process_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    with Run.open("demo", "finetune") as run:
        monkeypatch.setenv("LOCAL_RANK", "1")
        with Run.open("demo", "finetune") as other:
            assert other.folder == run.folder
            other.log_metrics(1, loss=9.0)
            other.write_predictions([{"id": "wrong"}])
            other.finish(model="wrong")
        monkeypatch.delenv("LOCAL_RANK")
        assert state(run.folder)["status"] == "running"
        assert not (run.folder / "metrics.jsonl").exists()
        assert not (run.folder / "predictions.jsonl").exists()
        run.finish(model="right")
    assert json.loads((run.folder / "result.json").read_text("utf-8"))["model"] == "right"


def test_processes_of_one_torchrun_launch_share_a_folder(tmp_path: Path) -> None:
    program = (
        "from nivel.runtime.records import Run\n"
        "with Run.open('demo', 'pretrain') as run:\n"
        "    print(run.folder.name)\n"
        "    run.finish()\n"
    )
    launch = {"TORCHELASTIC_RUN_ID": "none", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}
    started = []
    for rank in ("1", "0"):
        environment = {**os.environ, **launch, "RANK": rank, "LOCAL_RANK": rank}
        command = [sys.executable, "-c", program]
        started.append(
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        )
    names = {process.communicate(timeout=60)[0] for process in started}
    assert [process.returncode for process in started] == [0, 0]
    assert len(names) == 1
    assert [path.name for path in (tmp_path / "runs" / "demo").iterdir()] == [names.pop().strip()]


def test_metrics_are_lines_with_step_and_seconds() -> None:
    with Run.open("demo", "finetune") as run:
        run.log_metrics(1, loss=2.5)
        run.log_metrics(2, loss=math.nan, rate=1e-3)
        run.finish()
    lines = read_json_lines(run.folder / "metrics.jsonl")
    assert [(line["step"], line["loss"]) for line in lines] == [(1, 2.5), (2, None)]
    assert lines[1]["rate"] == 1e-3
    assert 0 <= lines[0]["seconds"] <= lines[1]["seconds"]


def test_predictions_replace_earlier_ones_and_keep_any_text() -> None:
    with Run.open("demo", "prompt") as run:
        run.write_predictions([{"id": "old"}])
        run.write_predictions([{"id": "new\u2028line", "text": "日本\n"}])
        run.finish()
    lines = (run.folder / "predictions.jsonl").read_text("utf-8").split("\n")
    assert [json.loads(line) for line in lines if line] == [
        {"id": "new\u2028line", "text": "日本\n"}
    ]
    assert read_json_lines(run.folder / "predictions.jsonl")[0]["id"] == "new\u2028line"


def test_a_line_cut_off_by_a_crash_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 2, "lo', "utf-8")
    assert read_json_lines(path) == [{"step": 1}]
    assert read_json_lines(tmp_path / "missing.jsonl") == []


def test_a_failed_write_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "result.json"
    write_json(path, {"value": 1})

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space"):
        write_json(path, {"value": 2})
    assert json.loads(path.read_text("utf-8")) == {"value": 1}
    assert os.listdir(tmp_path) == ["result.json"]


def test_records_become_plain_json_types() -> None:
    import numpy as np
    import torch

    value = {"a": torch.tensor(2.0), "b": np.int64(3), "c": (math.inf, True), "d": Path("x")}
    assert plain(value) == {"a": 2.0, "b": 3, "c": [None, True], "d": "x"}


def test_runs_are_listed_oldest_first_from_project_or_runs_folder(project: Path) -> None:
    for name in ("zeta", "alpha"):
        with Run.open(name, "prompt") as run:
            run.finish(model=name)
        record = state(run.folder) | {
            "started": {"zeta": "2026-01-01", "alpha": "2026-01-02"}[name]
        }
        write_json(run.folder / "run.json", record)
    for root in (project, project / "runs"):
        found = list_runs(root)
        assert [info.name for info in found] == ["zeta", "alpha"]
        assert found[1].result is not None
        assert found[1].result["model"] == "alpha"
    assert list_runs(project / "nothing") == []


def test_a_killed_run_is_listed_as_stopped(project: Path) -> None:
    program = (
        "import os\n"
        "from nivel.runtime.records import Run\n"
        "Run.open('demo', 'prompt')\n"
        "os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    (info,) = list_runs(project)
    assert (info.status, info.reason) == ("stopped", "its process is gone")


def test_a_broken_record_is_no_run(project: Path) -> None:
    folder = project / "runs" / "demo" / "1"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{", "utf-8")
    assert list_runs(project) == []


def test_records_need_no_torch() -> None:
    program = "import sys, nivel.runtime.records\nassert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)

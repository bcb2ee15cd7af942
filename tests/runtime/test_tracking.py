"""Metrics to tracking services: what they get, and that none of them can hurt a run."""

import json
import os
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from nivel.runtime.errors import ExtraError, RunError
from nivel.runtime.records import MLflow, Run, Wandb
from nivel.runtime.records import sending as sending_module
from nivel.runtime.records.sending import About


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIVEL_PROJECT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in [*os.environ]:
        if name.startswith(("NIVEL_RUN_DIR", "WANDB_", "MLFLOW_", "RANK", "LOCAL_RANK")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


class Noted:
    """A service that keeps what it is sent, or fails at one of the steps."""

    title = "noted"

    def __init__(self, fails_at: str = "") -> None:
        self.fails_at, self.said = fails_at, []  # type: str, list[Any]

    def check(self) -> None:
        self._note("check")

    def open(self, about: About) -> "Noted":
        self._note("open", about.key, dict(about.settings))
        return self

    def add(self, line: Mapping[str, Any]) -> None:
        self._note("add", line["step"], line["loss"])

    def close(self, status: str, found: Mapping[str, float]) -> None:
        self._note("close", status, dict(found))

    def _note(self, what: str, *more: Any) -> None:
        if what == self.fails_at:
            raise ValueError("no route\nto host")
        self.said.append((what, *more))


def trained(service: Any, *, fails: bool = False) -> Run:
    with Run.open("demo", "finetune", track=[service]) as run:
        for step in (1, 2):
            run.log_metrics(step, loss=1.0 / step)
        if fails:
            raise ZeroDivisionError
        run.finish(
            metrics={"accuracy": {"value": 0.5}, "perplexity": {"value": None}},
            parameters={"total": 7, "trained": 3},
            seconds={"total": 2.0},
        )
    return run


def test_a_service_gets_the_settings_each_step_and_what_was_found(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIVEL_RUN_DIR", str(project / "here"))
    (project / "here").mkdir()
    plan = {"batch": {"batch": 8}, "common": {"task": {"input": "x" * 300, "type": "classify"}}}
    (project / "here" / "plan.json").write_text(json.dumps(plan), "utf-8")
    service = Noted()
    trained(service)
    assert service.said[:4] == [
        ("check",),
        ("open", "demo/here", {"batch.batch": 8, "common.task.type": "classify"}),
        ("add", 1, 1.0),
        ("add", 2, 0.5),
    ]
    (name, status, found), *rest = service.said[4:]
    assert (name, status, rest) == ("close", "completed", [])
    assert found == {
        "test/accuracy": 0.5,
        "parameters/total": 7.0,
        "parameters/trained": 3.0,
        "seconds/total": 2.0,
    }


def test_a_run_that_fails_is_said_to_have_failed() -> None:
    service = Noted()
    with pytest.raises(ZeroDivisionError):
        trained(service, fails=True)
    assert service.said[-1] == ("close", "failed", {})


@pytest.mark.parametrize("step", ["open", "add", "close"])
def test_a_service_that_fails_is_named_once_and_the_run_ends_well(
    step: str, capfd: pytest.CaptureFixture[str]
) -> None:
    run = trained(Noted(step))
    assert (run.folder / "result.json").exists()
    assert len((run.folder / "metrics.jsonl").read_text("utf-8").splitlines()) == 2
    assert capfd.readouterr().err.splitlines() == [
        "noted: ValueError: no route to host; nothing more is sent there, the run folder has it all"
    ]


def test_a_service_that_hangs_is_waited_for_and_left(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import threading

    hold = threading.Event()
    service = Noted()
    monkeypatch.setattr(service, "add", lambda line: hold.wait(20))
    monkeypatch.setattr(sending_module, "PATIENCE", 0.2)
    run = trained(service)
    hold.set()
    assert (run.folder / "result.json").exists()
    assert "did not take everything" in capfd.readouterr().err


def test_only_the_first_process_sends_and_an_estimate_sends_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIVEL_RUN_DIR", str(project / "one"))
    monkeypatch.setenv("LOCAL_RANK", "1")
    other = Noted()
    trained(other)
    assert other.said == []
    monkeypatch.delenv("LOCAL_RANK")
    monkeypatch.setenv("NIVEL_RUN_DIR", str(project / "two"))
    monkeypatch.setenv("NIVEL_ESTIMATE", "1")
    trained(other)
    assert other.said == []


def test_what_is_missing_is_said_before_the_run_begins(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nivel.runtime import extras

    with monkeypatch.context() as patched:
        patched.setattr(extras, "find_spec", lambda name: None)
        for service in (MLflow("e"), Wandb("p")):
            with pytest.raises(ExtraError, match=r"pip install 'nivel\[(mlflow|wandb)\]'"):
                Run.open("demo", "prompt", track=[service])
    monkeypatch.setattr(extras, "find_spec", lambda name: name)
    with pytest.raises(RunError, match="MLFLOW_TRACKING_URI is not set"):
        Run.open("demo", "prompt", track=[MLflow("e")])
    pytest.importorskip("requests")
    with pytest.raises(RunError, match="no key"):
        Run.open("demo", "prompt", track=[Wandb("p")])
    assert not (project / "runs").exists()


def test_settings_that_lie_in_the_project_are_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library would read them, and send the key to the server that they name."""
    from nivel.runtime import extras

    monkeypatch.setattr(extras, "find_spec", lambda name: name)
    monkeypatch.setenv("WANDB_MODE", "offline")
    for folder in ("wandb", ".wandb"):
        (project / folder).mkdir()
        (project / folder / "settings").write_text("[default]\nbase_url = http://thief\n", "utf-8")
        with pytest.raises(RunError, match=f"{folder}/settings"):
            Run.open("demo", "prompt", track=[Wandb("p")])
        (project / folder / "settings").unlink()
    Wandb("p").check()


@pytest.mark.slow
def test_mlflow_has_one_run_of_a_training_that_was_cut_off_and_went_on(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow.tracking", reason="no mlflow here")
    from mlflow.tracking import MlflowClient

    place = f"file://{project / 'store'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", place)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("NIVEL_RUN_DIR", str(project / "here"))
    (project / "here").mkdir()
    plan = {"batch": {"batch": 8}, "many": {str(i): i for i in range(150)}}
    (project / "here" / "plan.json").write_text(json.dumps(plan), "utf-8")
    service = MLflow("tickets", name="first try")
    with pytest.raises(ZeroDivisionError):
        trained(service, fails=True)
    client: Any = MlflowClient(tracking_uri=place)
    experiment = client.get_experiment_by_name("tickets").experiment_id
    (seen,) = client.search_runs([experiment])
    assert (seen.info.status, seen.info.run_name) == ("FAILED", "first try")
    assert seen.data.params["batch.batch"] == "8"
    assert len(seen.data.params) == 151

    run = trained(service)
    (seen,) = client.search_runs([experiment])
    assert seen.info.status == "FINISHED"
    assert seen.data.metrics["test/accuracy"] == 0.5
    history = client.get_metric_history(seen.info.run_id, "loss")
    assert {(one.step, one.value) for one in history} == {(1, 1.0), (2, 0.5)}
    assert seen.data.tags["nivel.run"] == f"demo/{run.id}"


def wandb_records(data: bytes) -> list[Any]:
    """Read what the library wrote: seven bytes, then LevelDB's log, whose blocks are 32 KiB."""
    from wandb.proto import wandb_internal_pb2

    found, place, whole = [], 7, b""
    while place + 7 <= len(data):
        if 32768 - place % 32768 < 7:
            place += 32768 - place % 32768
        length, kind = struct.unpack("<HB", data[place + 4 : place + 7])
        whole += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            found.append(wandb_internal_pb2.Record.FromString(whole))
            whole = b""
    return found


@pytest.mark.slow
def test_wandb_writes_into_the_run_folder_and_nothing_of_the_machine(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb", reason="no wandb here")
    monkeypatch.setenv("WANDB_MODE", "offline")
    run = trained(Wandb("tickets", name="first try"))
    assert not (project / "wandb").exists()
    (file,) = (run.folder / "wandb").glob("offline-run-*/*.wandb")
    records = wandb_records(file.read_bytes())
    (begun,) = [one.run for one in records if one.WhichOneof("record_type") == "run"]
    assert (begun.project, begun.display_name) == ("tickets", "first try")
    logged = [
        {item.key or item.nested_key[0]: json.loads(item.value_json) for item in one.history.item}
        for one in records
        if one.WhichOneof("record_type") == "history"
    ]
    assert [(line["_step"], line["loss"]) for line in logged] == [(1, 1.0), (2, 0.5)]
    assert begun.host == "-" and begun.git.remote_url == ""
    assert not {"environment", "files"} & {one.WhichOneof("record_type") for one in records}
    for private in (str(project / "home"), sys.executable, "pyproject"):
        assert private.encode() not in file.read_bytes()

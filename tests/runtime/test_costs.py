"""What runs cost, what an answer costs, and when training is paid back."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from nivel.runtime.records import Run, compare_runs
from nivel.runtime.records.costs import Costs, break_even


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIVEL_PROJECT", str(tmp_path))
    for name in ("NIVEL_RUN_DIR", "RANK", "LOCAL_RANK", "NODE_RANK", "TORCHELASTIC_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def ended(name: str, level: str, *, plan: Any = None, estimate: Any = None, **result: Any) -> Path:
    with Run.open(name, level) as run:
        for file, body in (("plan.json", plan), ("expected.json", estimate)):
            if body is not None:
                (run.folder / file).write_text(json.dumps(body), "utf-8")
        run.write_predictions([{"id": "1", "label": "a", "prediction": "a"}])
        run.finish(**({"task": {"type": "classify", "labels": ["a"], "rows": 100}} | result))
    return run.folder


def machine(devices: int) -> dict[str, Any]:
    return {"common": {"hardware": {"devices": devices}}}


SERVED = {"common": {"hardware": {"devices": 1}}, "models": [["x", {"base_url": "http://x/v1"}]]}
ANSWERED = {"model": "x", "variant": "v", "calls": 200, "usd": 0.4, "seconds": 1.5,
            "seconds_median": 1.25, "seconds_p95": 4.0}  # fmt: skip


def test_a_training_pays_itself_back_by_what_an_answer_saves() -> None:
    asked = ended("asked", "prompt", plan=SERVED, cells=[ANSWERED])
    tuned = ended(
        "tuned", "finetune", plan=machine(4), estimate={"device": {"usd_per_hour": 2.0}},
        seconds={"train": 1800.0, "evaluate": 9.0, "row_median": 0.25, "row_p95": 0.5},
    )  # fmt: skip
    found = compare_runs([asked, tuned])
    before, after = (run.costs for run in found.runs)
    assert before and after
    assert (before.train_usd, before.usd_per_call, before.row_median) == (0.0, 0.002, 1.25)
    # half an hour on four devices of 2 dollars an hour each
    assert (after.device_hours, after.train_usd) == (2.0, 4.0)
    # 9 s for 100 rows on one of them: 0.09 s x 2 / 3600 dollars
    assert after.usd_per_call == pytest.approx(0.00005)
    assert break_even(before, after) == pytest.approx(4.0 / (0.002 - 0.00005))
    text = found.render_text(140)
    assert "tuned against asked: break-even after 2,051 answers" in text
    assert "1.2 s" in text and "4.0 s" in text and "250 ms" in text and "500 ms" in text
    (paid,) = found.to_json()["break_even"]
    assert paid == {"before": "asked", "after": "tuned", "answers": pytest.approx(2051.3, abs=0.1)}
    assert found.to_json()["runs"][0]["costs"]["usd_per_1000_rows"] == pytest.approx(2.0)


def test_what_is_not_known_is_said_and_not_guessed() -> None:
    asked = ended("asked", "prompt", plan=SERVED, cells=[ANSWERED | {"usd": None}])
    tuned = ended("tuned", "finetune", plan=machine(1), seconds={"train": 60.0, "evaluate": 1.0})
    found = compare_runs([asked, tuned])
    text = found.render_text(140)
    assert "break-even unknown: no price of an answer of the prompt, the training, an" in text
    assert "?: no price is known" in text
    assert found.to_json()["break_even"][0]["why"].startswith("unknown")
    # a price on the command line is of machines, never of somebody's service
    (before, after) = (run.costs for run in compare_runs([asked, tuned], usd_per_hour=3.6).runs)
    assert before and before.usd_per_call is None
    assert after and after.train_usd == pytest.approx(0.06)
    assert after.usd_per_thousand == pytest.approx(0.01)


def test_machines_of_ones_own_are_compared_by_time_where_no_price_is_known() -> None:
    asked = ended("asked", "prompt", plan=machine(1), seconds={"evaluate": 50.0})
    small = ended("small", "pretrain", plan=machine(1), seconds={"train": 300.0, "evaluate": 2.0})
    large = ended("large", "finetune", plan=machine(1), seconds={"train": 60.0, "evaluate": 70.0})
    text = compare_runs([asked, small, large]).render_text(160)
    assert (
        "small against asked: break-even after 625 answers (by time, on the same machine)" in text
    )
    assert "large against asked: break-even never: an answer costs no less than before" in text


def test_a_model_of_another_run_costs_what_that_run_took_too() -> None:
    asked = ended("asked", "prompt", plan=machine(1), seconds={"evaluate": 50.0})
    own = ended(
        "own", "finetune", plan=machine(1) | {"model": {"path": "run:small"}},
        seconds={"train": 10.0, "evaluate": 2.0},
    )  # fmt: skip
    assert "without what run:small took" in compare_runs([asked, own]).render_text(160)


def test_nothing_is_paid_back_where_nothing_is_trained_or_measured() -> None:
    nothing = Costs(False, 0.0, 0.0, 0.0, None, None, None, None, True, None, None)
    trained = Costs(True, None, None, None, None, None, None, None, True, None, None)
    assert break_even(nothing, nothing) == "nothing is trained"
    assert break_even(nothing, trained) == "unknown: not measured"


def test_runs_are_listed_by_what_is_asked_for(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner

    from nivel.cli.compare import command as compare
    from nivel.cli.runs import command as runs

    monkeypatch.chdir(project)
    for name, value in (("tickets-a", 0.25), ("tickets-b", 0.75), ("other", 0.5)):
        ended(name, "prompt", metrics={"accuracy": {"value": value, "low": 0.0, "high": 1.0}})
    with pytest.raises(ValueError), Run.open("tickets-c", "prompt"):
        raise ValueError("no")
    asked = CliRunner()

    def listed(*options: str) -> list[dict[str, Any]]:
        found = asked.invoke(runs, [*options, "--format", "json"])
        assert found.exit_code == 0, found.output
        lines: list[dict[str, Any]] = json.loads(found.stdout)
        return lines

    assert len(listed()) == 4
    found = listed("--name", "tickets", "--sort", "metric")
    assert [one["name"] for one in found] == ["tickets-c", "tickets-a", "tickets-b"]
    assert [one["name"] for one in listed("--status", "failed")] == ["tickets-c"]
    assert [one["name"] for one in listed("--sort", "name", "--last", "1")] == ["tickets-c"]
    shown = asked.invoke(runs, ["--name", "tickets-b"]).output.splitlines()
    assert len(shown) == 2 and shown[1].endswith("accuracy 0.750")
    assert "none of 4 runs" in asked.invoke(runs, ["--name", "nowhere"]).output
    said = asked.invoke(compare, ["other", "tickets-a", "--format", "json"])
    assert [run["name"] for run in json.loads(said.stdout)["runs"]] == ["other", "tickets-a"]
    assert os.environ.get("NIVEL_RUN_DIR") is None

"""Two specs compared by what they mean, each key classed by what a change of it affects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nivel.cli import group
from nivel.compiler.diff import CLASSES, affects, reaches
from nivel.compiler.schema import resolve
from nivel.schemas import LEVELS, read_schema

DATA = """\
data:
  train: {builtin: python-docs, split: train}
  test: {builtin: python-docs, split: test}
task: {type: classify, labels: [email, xml], input: "{{ text }}"}
"""
SPEC = f"""\
nivel: 2
name: one
level: finetune
model: {{path: org/name}}
{DATA}method: {{type: lora}}
train: {{epochs: 3, batch: 16, learning_rate: 2e-4}}
hardware: {{profile: cpu}}
"""


def leaves(schema: dict[str, Any], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    schema = resolve(schema)
    inner = [
        leaf
        for key, one in schema.get("properties", {}).items()
        for leaf in leaves(one, (*path, key))
    ]
    for branch in schema.get("oneOf", ()):
        inner += leaves(branch, path) if "properties" in resolve(branch) else []
    return inner or [path]


@pytest.mark.parametrize("level", LEVELS)
def test_every_key_has_a_class(level: str) -> None:
    for path in leaves(read_schema(f"{level}.json")):
        assert affects(level, path) in CLASSES, path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("data", "test", "limit"), "question"), (("data", "columns", "text"), "question"),
        (("data", "train", "limit"), "optimisation"), (("task", "labels"), "question"),
        (("evaluate", "metrics"), "question"), (("evaluate", "next_word", "top"), "records"),
        (("model", "path"), "optimisation"), (("method", "rank"), "optimisation"),
        (("train", "optimizer", "beta2"), "optimisation"), (("seed",), "optimisation"),
        (("hardware", "precision"), "numerics"), (("hardware", "micro_batch"), "speed"),
        (("hardware", "devices"), "speed"), (("name",), "records"), (("description",), "records"),
    ],
)  # fmt: skip
def test_the_class_is_that_of_the_key_or_of_its_section(
    path: tuple[str, ...], expected: str
) -> None:
    assert affects("finetune", path) == expected


def test_a_key_without_a_class_is_an_error() -> None:
    with pytest.raises(KeyError):
        affects("finetune", ("unheard", "of"))


def test_a_threshold_is_reached_by_what_is_at_least_as_grave() -> None:
    assert reaches("question", "numerics") and reaches("numerics", "numerics")
    assert not reaches("speed", "numerics") and not reaches(None, "records")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("one.yaml").write_text(SPEC)
    return tmp_path


def nivel(*arguments: str) -> Result:
    return CliRunner().invoke(group, ["diff", *arguments])


def test_a_spec_that_says_the_same_in_other_words_does_not_differ(project: Path) -> None:
    Path("shared.yaml").write_text(DATA)
    Path("two.yaml").write_text(
        "extends: shared.yaml\n"
        + SPEC.replace(DATA, "").replace("2e-4", "0.0002").replace("lora}", "lora, rank: 8}")
        + "seed: 0\n"
    )
    done = nivel("one.yaml", "two.yaml")
    assert (done.exit_code, done.stdout) == (0, "no difference\n")


def test_each_change_has_both_values_and_both_origins(project: Path) -> None:
    Path("two.yaml").write_text(SPEC.replace("epochs: 3", "epochs: 5"))
    done = nivel("one.yaml", "two.yaml")
    assert done.exit_code == 1
    assert done.stdout == (
        "changes what is learned or asked: results differ\n"
        "  train.epochs: 3 (one.yaml:10) -> 5 (two.yaml:10)\n"
    )


def test_derived_numbers_are_listed_once_and_only_where_the_spec_does_not_say_them(
    project: Path,
) -> None:
    done = nivel("one.yaml", "--set", "hardware.micro_batch=2", "--format", "json")
    found = json.loads(done.stdout)
    assert [change["path"] for change in found["changes"]] == ["hardware.micro_batch"]
    assert found["changes"][0]["after_origin"] == "--set hardware.micro_batch=2"
    assert found["changes"][0]["after"] == 2 and "before" not in found["changes"][0]
    assert {"name": "batch.accumulation", "before": 1, "after": 8} in found["derived"]


@pytest.mark.parametrize(
    ("change", "gravest", "code"),
    [
        ("description=other", "records", 0), ("hardware.threads=2", "speed", 0),
        ("hardware.precision=bf16", "numerics", 1), ("seed=4", "optimisation", 1),
        ("task.labels[1]=logging", "question", 1), ("data.test.limit=9", "question", 1),
    ],
)  # fmt: skip
def test_the_exit_code_tells_whether_results_can_differ(
    change: str, gravest: str, code: int, project: Path
) -> None:
    done = nivel("one.yaml", "--set", change, "--format", "json")
    assert (done.exit_code, json.loads(done.stdout)["gravest"]) == (code, gravest)
    assert nivel("one.yaml", "--set", change, "--exit-on", "never").exit_code == 0
    assert nivel("one.yaml", "--set", change, "--exit-on", "records").exit_code == 1
    only_grave = nivel("one.yaml", "--set", change, "--exit-on", "question").exit_code
    assert only_grave == (gravest == "question")


def test_the_seed_changes_the_question_where_it_draws_the_test_rows(project: Path) -> None:
    limited = SPEC.replace("split: test}", "split: test, limit: 9}")
    Path("one.yaml").write_text(limited)
    done = nivel("one.yaml", "--set", "seed=4")
    assert done.stdout.startswith("changes the question")
    assert "draws other test rows" in done.stdout


def test_a_profile_is_compared_by_the_machine_that_it_names(project: Path) -> None:
    Path("one.yaml").write_text(SPEC.replace("{profile: cpu}", "cpu"))
    done = nivel("one.yaml", "--hardware", "cuda", "--format", "json")
    changes = {one["path"]: one for one in json.loads(done.stdout)["changes"]}
    assert changes["hardware.precision"]["affects"] == "numerics"
    assert changes["hardware.precision"]["before_origin"] == "one.yaml:11"
    assert changes["hardware.precision"]["after_origin"] == "--hardware"


def test_levels_can_be_compared(project: Path) -> None:
    prompt = SPEC.replace("finetune", "prompt").split("method:")[0]
    Path("two.yaml").write_text(prompt + "hardware: cpu\n")
    done = nivel("one.yaml", "two.yaml", "--format", "json")
    found = {one["path"]: one for one in json.loads(done.stdout)["changes"]}
    assert found["level"]["after"] == "prompt"
    assert "after" not in found["train.epochs"] and "before" not in found["prompt.few_shot"]


def test_a_run_stands_for_the_spec_that_it_recorded(project: Path) -> None:
    folder = Path("runs/one/20260101-000000")
    folder.mkdir(parents=True)
    (folder / "spec.yaml").write_text(SPEC.replace("epochs: 3", "epochs: 2"))
    (folder / "run.json").write_text('{"status": "completed", "name": "one", "started": "1"}')
    (folder / "result.json").write_text("{}")
    for name in ("run:one", str(folder), "runs/one"):
        done = nivel(name, "one.yaml")
        assert f"train.epochs: 2 ({folder}/spec.yaml:10) -> 3 (one.yaml:10)" in done.stdout


def test_a_spec_with_a_fault_is_shown_and_not_compared(project: Path) -> None:
    Path("two.yaml").write_text(SPEC.replace("16", "'16'"))
    done = nivel("one.yaml", "two.yaml")
    assert done.exit_code == 1 and done.stdout == ""
    assert "two.yaml:10:27: error[NV204]" in done.stderr

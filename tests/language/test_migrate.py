"""Specs of language 1 in language 2: the same plan, and every comment where it belongs."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nivel.cli import group
from nivel.compiler import hardware, version
from nivel.compiler.api import plan
from nivel.compiler.check import check
from nivel.compiler.migrate import migrate
from nivel.compiler.migrate import project as migrating
from nivel.compiler.migrate.moves import Move, Step
from nivel.compiler.plan import to_json
from nivel.schemas import read_schema

CORPUS = Path(__file__).resolve().parents[1] / "cases" / "migrate"
SPECS = sorted(path.name for path in (CORPUS / "v1").glob("*.yaml"))
PLANS: dict[str, dict[str, Any]] = json.loads((CORPUS / "plans.json").read_text())
"""What the last compiler of language 1 planned for the corpus on a machine without a GPU."""


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(CORPUS / "v1", tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def nivel(*arguments: str) -> Result:
    return CliRunner().invoke(group, ["migrate", *arguments])


def write(**files: str) -> None:
    for name, text in files.items():
        Path(f"{name}.yaml").write_text(text, newline="")


def test_the_corpus_of_language_1_becomes_that_of_language_2(old: Path) -> None:
    assert nivel(*SPECS).exit_code == 0
    for name in SPECS:
        assert (old / name).read_bytes() == (CORPUS / "v2" / name).read_bytes(), name


def as_far_as(before: Any, now: Any) -> Any:
    """What a plan says now, without the keys that it did not have then."""
    if not isinstance(before, dict) or not isinstance(now, dict):
        return now
    return {key: as_far_as(value, now[key]) for key, value in before.items()}


@pytest.mark.parametrize("name", PLANS)
def test_a_migrated_spec_has_the_plan_that_language_1_gave(
    name: str, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "count_gpus", lambda: 0)
    assert nivel(*SPECS).exit_code == 0
    made, checked = plan(name)
    assert made is not None, checked.diagnostics
    now = json.loads(to_json(made))
    now["hardware"] = now["common"]["hardware"]
    for part, before in PLANS[name].items():
        assert as_far_as(before, now[part]) == before, part


def test_a_second_migration_changes_nothing(old: Path) -> None:
    assert nivel(*SPECS).exit_code == 0
    assert nivel(*SPECS, "--check").exit_code == 0


def test_check_and_diff_write_nothing(old: Path) -> None:
    done = nivel("block.yaml", "--check")
    assert (done.exit_code, done.stdout) == (1, "would migrate block.yaml\n")
    done = nivel("block.yaml", "--diff")
    assert done.exit_code == 0
    assert "+  optimizer: {type: adamw, weight_decay: 0.01}   # against overfitting" in done.stdout
    assert (old / "block.yaml").read_bytes() == (CORPUS / "v1" / "block.yaml").read_bytes()


def test_what_a_named_spec_extends_is_migrated_and_named(old: Path) -> None:
    done = nivel("lonely.yaml")
    assert done.stdout == "migrated base.yaml (extended)\nmigrated lonely.yaml\n"


def test_windows_line_ends_stay(old: Path) -> None:
    assert nivel("nowhere.yaml").exit_code == 0
    text = (old / "nowhere.yaml").read_bytes()
    assert text.count(b"\r\n") == text.count(b"\n") > 0


SPEC = "nivel: 1\nlevel: finetune\n"


@pytest.mark.parametrize(
    ("files", "where"),
    [
        ({"a": SPEC + "extends: b.yaml\nhardware: cpu\n", "b": "train: {micro_batch: 4}\n"},
         "b.yaml:1:9"),
        ({"a": SPEC + "extends: b.yaml\ntrain: {micro_batch: 4}\n", "b": "hardware: cpu\n"},
         "a.yaml:4:9"),
        ({"a": SPEC + "extends: b.yaml\nhardware: {threads: 2}\n",
          "b": "train: {micro_batch: 4}\nhardware: cpu\n"}, "b.yaml:1:9"),
        ({"a": SPEC + "hardware: [cpu]\ntrain: {micro_batch: 4}\n"}, "a.yaml:3:1"),
        ({"a": SPEC + "train: {micro_batch: [4]}\n"}, "a.yaml:3:9"),
        ({"a": SPEC + "hardware: {micro_batch: 2}\ntrain: {micro_batch: 4}\n"}, "a.yaml:3:12"),
        ({"a": SPEC + "train: {weight_decay: 0, optimizer: x}\n"}, "a.yaml:3:26"),
        ({"a": "train: {micro_batch: 4}\n"}, "a.yaml:1:9"),
        ({"a": SPEC + "train: {micro_batch: 4}\nhardware:\n  # none\n"}, "a.yaml:4:1"),
        ({"a": SPEC + "train:\n  micro_batch: |\n    4\n"}, "a.yaml:4:3"),
    ],
)  # fmt: skip
def test_what_one_file_cannot_say_is_refused_at_its_place_and_nothing_is_written(
    files: dict[str, str], where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(good=SPEC, **files)
    done = nivel("good.yaml", "a.yaml")
    assert done.exit_code == 1
    assert done.stderr.startswith(f"{where}: error[NV552]"), done.stderr
    assert "help:" in done.stderr
    assert {name: Path(f"{name}.yaml").read_text() for name in files} == files
    assert Path("good.yaml").read_text() == SPEC


def test_one_file_that_two_specs_read_differently_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(
        part="train: {micro_batch: 4}\n",
        one=SPEC + "extends: part.yaml\n",
        two=SPEC + "extends: part.yaml\nhardware: {threads: 2}\n",
    )
    assert nivel("one.yaml", "two.yaml").exit_code == 1
    assert nivel("one.yaml").exit_code == 0
    assert Path("part.yaml").read_text() == (
        "train: {}\nhardware: {profile: local, micro_batch: 4}\n"
    )


def test_a_removal_stays_a_removal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(
        base="train: {weight_decay: 0.3, micro_batch: 4}\nhardware: {threads: 2}\n",
        spec=SPEC + "extends: base.yaml\ntrain:\n  weight_decay:\n  micro_batch: null\n",
    )
    assert nivel("spec.yaml").exit_code == 0
    document = check("spec.yaml").document
    assert document is not None
    assert document.data["hardware"] == {"threads": 2}
    assert document.data["train"] == {"optimizer": {"type": "adamw"}}


def test_a_fault_of_syntax_in_one_spec_keeps_all_as_they_are(old: Path) -> None:
    write(broken="nivel: 1\na: [\n")
    done = nivel("block.yaml", "broken.yaml")
    assert done.exit_code == 1 and "NV101" in done.stderr
    assert (old / "block.yaml").read_bytes() == (CORPUS / "v1" / "block.yaml").read_bytes()


def test_what_is_no_spec_or_not_there_is_reported(old: Path) -> None:
    write(items="- 1\n")
    done = nivel("items.yaml", "absent.yaml", "block.yaml")
    assert done.exit_code == 1 and "NV204" in done.stderr and "NV109" in done.stderr
    assert (old / "block.yaml").read_bytes() == (CORPUS / "v1" / "block.yaml").read_bytes()


def test_either_every_file_is_replaced_or_none(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace, calls = os.replace, []

    def fail_at_the_second(source: str, target: str) -> None:
        calls.append(target)
        if len(calls) == 2:
            raise OSError(28, "no space left", target)
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail_at_the_second)
    before = {name: (old / name).read_bytes() for name in SPECS}
    assert nivel(*SPECS).exit_code != 0
    assert {name: (old / name).read_bytes() for name in SPECS} == before
    assert sorted(os.listdir(old)) == SPECS


def test_an_edit_that_would_say_something_else_is_never_taken(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "edit_text", lambda text, step, bare: text)
    done = migrate(["block.yaml"], ".")
    assert [found.code for found in done.diagnostics] == ["NV552"] and done.texts == {}


def test_a_later_step_starts_from_what_an_earlier_one_made(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move = Move(("train", "max_grad_norm"), ("train", "clip", "norm"), ("type", "norm"))
    steps = (*migrating.STEPS, Step(2, 3, (move,)))
    monkeypatch.setattr(migrating, "STEPS", steps)
    write(spec=SPEC + "train: {weight_decay: 0, max_grad_norm: 2}\n")
    _, new = migrate(["spec.yaml"], ".").texts["spec.yaml"]
    assert new == (
        "nivel: 3\nlevel: finetune\ntrain: {optimizer: {type: adamw, weight_decay: 0}, "
        "clip: {type: norm, norm: 2}}\n"
    )


def test_the_steps_lead_from_the_first_language_to_that_of_the_schemas() -> None:
    assert [step.old for step in migrating.STEPS] == list(range(1, version.CURRENT))
    assert all(step.new == step.old + 1 for step in migrating.STEPS)
    assert read_schema("common.json")["$defs"]["nivel"]["const"] == version.CURRENT


@pytest.mark.parametrize("said", [1, 3, 99])
def test_a_spec_of_another_language_gets_one_finding(said: int, old: Path) -> None:
    write(spec=f"nivel: {said}\nlevel: odd\nnonsense: [1]\ntrain: {{micro_batch: 4}}\n")
    (found,) = check("spec.yaml").diagnostics
    assert found.code == ("NV550" if said == 1 else "NV551")
    assert found.location is not None and found.location.span.line == 1
    assert found.help is not None and ("nivel migrate spec.yaml" in found.help) == (said == 1)


@pytest.mark.parametrize("said", ["0", "true", "'1'", "1.5", "null"])
def test_what_is_no_version_is_left_to_the_schema(said: str, old: Path) -> None:
    write(spec=f"nivel: {said}\nlevel: prompt\n")
    codes = {found.code for found in check("spec.yaml").diagnostics}
    assert codes and not codes & {"NV550", "NV551"}

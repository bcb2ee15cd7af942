"""Sweeps: which trials there are, what they are called, and where their faults are shown."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from nivel.cli import group
from nivel.compiler.api import plan
from nivel.compiler.check import check
from nivel.compiler.emit.array_script import array_scripts
from nivel.compiler.examples import complete
from nivel.compiler.sweeping import end_trials, holds, read_sweep, size, trials_of
from nivel.compiler.trying import sweep_of


def spec(folder: Path, sweep: str, level: str = "finetune") -> Path:
    path = folder / "spec.yaml"
    path.write_text(complete(f"level: {level}\nsweep: {sweep}\n"), encoding="utf-8")
    return path


def test_a_grid_has_every_combination_and_names_say_the_values() -> None:
    over = {"train.learning_rate": [1e-4, 0.5], "method.rank": {"from": 4, "to": 16, "count": 3,
            "scale": "log", "whole": True}, "task.input": ["{{ a }}", "long " * 9]}  # fmt: skip
    sweep = read_sweep({"type": "grid", "over": over})
    trials = trials_of(sweep, "x")
    assert len(trials) == size(sweep) == 12 == len({trial.name for trial in trials})
    assert trials[0].name == "x-learning-rate-1e-4-rank-4-input-1"
    assert trials[-1].name == "x-learning-rate-0p5-rank-16-input-2"
    assert {dict(trial.values)["method.rank"] for trial in trials} == {4, 8, 16}


def test_more_draws_begin_with_those_of_fewer_and_none_is_made_twice() -> None:
    over = {"seed": [1, 2, 3], "train.learning_rate": {"from": 1e-5, "to": 1e-2, "scale": "log"}}
    few, many = (
        trials_of(read_sweep({"type": "random", "over": over, "trials": n, "seed": 5}), "x")
        for n in (5, 30)
    )
    assert many[:5] == few and len({trial.name for trial in many}) == 30
    rates = [dict(trial.values)["train.learning_rate"] for trial in many]
    assert all(1e-5 <= rate <= 1e-2 for rate in rates)
    assert 5 < sum(rate < 3e-4 for rate in rates) < 25  # equal ratios: half lie below
    lists = read_sweep({"type": "random", "over": {"seed": [1, 2]}, "trials": 9})
    assert len(trials_of(lists, "x")) == 2  # there are no more


def test_long_names_are_cut_and_stay_apart() -> None:
    sweep = read_sweep({"type": "grid", "over": {"train.learning_rate": [1e-4, 2e-4]}})
    names = [trial.name for trial in trials_of(sweep, "n" * 60)]
    assert all(len(name) <= 63 for name in names) and len(set(names)) == 2


def test_a_trial_is_the_spec_with_its_values_and_without_the_sweep(tmp_path: Path) -> None:
    path = spec(tmp_path, "{type: grid, over: {train.learning_rate: [1e-4, 3e-4]}}")
    checked = check(path)
    assert checked.spec is not None
    found = sweep_of(checked)
    assert found is not None
    one = check(path, overrides=found[1][1].overrides(None))
    assert one.spec is not None and one.filled is not None
    assert one.spec.name.endswith("-learning-rate-3e-4") and "sweep" not in one.filled
    assert one.filled["train"]["learning_rate"] == 3e-4


@pytest.mark.parametrize(
    ("sweep", "code", "text"),
    [
        ("{type: grid, over: {train.batch: [16, -2]}}", "NV206", "-2"),
        ("{type: grid, over: {train.epochz: [1]}}", "NV201", "[1]"),
        ("{type: random, trials: 3, over: {train.epochs: {from: 0.1, to: 0.9}}}", "NV204", "{"),
    ],
)
def test_a_fault_of_a_trial_stands_at_its_value(
    tmp_path: Path, sweep: str, code: str, text: str
) -> None:
    path = spec(tmp_path, sweep)
    found = [one for one in check(path).diagnostics if one.severity == "error"]
    assert found and {one.code for one in found} == {code}, found
    where = found[0].location
    assert where is not None and where.file == str(path) and "in the trial of" in found[0].message
    line = path.read_text("utf-8").splitlines()[where.span.line - 1]
    assert line[where.span.column - 1 :].startswith(text) or code == "NV201"


OVER = {
    "train.learning_rate": {"from": 1e-5, "to": 1e-2, "scale": "log"},
    "method.rank": {"from": 2, "to": 64, "whole": True},
    "task.input": ["{{ a }}", "{{ b }}", "{{ c }}"],
}


def test_a_search_begins_with_the_trials_of_random_draws_and_its_ends_are_all_reached() -> None:
    search = read_sweep(
        {"type": "optuna", "over": OVER, "trials": 30, "startup": 4, "sampler": "tpe",
         "seed": 5, "metric": "accuracy"}
    )  # fmt: skip
    draws = read_sweep({"type": "random", "over": OVER, "trials": 30, "seed": 5})
    assert trials_of(search, "x") == trials_of(draws, "x")[:4] and size(search) == 30
    ends = [dict(trial.values) for trial in end_trials(search, "x")]
    assert len(ends) == 5
    assert [one["train.learning_rate"] for one in ends] == [1e-5, 1e-2, 1e-5, 1e-5, 1e-5]
    assert {one["method.rank"] for one in ends} == {2, 64}
    assert [one["task.input"] for one in ends if one["method.rank"] == 2][-2:] == OVER[
        "task.input"
    ][1:]  # type: ignore[index]


def test_what_is_on_record_is_held_to_the_fields_of_the_search() -> None:
    sweep = read_sweep({"type": "random", "over": OVER, "trials": 3, "seed": 5})
    for trial in trials_of(sweep, "x"):
        assert holds(sweep, dict(trial.values))
    good = {"train.learning_rate": 1e-3, "method.rank": 8, "task.input": "{{ a }}"}
    assert holds(sweep, good)
    for bad in ({"method.rank": 65}, {"task.input": "{{ d }}"}, {"train.learning_rate": "1e-3"},
                {"seed": 1}, {"method.rank": True}):  # fmt: skip
        assert not holds(sweep, {**good, **bad})
    assert not holds(sweep, None) and not holds(sweep, {"method.rank": 8})


WITH_VALIDATION = """\
data:
  train: {builtin: python-docs, split: train}
  validation: {builtin: python-docs, split: validation}
  test: {builtin: python-docs, split: test}
"""


@pytest.mark.parametrize(
    ("metric", "more", "cure"),
    [
        ("acuracy", "", "`accuracy`"),
        ("f1", "", "choose from `accuracy`, `macro_f1`"),
        ("validation.best_loss", "", "add `data.validation`"),
        ("eval_loss", WITH_VALIDATION, "`validation.best_loss`"),
        ("loss", "level: pretrain\n", "add `validate_every`"),
        ("bits_per_byte", "level: pretrain\n", "`pretraining.bits_per_byte`"),
        ("validation.loss", "level: prompt\n", "nothing is trained"),
        ("ece", "level: prompt\n", "choose from"),
    ],
)
def test_a_metric_that_no_trial_measures_is_refused_with_the_one_meant(
    tmp_path: Path, metric: str, more: str, cure: str
) -> None:
    path = tmp_path / "spec.yaml"
    sweep = f"sweep: {{type: grid, metric: {metric}, over: {{seed: [1, 2]}}}}\n"
    path.write_text(complete(more + sweep), encoding="utf-8")
    (found,) = [one for one in check(path).diagnostics if one.severity == "error"]
    assert found.code == "NV659" and cure in str(found.help), found


@pytest.mark.parametrize(
    ("metric", "more"),
    [
        ("macro_f1", ""),
        ("seconds.total", ""),
        ("validation.best_loss", WITH_VALIDATION),
        ("pretraining.bits_per_byte", "level: pretrain\n"),
        ("ece", "level: prompt\nevaluate: {metrics: [ece]}\n"),
        ("usd", "level: prompt\ntask: {type: generate, input: '{{ text }}'}\n"),
    ],
)
def test_what_an_experiment_measures_can_rank_its_trials(
    tmp_path: Path, metric: str, more: str
) -> None:
    path = tmp_path / "spec.yaml"
    sweep = f"sweep: {{type: grid, metric: {metric}, over: {{seed: [1, 2]}}}}\n"
    path.write_text(complete(more + sweep), encoding="utf-8")
    assert [one for one in check(path).diagnostics if one.severity == "error"] == []


def test_a_metric_that_only_trials_measure_is_none_of_the_specs_business(tmp_path: Path) -> None:
    loss = "{type: grid, metric: validation.best_loss, over: {train.validate_every: [2, 4]}}"
    codes = [one.code for one in check(spec(tmp_path, loss, "pretrain")).diagnostics]
    assert codes == []


def test_compiled_trials_of_slurm_have_an_array_that_bash_can_read(tmp_path: Path) -> None:
    hardware = "hardware: {profile: cpu, launcher: slurm, slurm: {at_once: 2, time: '01:00:00'}}\n"
    sweep = "sweep: {type: grid, over: {seed: [1, 2, 3]}}\n"
    path = tmp_path / "spec.yaml"
    path.write_text(complete(hardware + sweep), encoding="utf-8")
    done = CliRunner().invoke(group, ["compile", str(path), "-o", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    script = tmp_path / "out" / "array.sbatch"
    text = script.read_text("utf-8")
    assert "#SBATCH --array=0-2%2\n" in text and "#SBATCH --job-name=example\n" in text
    for seed in (1, 2, 3):
        assert f"\n  example-seed-{seed}\n" in text
        assert (tmp_path / "out" / f"example-seed-{seed}" / "experiment.py").is_file()
    assert text.count("${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID") == 2
    subprocess.run(["bash", "-n", str(script)], check=True)


@pytest.mark.parametrize("folder", ["runs/../x", "a b", "$(id)", "/etc", "a;b", "", "a//b"])
def test_no_folder_becomes_code_of_an_array(tmp_path: Path, folder: str) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(complete("hardware: {profile: cpu, launcher: slurm}\n"), encoding="utf-8")
    made, _ = plan(str(path))
    assert made is not None
    (found,) = array_scripts("x", [made], ["runs/x/20260101T000000.000Z-0a0a"], prepared=True)
    assert found.trials == (0,)
    with pytest.raises(ValueError, match="no place in a script"):
        array_scripts("x", [made], [folder], prepared=True)

"""Tasks of lm-eval on a model of ours: its own figures, and files that hold no code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from nivel.compiler.harness import KEYS as CHECKED
from nivel.runtime.errors import DataError, RunError
from nivel.runtime.harness import KEYS, ask_lm_eval, find_lm_eval, refuse_task
from nivel.runtime.records import Run
from nivel.runtime.records.table import lm_eval_note

from .tiny import tiny

TASK = """\
task: nivel_colours
dataset_path: json
dataset_kwargs: {data_files: {test: colours.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{ text }} is"
doc_to_choice: [red, green]
doc_to_target: "{{ label }}"
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
"""
SOUND: dict[str, Any] = {
    "task": "own",
    "dataset_path": "json",
    "dataset_kwargs": {"data_files": {"test": "rows.jsonl"}},
    "metric_list": [{"metric": "acc"}],
}
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"task": None}, "is no task of lm-eval"),
    ({"process_docs": "utils.read"}, "`process_docs` is not read"),
    ({"unsafe_code": True}, "`unsafe_code` is not read"),
    ({"include": "/etc/passwd"}, "`include` is not read"),
    ({"dataset_path": "org/name"}, "rows are to be of a file"),
    ({"dataset_kwargs": {"data_files": "x.jsonl", "trust_remote_code": True}}, "rows are to be"),
    ({"metric_list": [{"metric": "org/metric"}]}, "no measure 'org/metric'"),
    ({"metric_list": [{"metric": "acc", "hf_evaluate": True}]}, "no measure 'acc', or not so"),
    ({"generation_kwargs": {"custom_generate": "org/code"}}, "`generation_kwargs` says what"),
]


@pytest.mark.parametrize(("said", "message"), WRONG, ids=[message for _, message in WRONG])
def test_a_task_file_holds_no_code_and_fetches_nothing(said: dict[str, Any], message: str) -> None:
    refuse_task("x.yaml", SOUND)
    with pytest.raises(DataError, match=message):
        refuse_task("x.yaml", SOUND | said)


def test_checking_and_running_take_the_same_keys() -> None:
    assert set(CHECKED) == KEYS


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pytest.importorskip("lm_eval", reason="the extra lm-eval is not installed")
    monkeypatch.chdir(tmp_path)
    rows = [{"text": f"the {word} start", "label": k % 2} for k, word in enumerate("abcdef")]
    (tmp_path / "colours.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "colours.yaml").write_text(TASK)
    return tmp_path


def test_a_task_of_the_project_gives_the_accuracy_of_a_plain_loop(project: Path) -> None:
    model, tokenizer = tiny()
    tasks = find_lm_eval(["colours.yaml"])
    with Run.open("x", level="finetune") as run:
        ask_lm_eval(run, model, tokenizer, tasks, device="cpu", seed=1)
        found = json.loads((run.folder / "lm_eval.json").read_text())["nivel_colours"]
    right = []
    for line in (project / "colours.jsonl").read_text().splitlines():
        row = json.loads(line)
        scores = [_score(model, tokenizer, f"{row['text']} is", f" {one}") for one in
                  ("red", "green")]  # fmt: skip
        right.append(float(scores.index(max(scores)) == row["label"]))
    said = found["metrics"]["acc"]
    assert said["value"] == pytest.approx(sum(right) / 6) and found["rows"] == 6
    spread = (torch.tensor(right).var() / 6) ** 0.5
    assert said["stderr"] == pytest.approx(float(spread), abs=1e-6)

    class Shown:
        title, result = "x", {"lm_eval": {"nivel_colours": found}}

    note = lm_eval_note(Shown())  # type: ignore[arg-type]
    assert note is not None and note.startswith("x, by lm-eval: nivel_colours acc 0.")


def _score(model: Any, tokenizer: Any, text: str, choice: str) -> float:
    before, whole = (tokenizer(one)["input_ids"] for one in (text, text + choice))
    with torch.no_grad():
        logits = model(torch.tensor([whole])).logits[0].log_softmax(-1)
    return float(sum(logits[at - 1, whole[at]] for at in range(len(before), len(whole))))


def test_a_template_of_a_task_file_is_rendered_in_the_sandbox(project: Path) -> None:
    text = TASK.replace("{{ text }} is", "{{ ''.__class__.__mro__[1].__subclasses__() }}")
    (project / "colours.yaml").write_text(text)
    model, tokenizer = tiny()
    tasks = find_lm_eval(["colours.yaml"])
    with Run.open("x", level="finetune") as run, pytest.raises(Exception, match="unsafe"):
        ask_lm_eval(run, model, tokenizer, tasks, device="cpu", seed=1)


def test_what_cannot_be_run_is_refused_before_training(project: Path) -> None:
    (project / "colours.yaml").write_text("task: !function utils.read\n")
    with pytest.raises(DataError, match="cannot be read as a task"):
        find_lm_eval(["colours.yaml"])
    (project / "colours.yaml").write_text(TASK.replace("colours.jsonl", "../colours.jsonl"))
    with pytest.raises(DataError):
        find_lm_eval(["colours.yaml"])
    with pytest.raises(DataError):
        find_lm_eval(["../colours.yaml"])


@pytest.mark.slow
def test_names_are_those_that_lm_eval_knows(project: Path) -> None:
    with pytest.raises(RunError, match="knows no task 'no_such_task'"):
        find_lm_eval(["arc_easy", "no_such_task"])
    assert find_lm_eval(["arc_easy"]) == ["arc_easy"]

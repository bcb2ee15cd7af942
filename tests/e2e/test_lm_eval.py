"""Tasks of lm-eval, run on what a spec trained."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import newest_run
from .test_ladder import PRETRAIN, write

Nivel = Callable[..., subprocess.CompletedProcess[str]]
pytestmark = pytest.mark.slow

TASK = """\
task: kinds
dataset_path: json
dataset_kwargs: {data_files: {test: test.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{ text }} is"
doc_to_choice: [fruit, metal]
doc_to_target: label
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
"""
SPEC = """\
nivel: 2
name: {name}
level: finetune
model: {{path: "run:own"}}
data: {{train: {{path: train.jsonl}}, test: {{path: test.jsonl}}}}
task: {{type: classify, labels: [fruit, metal], input: "{{{{ text }}}} is"}}
method: {method}
train: {{epochs: 20, batch: 8, learning_rate: 1e-2}}
evaluate: {{lm_eval: [tasks/kinds.yaml]}}
hardware: {{profile: cpu, threads: 1}}
"""


def test_both_levels_that_train_are_measured_as_we_measure(project: Path, nivel: Nivel) -> None:
    pytest.importorskip("lm_eval", reason="the extra lm-eval is not installed")
    (project / "tasks").mkdir()
    (project / "tasks" / "kinds.yaml").write_text(TASK)
    own = PRETRAIN.format(name="own", devices=1)
    write(project, "own.yaml", own + "evaluate: {lm_eval: [tasks/kinds.yaml]}\n")
    names = [write(project, f"{name}.yaml", SPEC.format(name=name, method=method))
             for name, method in (("lora", "{type: lora}"), ("full", "{type: full}"))]  # fmt: skip
    nivel("run", "own.yaml", *names)
    for name in ("own", "lora", "full"):
        folder = newest_run(project, name)
        found = json.loads((folder / "lm_eval.json").read_text())["kinds"]
        assert found["rows"] == 16 and 0 <= found["metrics"]["acc"]["value"] <= 1
        if name != "own":  # the labels are the same words after the same text
            said = json.loads((folder / "result.json").read_text())["metrics"]["accuracy"]
            assert found["metrics"]["acc"]["value"] == pytest.approx(said["value"])
    table = nivel("compare", "lora", "full").stdout
    assert "by lm-eval: kinds acc" in " ".join(table.split()) and "±" in table

"""Level prompt as a user runs it: every task with a local model, and an endpoint that is paid."""

from __future__ import annotations

import json
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .conftest import newest_run, result

Nivel = Callable[..., subprocess.CompletedProcess[str]]

HEAD = """\
nivel: 2
level: prompt
hardware: {profile: cpu, threads: 1}
"""
MODEL = "model: {path: ./tiny}\n"
DATA = "data: {train: {path: train.jsonl}, test: {path: test.jsonl, limit: 6}}\n"
SPECS = {
    "scored": """\
task:
  type: classify
  labels: [fruit, metal]
  input: "{{ text }} is a"
  scoring: pmi
  null_input: "This is a"
prompt: {few_shot: {count: 2, choose: nearest}}
evaluate: {metrics: [accuracy, ece, brier], gates: [{metric: accuracy, at_least: 0}]}
""",
    "written": """\
task: {type: classify, labels: [fruit, metal], input: "{{ text }} is a", scoring: generated}
generation: {max_tokens: 3}
""",
    "texts": """\
task: {type: generate, input: "{{ text }} and"}
prompt: {variants: {plain: {}, shown: {few_shot: 1}}, repeats: 2}
generation: {temperature: 0.7, max_tokens: 4}
evaluate: {metrics: [token_f1, rouge_l, {type: regex, pattern: "a(.)"}]}
""",
    "json": """\
task:
  type: extract
  input: "{{ text }}"
  schema: {type: object, properties: {kind: {enum: [fruit, metal]}}, required: [kind]}
evaluate: {metrics: [valid_json]}
""",
    "predicted": """\
task: {type: language-model}
evaluate: {next_word: {text: the, top: 3}}
""",
}


def test_every_task_runs_with_a_local_model(tiny: Path, nivel: Nivel) -> None:
    for name, text in SPECS.items():
        (tiny / f"{name}.yaml").write_text(f"{HEAD}name: {name}\n{MODEL}{DATA}{text}")
    nivel("run", *(f"{name}.yaml" for name in SPECS))
    found = {name: result(newest_run(tiny, name)) for name in SPECS}
    assert set(found["scored"]["metrics"]) == {"accuracy", "ece", "brier"}
    assert found["scored"]["gates"][0]["passed"]
    assert found["written"]["metrics"]["accuracy"]["n"] == 6
    plain, shown = found["texts"]["cells"]
    assert (plain["variant"], shown["variant"]) == ("plain", "shown")
    assert plain["rouge_l"]["answers"] == 12 and shown["difference"]["rows"] == 6
    assert found["json"]["metrics"]["valid_json"]["value"] == 1.0
    assert found["predicted"]["metrics"]["perplexity"]["value"] > 1
    assert len(found["predicted"]["next_word"]) == 3
    lines = (newest_run(tiny, "texts") / "predictions.jsonl").read_text().splitlines()
    assert len(lines) == 24 and {"answer", "scores", "cell"} <= json.loads(lines[0]).keys()


def test_lines_from_a_pipe_are_answered(tiny: Path, nivel: Nivel) -> None:
    (tiny / "talk.yaml").write_text(f"{HEAD}name: talk\n{MODEL}task: {{type: chat}}\n")
    done = nivel("chat", "talk.yaml", "--max-tokens", "3", "--temperature", "0", code=0)
    assert "no chat template" in done.stdout + done.stderr
    nivel("chat", "talk.yaml", "--model", "other", code=2)


def test_an_answer_is_paid_once_whatever_is_asked_of_it_later(
    project: Path, nivel: Nivel, server: Any
) -> None:
    endpoint = f"{{base_url: {server.url}, name: m, price: {{input: 1, output: 2, source: here, "
    model = f"model: {{endpoint: {endpoint}date: '2026-01-01'}}}}}}\n"
    task = 'task: {type: generate, input: "{{ text }}", format: chat}\n'
    (project / "paid.yaml").write_text(
        f"{HEAD}name: paid\n{model}{DATA}{task}budget: {{calls: 4}}\n"
        "evaluate: {metrics: [exact], gates: [{metric: exact, at_least: 0.5}]}\n"
    )
    stopped = nivel("run", "paid.yaml", code=3)
    assert "budget" in stopped.stdout + stopped.stderr
    assert sum(server.paid.values()) == 4
    assert not (newest_run(project, "paid") / "result.json").exists()

    failed = nivel("run", "paid.yaml", "--resume", "latest", "--set", "budget.calls=9", code=4)
    assert sum(server.paid.values()) == 6
    assert "gate did not hold" in failed.stderr
    suite = ElementTree.parse(newest_run(project, "paid") / "gates.xml").getroot()
    assert suite.get("failures") == "1"

    again = ["--set", "evaluate={metrics: [token_f1, contains]}", "--set", "budget.calls=9"]
    nivel("run", "paid.yaml", "--reuse", "latest", *again)
    assert sum(server.paid.values()) == 6
    cells = result(newest_run(project, "paid"))["cells"]
    assert {"token_f1", "contains"} <= cells[0].keys() and cells[0]["usd"] > 0

    nivel("run", "paid.yaml", "--resume", "latest", code=2)
    nivel("run", "paid.yaml", "--resume", "nothing", code=2)


def test_an_endpoint_is_asked_what_it_does_with_each_parameter(
    project: Path, nivel: Nivel, server: Any
) -> None:
    endpoint = f"{{base_url: {server.url}, name: m, type: vllm}}"
    (project / "p.yaml").write_text(
        f"{HEAD}name: p\nmodel: {{endpoint: {endpoint}}}\ntask: {{type: chat}}\n"
    )
    found = nivel("probe", "p.yaml", "-o", "found.json", code=1).stdout
    assert "! response_format      ignored    supported" in found
    record = json.loads((project / "found.json").read_text())
    assert record["findings"]["max_tokens"]["verdict"] == "supported"

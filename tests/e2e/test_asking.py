"""Level prompt as a user runs it: every task with a local model, and an endpoint that is paid."""

from __future__ import annotations

import json
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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
  schema:
    type: object
    properties: {kind: {enum: [fruit, metal]}}
    required: [kind]
    additionalProperties: false
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


CHAT = (
    "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
MESSAGES = """\
  messages:
    - {role: system, content: {file: texts/system.txt}}
    - {role: user, content: {file: texts/question.j2}}
"""


@pytest.fixture
def chatting(tiny: Path) -> Path:
    """The tiny model with a chat template, and the texts of a question in files."""
    config = json.loads((tiny / "tiny/tokenizer_config.json").read_text())
    (tiny / "tiny/tokenizer_config.json").write_text(json.dumps({**config, "chat_template": CHAT}))
    (tiny / "texts").mkdir()
    (tiny / "texts/system.txt").write_text("Name the kind.\n")
    (tiny / "texts/question.j2").write_text("{% if text %}What is\n{{ text }}?{% endif %}\n")
    return tiny


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_messages_from_files_are_what_the_model_is_asked(chatting: Path, nivel: Nivel) -> None:
    (chatting / "talked.yaml").write_text(
        f"{HEAD}name: talked\n{MODEL}{DATA}task:\n  type: generate\n{MESSAGES}"
        "prompt:\n  few_shot: 1\n  variants:\n    filed: {}\n"
        "    own: {few_shot: 0, messages: [{role: user, content: 'And {{ text }}?'}]}\n"
        "    other: {few_shot: 0, input: {file: texts/question.j2}, "
        "system: {file: texts/system.txt}}\n"
        "generation: {max_tokens: 2}\n"
    )
    nivel("run", "talked.yaml")
    run = newest_run(chatting, "talked")
    asked = {cell["variant"]: cell for cell in lines_of(run / "cells.jsonl")}
    rows = {row["id"]: row["text"] for row in rows_of(chatting)}
    for name, cell in asked.items():
        text = rows[cell["row"]]
        question = {"role": "user", "content": f"What is\n{text}?"}
        system = {"role": "system", "content": "Name the kind."}
        if name == "filed":
            (shown,) = cell["examples"]
            example = {"role": "user", "content": f"What is\n{rows[shown]}?"}
            answer = cell["messages"][2]
            assert cell["messages"] == [system, example, answer, question]
            assert answer["role"] == "assistant" and answer["content"] in ("fruit", "metal")
        elif name == "own":
            assert cell["messages"] == [{"role": "user", "content": f"And {text}?"}]
        else:
            assert cell["messages"] == [system, question]
    assert set(asked) == {"filed", "own", "other"}
    assert {line["cell"] for line in lines_of(run / "predictions.jsonl")}


def rows_of(project: Path) -> list[dict[str, str]]:
    found = []
    for name in ("train", "test"):
        lines = (project / f"{name}.jsonl").read_text().splitlines()
        found += [
            {"id": f"{name}.jsonl:{number}", **json.loads(line)}
            for number, line in enumerate(lines, 1)
        ]
    return found


def test_labels_are_scored_and_trained_on_as_answers_to_messages(
    chatting: Path, nivel: Nivel, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = f"task:\n  type: classify\n  labels: [fruit, metal]\n{MESSAGES}{DATA}"
    (chatting / "shared.yaml").write_text(shared)
    (chatting / "scored.yaml").write_text(
        f"{HEAD}name: scored\nextends: shared.yaml\n{MODEL}"
        "prompt: {few_shot: {count: 2, choose: nearest}}\n"
    )
    (chatting / "tuned.yaml").write_text(
        "nivel: 2\nlevel: finetune\nname: tuned\nextends: shared.yaml\n"
        f"hardware: {{profile: cpu, threads: 1}}\n{MODEL}method: {{type: full}}\n"
        "train: {epochs: 2, batch: 8, learning_rate: 1e-3}\n"
    )
    nivel("run", "scored.yaml", "tuned.yaml")
    for name in ("scored", "tuned"):
        assert result(newest_run(chatting, name))["metrics"]["accuracy"]["n"] == 6
    lines = lines_of(newest_run(chatting, "scored") / "predictions.jsonl")
    assert all(len(line["examples"]) == 2 for line in lines)
    monkeypatch.chdir(chatting)
    assert_scores_are_those_of(chatting, lines)


def assert_scores_are_those_of(project: Path, lines: list[dict[str, Any]]) -> None:
    """Score each label by its own forward pass over the messages, written out by hand."""
    import torch

    from nivel.runtime.models import load_model, load_tokenizer

    tokenizer = load_tokenizer("./tiny", None)
    model = load_model("./tiny", None, dtype="fp32").eval()
    rows = {row["id"]: row for row in rows_of(project)}
    for line in lines:
        text = "system: Name the kind.\n"
        for name in line["examples"]:
            text += f"user: What is\n{rows[name]['text']}?\nassistant: {rows[name]['label']}\n"
        text += f"user: What is\n{rows[line['id']]['text']}?\nassistant: "
        start = tokenizer(text, add_special_tokens=False)["input_ids"]
        for label, score in line["scores"].items():
            end = tokenizer(label, add_special_tokens=False)["input_ids"]
            with torch.no_grad():
                logits = model(torch.tensor([start + end])).logits[0, len(start) - 1 : -1]
            each = logits.log_softmax(-1)[range(len(end)), end]
            assert abs(float(each.sum()) - score) < 1e-4


def test_an_example_that_is_tested_stops_the_run_before_anything_is_asked(
    tiny: Path, nivel: Nivel
) -> None:
    rows = (tiny / "test.jsonl").read_text().splitlines()
    (tiny / "mixed.jsonl").write_text("\n".join([*(tiny / "train.jsonl").read_text().splitlines(),
                                                  rows[0]]) + "\n")  # fmt: skip
    data = DATA.replace("train.jsonl", "mixed.jsonl")
    number = len((tiny / "mixed.jsonl").read_text().splitlines())
    (tiny / "leak.yaml").write_text(
        f"{HEAD}name: leak\n{MODEL}{data.replace(', limit: 6', '')}"
        'task: {type: generate, input: "{{ text }} and"}\n'
        f'prompt: {{few_shot: {{count: 1, choose: fixed, ids: ["mixed.jsonl:{number}"]}}}}\n'
    )
    stopped = nivel("run", "leak.yaml", code=3)
    assert "is also tested" in stopped.stdout + stopped.stderr
    run = newest_run(tiny, "leak")
    assert not (run / "predictions.jsonl").exists() and not (run / "result.json").exists()


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
    assert "! json_schema          ignored    supported" in found
    record = json.loads((project / "found.json").read_text())
    assert record["findings"]["max_tokens"]["verdict"] == "supported"

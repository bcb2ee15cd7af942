"""Scores as a user runs them: a judge that is paid once, functions, encoders, baselines, gates."""

from __future__ import annotations

import json
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import newest_run, result
from .test_asking import DATA, HEAD, MODEL

Nivel = Callable[..., subprocess.CompletedProcess[str]]

PRICE = "price: {input: 1, output: 2, source: here, date: '2026-01-01'}"


def at(server: Any) -> str:
    return f"{{endpoint: {{base_url: {server.url}, name: m, {PRICE}}}}}"


def judged(server: Any, name: str, more: str = "") -> str:
    """A spec whose answers and whose judge are the same server's."""
    return f"""\
{HEAD}name: {name}
model: {at(server)}
{DATA}task: {{type: generate, input: "{{{{ text }}}}", format: chat}}
evaluate:
  metrics: [exact, judged]
  judge:
    model: {at(server)}
    input: "grade {{{{ answer }}}} beside {{{{ label }}}}"
    format: chat
    choices: {{good: 1, fair: 0.5, bad: 0}}
{more}"""


def test_a_judge_is_paid_once_and_its_cost_stands_apart(
    project: Path,
    nivel: Nivel,
    server: Any,
) -> None:
    server.plan = lambda prompt, asked: (
        "good:Thinking.\nVerdict: fair" if prompt.startswith("grade ") else "good"
    )
    (project / "j.yaml").write_text(judged(server, "j", "budget: {calls: 9}\n"))
    stopped = nivel("run", "j.yaml", code=3)
    assert "after 3 of 6 verdicts" in stopped.stdout + stopped.stderr
    assert sum(server.paid.values()) == 9
    assert not (newest_run(project, "j") / "result.json").exists()

    done = nivel("run", "j.yaml", "--resume", "latest", "--set", "budget.calls=20")
    assert sum(server.paid.values()) == 12, "no answer and no verdict is paid for twice"
    assert "judge: 6 verdicts, 6 calls, 60 tokens read, 12 written, $0.0001" in done.stdout
    found = result(newest_run(project, "j"))
    assert found["metrics"]["judged"]["value"] == 0.5
    assert found["judge"]["served"] == ["tiny-0042"] and found["judge"]["unmatched"] == 0
    assert found["judge"]["identity"]["model"]["model"] == "m"
    assert found["judge"]["account"]["usd"] == pytest.approx(6 * 14e-6)
    assert found["cells"][0]["usd"] == found["cells"][0]["judge_usd"] == pytest.approx(6 * 14e-6)
    lines = (newest_run(project, "j") / "predictions.jsonl").read_text().splitlines()
    assert {json.loads(line)["verdict"] for line in lines} == {"fair"}

    nivel("run", "j.yaml", "--reuse", "latest")
    assert sum(server.paid.values()) == 12


def test_a_verdict_that_is_no_choice_is_counted_and_never_guessed(
    project: Path,
    nivel: Nivel,
    server: Any,
) -> None:
    rows = [{"text": f"row {n}", "label": "x"} for n in range(6)]
    (project / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    server.plan = lambda prompt, asked: (
        "good"
        if not prompt.startswith("grade ")
        else "good:good or bad"
        if "0 wor" in prompt
        else "good:Good."
    )
    (project / "u.yaml").write_text(judged(server, "u"))
    done = nivel("run", "u.yaml")
    assert "1 of 6 scores unknown" in done.stdout and "1 of no choice" in done.stdout
    measured = result(newest_run(project, "u"))["metrics"]["judged"]
    assert measured["value"] == 1.0 and measured["unknown"] == 1
    assert measured["low"] < 0.6 and measured["high"] == 1.0

    server.plan = lambda prompt, asked: "good"  # the question backwards, which is no verdict
    (project / "never.yaml").write_text(judged(server, "never"))
    failed = nivel("run", "never.yaml", code=3)
    assert "none of 6 verdicts on m/default is a choice" in failed.stderr
    assert "Traceback" not in failed.stderr


JUDGE = """\
  judge:
    model: {path: ./tiny}
    input: "{{ text }}: {{ answer }} is"
    choices: {good: 1, bad: 0}
"""


def test_local_judges_choose_or_write_and_columns_are_compared(
    tiny: Path,
    nivel: Nivel,
) -> None:
    task = 'task: {type: generate, input: "{{ text }} and"}\n'
    ways = "prompt: {variants: {plain: {}, shown: {few_shot: 1}}, repeats: 2}\n"
    drawn = "generation: {temperature: 0.7, max_tokens: 4}\n"
    evaluate = """\
evaluate:
  metrics: [exact, judged]
  compare: judged
  baseline: {variant: shown}
  gates: [{metric: judged, of: difference, bound: low, at_least: -1}]
"""
    (tiny / "l.yaml").write_text(
        f"{HEAD}name: l\n{MODEL}{DATA}{task}{ways}{drawn}{evaluate}{JUDGE}"
    )
    done = nivel("run", "l.yaml")
    assert "judge: 24 verdicts" in done.stdout
    found = result(newest_run(tiny, "l"))
    plain, shown = found["cells"]
    assert shown["difference"] is None and plain["difference"]["metric"] == "judged"
    assert plain["difference"]["against"] == "./tiny/shown"
    assert set(plain["judged"]["attempts"]) == {"2"}
    assert [gate["passed"] for gate in found["gates"]] == [True]
    assert len(found["judge"]["identity"]["model"]["weights"]) == 64

    writes = ["--set", "evaluate.judge.scoring=generated", "--set", "prompt.repeats=1"]
    failed = nivel("run", "l.yaml", *writes, code=3)  # a random model writes no verdict
    assert "verdicts on ./tiny/plain is a choice" in failed.stderr


def test_a_run_is_compared_with_an_earlier_one_row_by_row(
    tiny: Path,
    nivel: Nivel,
) -> None:
    task = "task: {type: classify, labels: [fruit, metal], input: '{{ text }} is a', scoring: %s}\n"
    gate = "gates: [{metric: accuracy, of: difference, at_least: %s}]"
    (tiny / "before.yaml").write_text(f"{HEAD}name: before\n{MODEL}{DATA}{task % 'sum'}")
    later = f"{HEAD}name: after\n{MODEL}{DATA}{task % 'per-token'}"
    (tiny / "after.yaml").write_text(
        f"{later}evaluate: {{metrics: [accuracy], baseline: 'run:before', {gate % '-1'}}}\n"
    )
    missing = nivel("run", "after.yaml", code=3)
    assert "no completed run" in missing.stderr and "Traceback" not in missing.stderr
    nivel("run", "before.yaml")
    done = nivel("run", "after.yaml")
    assert "against run:before" in done.stdout and "right \\ given" in done.stdout
    found = result(newest_run(tiny, "after"))
    assert found["difference"]["rows"] == 6 and found["difference"]["test"] == "exact McNemar"
    assert sum(map(sum, found["confusion"]["counts"])) == 6
    written = json.loads((newest_run(tiny, "after") / "origins.json").read_text("utf-8"))
    assert {"key": "name", "value": "after", "origin": "after.yaml:4"} in written
    assert {"key": "seed", "value": 0, "origin": "default"} in written
    expected = json.loads((newest_run(tiny, "after") / "expected.json").read_text("utf-8"))
    assert expected["models"][0]["total"] == found["parameters"]["total"]
    assert 0 < found["seconds"]["row_median"] <= found["seconds"]["row_p95"]

    high = "evaluate.gates=[{metric: accuracy, of: difference, at_least: 1.5}]"
    nivel("run", "after.yaml", "--set", high, code=4)
    suite = ElementTree.parse(newest_run(tiny, "after") / "gates.xml").getroot()
    assert suite.get("failures") == "1"

    other = nivel("run", "after.yaml", "--set", "data.test.limit=4", code=3)
    assert "was tested on other rows" in other.stderr and "Traceback" not in other.stderr

    written = (
        f"{HEAD}name: written\n{MODEL}{DATA}{task % 'generated'}generation: {{max_tokens: 3}}\n"
    )
    (tiny / "written.yaml").write_text(f"{written}evaluate: {{baseline: 'run:before'}}\n")
    nivel("run", "written.yaml")
    cell = result(newest_run(tiny, "written"))["cells"][0]
    assert cell["difference"]["rows"] == 6 and cell["confusion"]["given"][-1] is None
    nivel("compare", "runs/before", "runs/written", "--html", "page.html")
    page = (tiny / "page.html").read_text("utf-8")
    assert page.count("rows: right, columns: answered") == 2 and "no label" in page


MEASURES = """\
def short(answer, row):
    assert set(row) == {"id", "label", "fields"} and "text" in row["fields"]
    return len(answer) < 9


def broken(answer, row):
    return 1 / 0


def beyond(answer, row):
    return 7
"""


def test_a_python_measure_comes_from_the_command_line_alone(
    project: Path,
    nivel: Nivel,
    server: Any,
) -> None:
    (project / "measures.py").write_text(MEASURES)
    task = 'task: {type: generate, input: "{{ text }}", format: chat}\n'
    (project / "h.yaml").write_text(f"{HEAD}name: h\nmodel: {at(server)}\n{DATA}{task}")
    for said in ("x=measures.py:none", "x=../m.py:f", "X=measures.py:short", "x=nothing.py:f"):
        assert "--metric" in nivel("run", "h.yaml", "--metric", said, code=2).stderr
    assert not server.paid and not (project / "runs").exists()

    for name, why in (("broken", "ZeroDivisionError"), ("beyond", "not from 0 to 1")):
        failed = nivel("run", "h.yaml", "--metric", f"{name}=measures.py:{name}", code=3)
        assert f"metric '{name}' failed on 6 of 6 answers" in failed.stderr
        assert why in failed.stderr and "row test.jsonl:" in failed.stderr
        assert "Traceback" not in failed.stderr
        assert not (newest_run(project, "h") / "result.json").exists()
    paid = sum(server.paid.values())
    nivel("run", "h.yaml", "--resume", "latest", "--metric", "short=measures.py:short")
    assert sum(server.paid.values()) == paid
    run = newest_run(project, "h")
    found = result(run)
    assert found["metrics"]["short"]["value"] == 0.0
    assert len(found["scorers"]["short"]["sha256"]) == 64
    assert "measures" not in (run / "experiment.py").read_text()


@pytest.fixture
def encoder(tiny: Path) -> Path:
    """A random sentence encoder, as sentence-transformers lays its files out."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertModel

    tokenizer = AutoTokenizer.from_pretrained(tiny / "tiny")
    torch.manual_seed(1)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = BertModel(BertConfig(vocab_size=len(tokenizer), intermediate_size=16, **sizes))
    folder = tiny / "encoder"
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    kinds = [{"type": f"sentence_transformers.models.{kind}", "path": path}
             for kind, path in (("Transformer", ""), ("Pooling", "1_Pooling"))]  # fmt: skip
    (folder / "modules.json").write_text(json.dumps(kinds))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    return tiny


def test_nearness_is_measured_by_the_encoder_that_the_spec_names(
    encoder: Path, nivel: Nivel
) -> None:
    task = 'task: {type: generate, input: "{{ text }} and"}\ngeneration: {max_tokens: 4}\n'
    metric = "evaluate: {metrics: [{type: embedding, model: {path: ./encoder}}]}\n"
    (encoder / "e.yaml").write_text(f"{HEAD}name: e\n{MODEL}{DATA}{task}{metric}")
    nivel("run", "e.yaml")
    found = result(newest_run(encoder, "e"))
    assert 0 <= found["metrics"]["embedding"]["value"] <= 1
    assert found["scorers"]["embedding"]["pooling"] == "cls"
    (encoder / "encoder" / "1_Pooling" / "config.json").write_text(
        '{"pooling_mode_weightedmean_tokens": true}'
    )
    refused = nivel("run", "e.yaml", "--reuse", "latest", code=3)
    assert "pools by pooling_mode_weightedmean_tokens" in refused.stderr

"""Models that embed, as a user trains them: what they find, what is saved, and what reads it."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import AutoModel, BertConfig, BertModel, PreTrainedTokenizerFast

from .conftest import WORDS, newest_run, result, sentence
from .test_ladder import write
from .test_resume import hold

Nivel = Callable[..., subprocess.CompletedProcess[str]]

SPEC = """\
nivel: 2
name: {name}
level: finetune
seed: 3
model: {{path: ./{model}}}
data: {{train: {{path: near.jsonl}}, validation: {{path: watched.jsonl}},
  test: {{path: near-test.jsonl}}{columns}}}
task: {{type: embed, pooling: {pooling}, query_prefix: "which: "}}
objective: {{type: contrastive, temperature: 0.1, symmetric: true}}
method: {method}
train: {{epochs: {epochs}, batch: 8, learning_rate: 1e-2, max_length: 128}}
evaluate: {{gates: [{{metric: mrr, at_least: {gate}}}]}}
hardware: {{accelerator: cpu, devices: {devices}, threads: 1, micro_batch: {micro}}}
"""

ASK = """\
nivel: 2
name: asked
level: prompt
model: {path: ./tiny}
data: {test: {path: near-test.jsonl}, columns: {text: anchor, label: positive}}
task: {type: generate, input: "{{ text }}"}
generation: {max_tokens: 4}
evaluate: {metrics: [{type: embedding, model: {path: "run:vectors"}}]}
hardware: {accelerator: cpu, threads: 1}
"""


def spec(folder: Path, name: str, **said: str) -> str:
    known = {"model": "tiny", "pooling": "mean", "method": "{type: lora, rank: 4}", "epochs": "6"}
    known |= {"gate": "0", "devices": "1", "micro": "2", "columns": ""} | said
    return write(folder, f"{name}.yaml", SPEC.format(name=name, **known))


@pytest.fixture
def near(tiny: Path) -> Path:
    """The project with pairs: a sentence about a thing, and another about the same thing."""
    draw = random.Random(7)
    things = [word for words in WORDS.values() for word in words]
    for name, count in (("near", 24), ("watched", 12), ("near-test", 14)):
        rows = []
        for place in range(count):
            thing = things[place % len(things)]
            kind = next(label for label, words in WORDS.items() if thing in words)
            anchor = f"{thing} near {sentence(kind, draw)} {place}"
            rows.append({"anchor": anchor, "positive": f"about the {thing}",
                         "wrong": f"about the {draw.choice(things)} again"})  # fmt: skip
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (tiny / f"{name}.jsonl").write_text(text)
    return tiny


def test_a_model_learns_to_find_and_is_read_by_others(near: Path, nivel: Nivel) -> None:
    columns = ", columns: {anchor: anchor, positive: positive, negative: wrong}"
    first = spec(near, "vectors", columns=columns, epochs="20", gate="0.3")
    nivel("run", first, write(near, "ask.yaml", ASK))
    folder = newest_run(near, "vectors")
    found, curve = result(folder), losses_of(folder)
    assert sum(curve[-3:]) < 0.7 * sum(curve[:3])
    assert found["metrics"]["mrr"]["value"] > found["before"]["mrr"]["value"] + 0.1
    assert list(found["metrics"]) == ["recall_at_1", "recall_at_5", "recall_at_10", "mrr",
                                      "ndcg_at_10"]  # fmt: skip
    assert found["validation"]["rows"] == 12 and found["gates"]
    (line, *_) = (folder / "predictions.jsonl").read_text().splitlines()
    assert {"rank", "cosine", "scores", "prediction"} <= json.loads(line).keys()
    plain = AutoModel.from_pretrained(folder / "model")
    assert type(plain).__name__ == "LlamaModel" and (folder / "adapter").is_dir()
    asked = result(newest_run(near, "asked"))
    assert "embedding" in json.dumps(asked)
    card = (folder / "model" / "README.md").read_text()
    assert "sentence-similarity" in card and "AutoModel.from_pretrained" in card
    refused = near / "again.yaml"
    refused.write_text(ASK.replace("./tiny", "run:vectors").replace("asked", "again"))
    assert "gives vectors" in nivel("run", "again.yaml", code=3).stderr
    table = nivel("compare", "vectors").stdout
    assert "recall at 1" in table


def losses_of(folder: Path) -> list[float]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["{type: full}", "{type: lora, rank: 4, dropout: 0.2}"])
def test_a_killed_run_ends_with_the_same_bits(near: Path, nivel: Nivel, method: str) -> None:
    hold(near, nivel, spec(near, "vectors", method=method, epochs="20"), "vectors", kills=2)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["tiny", "bert"])
def test_processes_and_chunks_leave_the_curve_as_it_is(
    near: Path, nivel: Nivel, model: str
) -> None:
    save_bert(near)
    curves = []
    for name, devices, micro in (("one", "1", "8"), ("few", "1", "1"), ("two", "2", "2")):
        more = {"devices": devices, "micro": micro, "model": model, "pooling": "cls"}
        nivel("run", spec(near, name, **more, method="{type: lora, rank: 4}"))
        curves.append(losses_of(newest_run(near, name)))
    assert len(curves[0]) == 18
    assert curves[1] == pytest.approx(curves[0], rel=2e-4)
    assert curves[2] == pytest.approx(curves[0], rel=2e-4)
    saved = newest_run(near, "two") / "model"
    loaded, missed = AutoModel.from_pretrained(saved, output_loading_info=True)
    assert not missed["missing_keys"] and loaded.config.model_type in ("llama", "bert")


def save_bert(folder: Path) -> None:
    """A small encoder with a pooler and the tokenizer of the tiny model."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder / "tiny")
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=48, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder / "bert")
    tokenizer.save_pretrained(folder / "bert")

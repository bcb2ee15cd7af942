"""Heads as a user trains them: what is learned, saved, compared and gone on with."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import pipeline

from .conftest import losses, newest_run, result
from .test_ladder import PROMPT, write
from .test_resume import hold

Nivel = Callable[..., subprocess.CompletedProcess[str]]

SPEC = """\
nivel: 2
name: {name}
level: finetune
seed: 3
model: {{path: ./{model}}}
data: {{train: {{path: train{rows}.jsonl}}, test: {{path: test{rows}.jsonl}}{more}}}
task: {task}
head: {{type: native}}
method: {method}
train: {{epochs: {epochs}, batch: 8, learning_rate: 1e-2, {train}}}
hardware: {{profile: cpu, threads: 1, micro_batch: {micro}}}
"""
CLASSIFY = '{type: classify, labels: [fruit, metal], input: "{{ text }} is"}'

HELD_OUT = """\
{"text": "the plum and the juice near the peel", "label": "fruit"}
{"text": "the zinc and the rust near the forge", "label": "metal"}
"""


def spec(folder: Path, name: str, method: str, **said: str) -> str:
    known = {"model": "tiny", "rows": "", "more": "", "task": CLASSIFY, "epochs": "10"}
    known |= {"train": "max_length: 64", "micro": "4"} | said
    return write(folder, f"{name}.yaml", SPEC.format(name=name, method=method, **known))


@pytest.fixture
def words(tiny: Path) -> Path:
    """The project with rows of words that are labelled, and of texts with numbers."""
    for name in ("train", "test"):
        lines = (tiny / f"{name}.jsonl").read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        for kind, change in (("-words", _words), ("-numbers", _number)):
            text = "".join(json.dumps(change(row)) + "\n" for row in rows)
            (tiny / f"{name}{kind}.jsonl").write_text(text)
    return tiny


def _words(row: dict[str, str]) -> dict[str, list[str]]:
    words = row["text"].split()
    plain = ("the", "and", "near")
    labels = ["O" if word in plain else f"B-{row['label']}" for word in words]
    return {"text": words, "label": labels}


def _number(row: dict[str, str]) -> dict[str, object]:
    return {"text": row["text"], "label": 1.5 if row["label"] == "metal" else -1}


def test_a_head_alone_learns_is_compared_with_prompting_and_loads_in_a_pipeline(
    tiny: Path, nivel: Nivel
) -> None:
    asked = write(tiny, "ask.yaml", PROMPT.replace("run:own", "./tiny"))
    nivel("run", asked, spec(tiny, "heads", "{type: head}", micro="8"))
    folder = newest_run(tiny, "heads")
    found = result(folder)
    found_losses = losses(folder)
    assert sum(found_losses[-3:]) < sum(found_losses[:3])
    assert found["parameters"]["trained"] == 2 * 32
    assert found["metrics"]["accuracy"]["value"] >= 0.75
    assert found["confusion"]["labels"] == ["fruit", "metal"] and found["majority"]
    table = nivel("compare", "ask", "heads").stdout
    assert "heads against ask" in table and "of 16" in table

    rows = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    classifier = pipeline("text-classification", str(folder / "model"))
    for row in rows:
        (said,) = classifier(f"{row['fields']['text']} is")
        assert said["label"] == row["prediction"]
        assert said["score"] == pytest.approx(row["confidence"], abs=1e-4)


@pytest.mark.slow
def test_heads_are_trained_with_any_part_of_the_model(tiny: Path, nivel: Nivel) -> None:
    methods = {
        "full": "{type: full}",
        "lora": "{type: lora, rank: 4}",
        "frozen": '{type: freeze, patterns: ["*.mlp.*"]}',
        "ia3": "{type: ia3}",
    }
    for micro in ("8", "2"):
        specs = [spec(tiny, f"{n}-{micro}", m, micro=micro) for n, m in methods.items()]
        nivel("run", *specs)
    for name in methods:
        whole, cut = (losses(newest_run(tiny, f"{name}-{micro}")) for micro in ("8", "2"))
        assert cut == pytest.approx(whole, abs=1e-4)
        assert sum(whole[-3:]) < sum(whole[:3]), name  # the last epoch, and the first
    trained = {n: result(newest_run(tiny, f"{n}-8"))["parameters"]["trained"] for n in methods}
    total = result(newest_run(tiny, "full-8"))["parameters"]["total"]
    assert trained["full"] == total
    # the embeddings and the three matrices of the MLP stay
    assert trained["frozen"] == total - 320 * 32 - 3 * 32 * 48


@pytest.mark.slow
def test_numbers_and_labels_of_words_are_learned_and_measured(words: Path, nivel: Nivel) -> None:
    labels = "{type: tag, labels: [O, B-fruit, B-metal]}"
    numbers = '{type: regress, input: "{{ text }}"}'
    nivel(
        "run",
        spec(words, "tags", "{type: full}", rows="-words", task=labels),
        spec(words, "numbers", "{type: head}", rows="-numbers", task=numbers),
    )
    tags, said = (result(newest_run(words, name))["metrics"] for name in ("tags", "numbers"))
    assert tags["token_accuracy"]["value"] > 0.9
    assert tags["token_accuracy"]["low"] <= tags["token_accuracy"]["value"]
    assert tags["entity_f1"]["value"] > 0.8
    assert said["rmse"]["value"] < 1.2 and said["pearson"]["value"] > 0.5
    assert said["rmse"]["value"] >= said["mae"]["value"]


def test_a_pattern_that_matches_nothing_ends_the_run_with_near_names(
    tiny: Path, nivel: Nivel
) -> None:
    method = '{type: freeze, patterns: ["*.layers.0.mpl.*"]}'
    done = nivel("run", spec(tiny, "frozen", method), code=3)
    assert "no parameter matches '*.layers.0.mpl.*'" in done.stderr
    assert "model.layers.0.mlp" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("method", ["{type: head}", "{type: lora, rank: 4, dropout: 0.2}"])
def test_kills_change_no_bit_of_a_head(
    tiny: Path,
    nivel: Nivel,
    method: str,
) -> None:
    (tiny / "validation.jsonl").write_text(HELD_OUT)
    more = ", validation: {path: validation.jsonl}"
    train = "max_length: 64, validate_every: 4, checkpoint_every: 2, use: best"
    text = spec(tiny, "killed", method, more=more, train=train)
    hold(tiny, nivel, text, "killed", kills=3, seed=1)

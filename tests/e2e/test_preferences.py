"""Learning from judged answers as a user runs it."""

from __future__ import annotations

import json
import math
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from nivel.runtime.models import new_model, save_model, train_byte_bpe

from .conftest import WORDS, newest_run, result, sentence
from .test_resume import SIZES, hold

Nivel = Callable[..., subprocess.CompletedProcess[str]]

TEMPLATE = """\
{%- for m in messages %}{{ m.role + ': ' + m.content + '<|im_end|>' }}{% endfor -%}
{%- if add_generation_prompt %}{{ 'assistant: ' }}{% endif -%}
"""
SPEC = """\
nivel: 2
name: {name}
level: finetune
seed: 3
model: {{path: ./base}}
data:
  train: {{path: pairs.jsonl}}
  validation: {{path: watched.jsonl}}
  test: {{path: tested.jsonl}}
task: {{type: prefer}}
objective: {objective}
method: {method}
train: {{epochs: {epochs}, batch: 8, learning_rate: 1e-2, validate_every: 3}}
hardware: {{accelerator: cpu, devices: {devices}, threads: 1, micro_batch: {micro}}}
"""
LORA = "{type: lora, rank: 4, dropout: 0}"


@pytest.fixture
def judged(project: Path) -> Path:
    """A small random model with a chat template, and pairs whose better answer can be told."""
    words = " ".join(sentence(label, random.Random(1)) for label in WORDS) * 9
    tokenizer = train_byte_bpe([words], 290)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_end|>"]})
    tokenizer.chat_template = TEMPLATE
    save_model(new_model("llama", SIZES | {"max_position_embeddings": 256}, tokenizer), tokenizer,
               project / "base")  # fmt: skip
    for seed, (name, count) in enumerate((("pairs", 21), ("watched", 5), ("tested", 10))):
        draw = random.Random(seed)
        rows = [pair(draw, place) for place in range(count)]
        (project / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return project


def pair(draw: random.Random, place: int) -> dict[str, Any]:
    """Pairs of several turns and of different lengths: fruit is better than metal."""
    asked = [{"from": "human", "value": sentence("fruit", draw)}]
    if place % 3 == 0:
        asked = [*asked, {"from": "gpt", "value": "iron"}, {"from": "human", "value": "no?"}]
    good, bad = (
        {"from": "gpt", "value": " ".join(draw.choice(WORDS[label]) for _ in range(1 + place % 3))}
        for label in ("fruit", "metal")
    )
    return {"conversations": asked, "chosen": good, "rejected": bad}


def write(folder: Path, name: str, **said: Any) -> str:
    usual = {"objective": "{type: dpo}", "method": LORA, "epochs": 2, "devices": 1, "micro": 8}
    (folder / f"{name}.yaml").write_text(SPEC.format(name=name, **(usual | said)))
    return f"{name}.yaml"


def logged(folder: Path, key: str) -> list[float]:
    lines = (folder / "metrics.jsonl").read_text("utf-8").splitlines()
    return [found[key] for line in lines if key in (found := json.loads(line))]


def test_pairs_are_learned_and_neither_the_cut_of_a_step_nor_the_reference_changes_that(
    judged: Path, nivel: Nivel
) -> None:
    specs = [
        write(judged, "whole"),
        write(judged, "cut", micro=1),
        write(judged, "kept", method=LORA[:-1] + ", bias: lora_only}"),
    ]
    plans = [nivel("plan", spec).stdout for spec in (specs[0], specs[2])]
    assert "adapter switched off" in plans[0] and "computed once before training" in plans[1]
    nivel("run", *specs)
    folders = [newest_run(judged, name) for name in ("whole", "cut", "kept")]
    whole, cut, kept = folders
    assert not (whole / "training-reference.safetensors").exists()
    assert (kept / "training-reference.safetensors").exists()
    curves = [logged(folder, "loss") for folder in folders]
    assert len(curves[0]) == 6  # 21 pairs twice, 8 at a time: the last step is not full
    assert curves[0][0] == pytest.approx(math.log(2), abs=1e-6)
    assert curves[1] == pytest.approx(curves[0], abs=1e-5)
    assert logged(cut, "validation_loss") == pytest.approx(
        logged(whole, "validation_loss"), abs=1e-5
    )
    assert curves[2][0] == pytest.approx(math.log(2), abs=1e-6)
    for folder in folders:
        found = result(folder)
        assert found["metrics"]["accuracy"]["value"] >= 0.9
        assert found["metrics"]["accuracy"]["n"] == 10 and set(found["before"]) == {
            "ranking_accuracy"
        }
        assert found["metrics"]["margin"]["value"] > 0
        assert found["validation"]["pairs"] == 5
        lines = (folder / "predictions.jsonl").read_text("utf-8").splitlines()
        won = [json.loads(line)["prediction"] == "chosen" for line in lines]
        assert sum(won) / len(won) == found["metrics"]["accuracy"]["value"]
        AutoModelForCausalLM.from_pretrained(folder / "model")


def test_what_is_learned_without_a_reference_is_compared_with_the_model_before(
    judged: Path, nivel: Nivel
) -> None:
    specs = [write(judged, kind, objective=f"{{type: {kind}}}") for kind in ("orpo", "simpo")]
    nivel("run", *specs)
    for name in ("orpo", "simpo"):
        found, folder = result(newest_run(judged, name)), newest_run(judged, name)
        assert logged(folder, "loss")[-1] < logged(folder, "loss")[0]
        assert set(found["before"]) == {"accuracy", "margin", "ranking_accuracy"}
        assert found["metrics"]["accuracy"] == found["metrics"]["ranking_accuracy"]
        assert found["metrics"]["margin"]["value"] > found["before"]["margin"]["value"]


def test_single_answers_are_learned_by_their_verdicts_whatever_the_cut_of_a_step(
    judged: Path, nivel: Nivel
) -> None:
    for name in ("pairs", "watched", "tested"):
        rows = [json.loads(line) for line in (judged / f"{name}.jsonl").open()]
        found = [
            {"conversations": [*row["conversations"], row[side]], "label": side == "chosen"}
            for row in rows
            for side in ("chosen", "rejected")
        ]
        (judged / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in found))
    kto = {"objective": "{type: kto, desirable_weight: 1.5}"}
    specs = [
        write(judged, "whole", **kto),
        write(judged, "cut", micro=2, **kto),
        write(judged, "full", method="{type: full}", **kto),
    ]
    nivel("run", *specs)
    whole, cut, full = (newest_run(judged, name) for name in ("whole", "cut", "full"))
    curve = logged(whole, "loss")
    # before anything is learned every log-ratio is 0, and so is the divergence
    assert 0.5 <= curve[0] <= 0.75 and len(curve) == 11
    assert logged(cut, "loss") == pytest.approx(curve, abs=1e-5)
    assert logged(cut, "validation_loss") == pytest.approx(
        logged(whole, "validation_loss"), abs=1e-5
    )
    for folder in (whole, cut, full):
        found = result(folder)
        assert set(found["metrics"]) == {"accuracy", "margin"}
        assert found["metrics"]["accuracy"]["n"] == 20
        assert (
            found["metrics"]["accuracy"]["value"] >= 0.7 and found["metrics"]["margin"]["value"] > 0
        )


def test_pairs_are_seen_before_they_are_paid_for(judged: Path, nivel: Nivel) -> None:
    spec = write(judged, "seen")
    assert "told by the rows" in nivel("plan", spec).stdout
    said = nivel("preview", spec, "--row", "1").stdout
    assert "pairs.jsonl:1 chosen" in said and "pairs.jsonl:1 rejected" in said
    row = json.loads((judged / "pairs.jsonl").read_text("utf-8").splitlines()[0])
    for side in ("chosen", "rejected"):
        assert f"[[{row[side]['value']}<|im_end|>]]" in said
    assert "iron<|im_end|>user" in said  # what the assistant said before is not learned
    same = {**row, "rejected": row["chosen"]}
    with (judged / "pairs.jsonl").open("a") as file:
        file.write(json.dumps(same) + "\n")
    assert "pairs.jsonl:22: the chosen answer and the rejected one are the same" in (
        nivel("preview", spec, code=1).stderr
    )


@pytest.mark.slow
@pytest.mark.parametrize("method", [LORA, "{type: full}"], ids=["lora", "full"])
@pytest.mark.parametrize("devices", [2])
def test_a_killed_run_ends_with_the_same_bits(
    judged: Path, nivel: Nivel, method: str, devices: int
) -> None:
    spec = write(judged, "killed", method=method, devices=devices, micro=2, epochs=6)
    hold(judged, nivel, spec, "killed", kills=2, seed=devices)


def test_a_reward_model_ranks_answers_and_loads_as_a_classifier(judged: Path, nivel: Nivel) -> None:
    rows = [json.loads(line) for line in (judged / "pairs.jsonl").read_text().splitlines()]
    text = "".join(json.dumps(row | {"margin": 0.5}) + "\n" for row in rows)
    (judged / "pairs.jsonl").write_text(text)
    reward = "{type: reward, centering: 0.01}"
    specs = [
        write(judged, "graded", objective=reward, epochs=12),
        write(judged, "chunks", objective=reward, epochs=12, micro=1),
    ]
    assert "[[" not in nivel("preview", specs[0]).stdout
    nivel("run", *specs)
    folder, other = (newest_run(judged, name) for name in ("graded", "chunks"))
    found = result(folder)
    assert logged(other, "loss")[:6] == pytest.approx(logged(folder, "loss")[:6], abs=1e-4)
    assert found["metrics"]["accuracy"]["value"] >= 0.8
    assert found["metrics"]["margin"]["low"] > 0 and "before" not in found
    assert found["train_rows"]["margins"] == 21 and found["validation"]["pairs"] == 5
    plain = AutoModelForSequenceClassification.from_pretrained(folder / "model")
    assert plain.config.num_labels == 1 and (folder / "adapter").is_dir()
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    lines = (folder / "predictions.jsonl").read_text("utf-8").splitlines()
    said = json.loads(lines[0])
    row = json.loads((judged / "tested.jsonl").read_text().splitlines()[int(said["id"][-1]) - 1])
    if len(row["conversations"]) == 1:
        turns = [{"role": "user", "content": row["conversations"][0]["value"]},
                 {"role": "assistant", "content": row["chosen"]["value"]}]  # fmt: skip
        ids = tokenizer.apply_chat_template(turns, return_tensors="pt", return_dict=False)
        assert float(plain(ids).logits.detach()) == pytest.approx(
            said["scores"]["chosen"], abs=1e-4
        )
    refused = SPEC.format(name="again", objective="{type: dpo}", method=LORA, epochs=1, devices=1,
                          micro=8).replace("./base", "run:graded")  # fmt: skip
    (judged / "again.yaml").write_text(refused)
    assert "has a head" in nivel("run", "again.yaml", code=3).stderr


@pytest.mark.slow
@pytest.mark.parametrize("method", ["{type: full}", LORA])
def test_a_killed_reward_model_ends_with_the_same_bits(
    judged: Path, nivel: Nivel, method: str
) -> None:
    spec = write(judged, "graded", objective="{type: reward}", epochs=20, method=method)
    hold(judged, nivel, spec, "graded", kills=2)

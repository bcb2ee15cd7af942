"""Pretraining on several cleaned sources, as a user runs it."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import losses, newest_run, result
from .test_ladder import PRETRAIN
from .test_resume import hold

Nivel = Callable[..., subprocess.CompletedProcess[str]]

MORE = """\
task: {{type: classify, labels: [fruit, metal], input: "{{{{ text }}}} ="}}
data:
  text:
    - {{path: text.txt, name: sentences, weight: 3}}
    - {{path: notes/, column: body, weight: 1}}
  test: {{path: test.jsonl}}
  curate:
    - {{type: clean}}
    - {{type: length, min_words: 3}}
    - {{type: exact-duplicates}}
    - {{type: overlap, ngram: 10, shortest: 9}}
    - {{type: pii}}
tokenizer: {{type: unigram, vocab_size: 320, digits: individual, special_tokens: ["<|user|>"]}}
"""


def spec(project: Path, name: str, devices: int = 1) -> str:
    """A spec on the project's text and a folder of rows, each document seeing itself alone."""
    lines = PRETRAIN.replace(
        "data:\n  text: {{path: text.txt}}\ntokenizer: {{type: byte-bpe, vocab_size: 320}}\n", MORE
    ).replace("sequence_length: 32", "sequence_length: 32\n  document_mask: true")
    draw = random.Random(2)
    (project / "notes").mkdir(exist_ok=True)
    parts = ("ba", "co", "dre", "fin", "ga", "hul", "mi", "nor", "pla", "que", "sto", "ther")
    rows = [
        f"note {n}: {' '.join(''.join(draw.choices(parts, k=2)) for _ in range(6))} costs {n * 7}"
        for n in range(200)
    ]
    rows += [rows[0], "two words", "write to jane@example.org or he does not answer at all"]
    lines_of = "".join(json.dumps({"body": row}) + "\n" for row in rows)
    (project / "notes" / "a.jsonl").write_text(lines_of, "utf-8")
    (project / f"{name}.yaml").write_text(lines.format(name=name, devices=devices), "utf-8")
    return f"{name}.yaml"


def test_a_model_of_several_cleaned_sources(project: Path, nivel: Nivel) -> None:
    shown = nivel("run", spec(project, "mixed")).stdout
    assert "curate exact-duplicates:" in shown and "  of sentences: " in shown
    run = newest_run(project, "mixed")
    record = json.loads((run / "curation.json").read_text("utf-8"))
    steps = {step["type"]: step for step in record["steps"]}
    assert steps["length"]["dropped"] == {"fewer words": 1}
    assert steps["exact-duplicates"]["dropped"] == {"seen before": 1}
    assert steps["pii"]["parts"] == {"email": 1}
    assert "jane" not in (run / "curation.json").read_text("utf-8")
    quality = result(run)["pretraining"]
    assert set(quality["sources"]) == {"sentences", "notes/"}
    assert quality["tokenizer_tokens_per_word"] > 1
    assert quality["bits_per_byte"] < quality["unigram_bits_per_byte"] + 0.5
    assert losses(run)[-1] < losses(run)[0]
    card = (run / "model" / "README.md").read_text("utf-8")
    assert "| exact-duplicates |" in card and "of notes/" in card


@pytest.mark.slow
def test_two_processes_see_what_one_does(project: Path, nivel: Nivel) -> None:
    nivel("run", spec(project, "alone"))
    nivel("run", spec(project, "paired", devices=2))
    alone, paired = (losses(newest_run(project, name)) for name in ("alone", "paired"))
    assert len(alone) == len(paired) > 10
    assert alone == pytest.approx(paired, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("devices", [1, 2])
def test_kills_change_no_bit_of_a_mixture(project: Path, nivel: Nivel, devices: int) -> None:
    hold(project, nivel, spec(project, "mixed", devices), "mixed", kills=3, seed=devices)

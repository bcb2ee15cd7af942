"""`nivel preview` of models that do not write: what a head, a vector and a reward are made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nivel.cli import group
from nivel.runtime.models import save_model

from .test_sft import tokenizer as chatty
from .tiny import tiny

SPEC = """\
nivel: 2
name: x
level: finetune
model: {{path: ./base}}
data: {{train: {{path: train.jsonl}}, test: {{path: test.jsonl}}{columns}}}
task: {task}
method: {{type: lora}}
train: {{epochs: 1, batch: 2, learning_rate: 1e-3, max_length: 64}}
hardware: {{profile: cpu, micro_batch: 1}}
{more}
"""


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    save_model(tiny()[0], chatty(), tmp_path / "base")
    return tmp_path


def preview(base: Path, task: str, *rows: dict[str, Any], more: str = "", columns: str = "") -> str:
    for name, kept in (("train", rows), ("test", rows[:1])):
        text = "".join(json.dumps(row) + "\n" for row in kept)
        (base / f"{name}.jsonl").write_text(text)
    (base / "x.yaml").write_text(SPEC.format(task=task, more=more, columns=columns))
    result = CliRunner().invoke(group, ["preview", "x.yaml", "--rows", "9"])
    assert result.exit_code == 0, result.output
    return result.output


def test_rows_of_a_head_say_their_label_or_number(base: Path) -> None:
    task = '{type: classify, labels: [hot, cold], input: "{{ text }}!"}'
    rows = [{"text": "red", "label": "hot"}, {"text": "blue", "label": "cold"}]
    found = preview(base, task, *rows, more="head: {type: native}")
    assert "; label hot\nred!" in found and "; label cold\nblue!" in found
    assert "trained" not in found.split("tokens of a row")[0] and "[[" not in found
    numbers = [{"text": "red", "label": 1.5}, {"text": "blue", "label": -2}]
    found = preview(base, '{type: regress, input: "{{ text }}"}', *numbers)
    assert "; number 1.5\nred" in found


def test_words_that_are_labelled_are_marked_by_their_first_token(base: Path) -> None:
    rows = [{"text": ["red", "blue"], "label": ["O", "B-X"]},
            {"text": ["green"], "label": ["O"]}]  # fmt: skip
    found = preview(base, "{type: tag, labels: [O, B-X]}", *rows)
    assert '; labels ["O", "B-X"]' in found and found.count("[[") >= 2


def test_texts_of_a_row_to_embed_stand_one_after_the_other(base: Path) -> None:
    rows = [{"q": f"{word} one", "a": f"the {word}", "n": "blue"} for word in ("red", "green")]
    columns = ", columns: {anchor: q, positive: a, negative: n}"
    task = '{type: embed, query_prefix: "q: "}'
    found = preview(base, task, *rows, more="objective: {type: contrastive}", columns=columns)
    assert "anchor: " in found and "\nq: red one\n" in found and "positive: " in found
    assert "micro-batch: 3 rows" in found


def test_answers_that_are_rewarded_are_read_whole(base: Path) -> None:
    rows = [{"prompt": "red?", "chosen": "green", "rejected": word} for word in ("blue", "red")]
    found = preview(base, "{type: prefer}", *rows, more="objective: {type: reward}")
    assert "chosen: " in found and "assistant\ngreen<|im_end|>" in found and "[[" not in found

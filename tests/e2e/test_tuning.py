"""Level finetune as a user runs it where answers are learned: conversations and text."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from nivel.runtime.models import new_model, save_model, train_byte_bpe

from .conftest import losses, newest_run, result

Nivel = Callable[..., subprocess.CompletedProcess[str]]

TEMPLATE = """\
{%- for m in messages %}{{ m.role + ': ' + m.content + '<|im_end|>' }}{% endfor -%}
{%- if add_generation_prompt %}{{ 'assistant: ' }}{% endif -%}
"""
SPEC = """\
nivel: 2
name: {name}
level: finetune
model: {{path: ./tiny, chat_template: chat.jinja}}
data: {{train: {{path: {train}}}, test: {{path: {test}, limit: 4}}}}
task: {task}
method: {{type: full}}
train: {{epochs: 2, batch: 8, learning_rate: 1e-3{more}}}
generation: {{max_tokens: 4}}
hardware: {{profile: cpu, threads: 1{micro}}}
"""


@pytest.fixture
def tiny(project: Path) -> Path:
    """A random model of some thousand parameters, without a chat template, and conversations."""
    tokenizer = train_byte_bpe([(project / "text.txt").read_text()], 320)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_end|>"]})
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1,
             "num_attention_heads": 2, "num_key_value_heads": 2,
             "max_position_embeddings": 1024}  # fmt: skip
    save_model(new_model("llama", sizes, tokenizer), tokenizer, project / "tiny")
    (project / "chat.jinja").write_text(TEMPLATE)
    for name in ("train", "test"):
        lines = (project / f"{name}.jsonl").read_text().splitlines()
        talks = [_talk(place, json.loads(line)) for place, line in enumerate(lines)]
        (project / f"{name}-talks.jsonl").write_text("\n".join(talks) + "\n")
    return project


def _talk(place: int, row: dict[str, str]) -> str:
    """Rows of several turns and of different lengths."""
    turns = [{"from": "human", "value": row["text"]}, {"from": "gpt", "value": row["label"]}]
    more = [{"from": "human", "value": "and?"}, {"from": "gpt", "value": "no " * (place % 3)}]
    return json.dumps({"conversations": [*turns, *more, *turns] if place % 2 else turns})


def write(
    folder: Path, name: str, task: str, rows: str = "", micro: str = "", more: str = ""
) -> str:
    files = {"train": f"train{rows}.jsonl", "test": f"test{rows}.jsonl"}
    path = folder / f"{name}.yaml"
    path.write_text(SPEC.format(name=name, task=task, micro=micro, more=more, **files))
    return path.name


def test_a_model_learns_to_answer_and_is_asked_as_at_level_prompt(tiny: Path, nivel: Nivel) -> None:
    specs = [
        write(tiny, "talks", "{type: chat}", "-talks"),
        write(tiny, "texts", '{type: generate, input: "{{ text }}"}'),
    ]
    shown = nivel("plan", specs[0]).stdout
    assert "sharegpt" in shown and "every turn of the assistant and its end" in shown
    nivel("run", *specs)
    for name in ("talks", "texts"):
        folder = newest_run(tiny, name)
        found = result(folder)
        assert set(found["metrics"]) == {"exact", "token_f1"}
        assert found["metrics"]["exact"]["n"] == 4
        assert found["train_rows"]["rows"] == 24
        assert losses(folder)[-1] < losses(folder)[0]
        saved = json.loads((folder / "model" / "generation_config.json").read_text())
        assert len(saved["eos_token_id"]) == (2 if name == "talks" else 1)


def test_rows_are_seen_before_they_are_paid_for(tiny: Path, nivel: Nivel) -> None:
    spec = write(tiny, "seen", "{type: chat}", "-talks")
    found = json.loads(nivel("preview", spec, "--format", "json", "--rows", "2").stdout)
    assert found["rows"] == 24 and len(found["shown"]) == 2 and found["trained"] > 0
    assert "[[fruit<|im_end|>]]" in nivel("preview", spec, "--row", "1").stdout
    refused = nivel("preview", spec, "--set", "train.max_length=8", code=1)
    assert "longer than train.max_length 8" in refused.stdout
    nivel("preview", spec, "--row", "nothing", code=2)


def test_how_a_step_is_cut_padded_or_joined_does_not_change_the_curve(
    tiny: Path, nivel: Nivel
) -> None:
    spare = "2, activation_checkpointing: true"
    ways = [(8, ""), (2, ""), (8, ", packing: true"), (spare, ", packing: true")]
    specs = [
        write(tiny, f"cut-{n}", "{type: chat}", "-talks", f", micro_batch: {size}", train)
        for n, (size, train) in enumerate(ways)
    ]
    assert "each seeing itself alone" in nivel("plan", specs[2]).stdout
    assert "100.0% of them real" in nivel("preview", specs[2]).stdout
    nivel("run", *specs)
    folders = [newest_run(tiny, f"cut-{n}") for n in range(len(ways))]
    whole, *others = map(losses, folders)
    assert len(whole) == 6
    for other in others:
        assert other == pytest.approx(whole, abs=2e-5)
    assert len({result(folder)["tokens"]["seen"] for folder in folders}) == 1

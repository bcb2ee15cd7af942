"""What a plan says of a model that embeds, against the model that is trained."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from peft import LoraConfig, get_peft_model
from transformers import BertConfig, BertModel

from nivel.cli import group
from nivel.runtime.models import count_parameters, load_embedder, save_model

from .tiny import tiny

SPEC = """\
nivel: 2
name: vectors
level: finetune
model: {{path: ./base}}
data:
  train: {{builtin: python-docs-pairs, split: train}}
  test: {{builtin: python-docs-pairs, split: test}}
  columns: {{anchor: prompt, positive: chosen, negative: rejected}}
task: {{type: embed}}
objective: {{type: contrastive}}
method: {method}
train: {{epochs: 1, batch: 8, learning_rate: 1e-3, max_length: 64}}
hardware: {{profile: cpu, micro_batch: {micro}}}
"""


def planned(folder: Path, method: str, micro: int = 8) -> str:
    (folder / "x.yaml").write_text(SPEC.format(method=method, micro=micro))
    result = CliRunner().invoke(group, ["plan", str(folder / "x.yaml")])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("family", ["llama", "bert"])
@pytest.mark.parametrize("method", ["{type: full}", "{type: lora, rank: 4}"])
def test_parameters_are_those_that_are_trained(
    family: str, method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    base, tokenizer = tiny(tie_word_embeddings=family == "bert")
    if family == "bert":
        sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
        base = BertModel(BertConfig(vocab_size=300, num_attention_heads=2, **sizes))
    save_model(base, tokenizer, tmp_path / "base")
    model: Any = load_embedder("./base", None, tokenizer, dtype="fp32")
    if "lora" in method:
        model = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear"))
    total, trained = count_parameters(model)
    text = planned(tmp_path, method)
    said = re.search(r"trained +([\d,]+), (?:all of them|[\d.]+% of ([\d,]+))", text)
    assert said is not None, text
    counts = [int(one.replace(",", "")) for one in said.groups() if one]
    assert counts == ([trained, total] if "lora" in method else [total])


def test_chunks_take_less_memory_and_are_computed_again(tmp_path: Path) -> None:
    base, tokenizer = tiny()
    save_model(base, tokenizer, tmp_path / "base")
    whole, chunks = (planned(tmp_path, "{type: full}", micro) for micro in (8, 2))
    assert "for 24 rows of 64 tokens" in whole and "for 6 rows of 64 tokens" in chunks
    flops = [float(re.search(r"at most (\S+) FLOPs", text)[1]) for text in (whole, chunks)]  # type: ignore[index]
    assert flops[1] / flops[0] == pytest.approx(4 / 3, rel=1e-2)

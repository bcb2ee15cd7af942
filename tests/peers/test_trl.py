"""Preferences beside TRL: the same rows, weights and hyper-parameters give the same curve."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import pytest
from peft import LoraConfig, get_peft_model

from nivel.runtime.data import encode_pairs, load_pairs
from nivel.runtime.models import load_model, load_tokenizer, new_model, save_model, train_byte_bpe
from nivel.runtime.training import PairRows
from nivel.runtime.training.batches import MicroBatches

from .serving import interpreter

pytestmark = pytest.mark.slow
Nivel = Callable[..., subprocess.CompletedProcess[str]]

TOLERANCE = 2e-5
"""Nats over 12 steps; seen are 1e-6, and 6e-6 of `ipo`, of another padding and order of sums."""

WORDS = "red green blue apple pear plum iron zinc copper the and near what is a color fruit metal"
TEMPLATE = """\
{%- for m in messages %}{{ '<|start|>' + m.role + '\\n' + m.content + '<|end|>' }}{% endfor -%}
{%- if add_generation_prompt %}{{ '<|start|>assistant\\n' }}{% endif -%}
"""
SIZES = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
         "num_attention_heads": 4, "num_key_value_heads": 2,
         "max_position_embeddings": 256}  # fmt: skip
SPEC = """\
nivel: 2
name: dpo
level: finetune
seed: 5
model: {{path: ./base}}
data: {{train: {{path: pairs.jsonl}}, test: {{path: tested.jsonl}}}}
task: {{type: prefer}}
objective: {{type: dpo, beta: 0.3, loss_type: {loss}{more}}}
method: {method}
train: {{epochs: 1, batch: 8, learning_rate: 1e-2, schedule: {{type: linear}}}}
hardware: {{accelerator: cpu, threads: 1, micro_batch: 4}}
"""
TRL = """\
import json, sys
from datasets import Dataset
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer

said = json.load(open(sys.argv[1]))
model = AutoModelForCausalLM.from_pretrained("base")
if said["adapter"]:
    model = PeftModel.from_pretrained(model, "adapter", is_trainable=True)
trainer = DPOTrainer(
    model=model,
    args=DPOConfig(
        output_dir="trl", beta=0.3, loss_type=[said["loss"]], **said["more"],
        per_device_train_batch_size=4, gradient_accumulation_steps=2, num_train_epochs=1,
        learning_rate=1e-2, lr_scheduler_type="linear", max_grad_norm=1.0, weight_decay=0.0,
        max_length=256, train_sampling_strategy="sequential", gradient_checkpointing=False,
        bf16=False, use_cpu=True, logging_steps=1, report_to=[], save_strategy="no",
        dataloader_pin_memory=False, disable_tqdm=True,
    ),
    train_dataset=Dataset.from_list(said["rows"]),
    processing_class=AutoTokenizer.from_pretrained("base"),
)
trainer.train()
history = trainer.state.log_history
json.dump([line["loss"] for line in history if "loss" in line], open("trl.json", "w"))
"""


@pytest.fixture(scope="module")
def python() -> str:
    return interpreter("trl", "NIVEL_TRL_PYTHON", "trl", "peft", "datasets")


@pytest.fixture
def pairs(project: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A random model with its chat template, and rows of several lengths in two files."""
    monkeypatch.chdir(project)
    tokenizer = train_byte_bpe([f"{WORDS} assistant user " * 3], 290)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|start|>", "<|end|>"]})
    tokenizer.chat_template = TEMPLATE
    lightning.seed_everything(1, verbose=False)
    save_model(
        new_model("llama", {**SIZES, "initializer_range": 0.2}, tokenizer), tokenizer, "base"
    )
    words = WORDS.split()
    rows = []
    for k in range(96):
        asked = " ".join(words[(k * 7 + j) % len(words)] for j in range(2 + k % 5))
        good, bad = (
            " ".join(words[(k * step + j) % len(words)] for j in range(1 + (k + step) % 6))
            for step in (3, 11)
        )
        rows.append({"prompt": asked, "chosen": f"{good} plum", "rejected": f"{bad} zinc"})
    for name, kept in (("pairs", rows), ("tested", rows[:4])):
        lines = "".join(json.dumps(row) + "\n" for row in kept)
        Path(f"{name}.jsonl").write_text(
            lines.replace("zinc", "iron") if name == "tested" else lines
        )
    return rows


def in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows as conversations, in the order in which nivel trains on them."""
    loaded = load_pairs(path="pairs.jsonl", seed=5)
    tokenizer = load_tokenizer("./base")
    data = PairRows(encode_pairs(loaded, tokenizer, max_length=256), 0)
    steps = MicroBatches(data, batch=8, micro_batch=8, steps=12, seed=5, rank=0, world=1)
    wanted = [index for step in range(12) for index in steps.step_indices(step)]
    found = [rows[int(loaded[index].id.rpartition(":")[2]) - 1] for index in wanted]
    return [
        {
            "prompt": [{"role": "user", "content": row["prompt"]}],
            "chosen": [{"role": "assistant", "content": row["chosen"]}],
            "rejected": [{"role": "assistant", "content": row["rejected"]}],
        }
        for row in found
    ]


@pytest.mark.parametrize(
    ("loss", "more", "method"),
    [
        ("sigmoid", {}, "{type: lora, rank: 4, alpha: 8}"),
        ("robust", {"label_smoothing": 0.1}, "{type: full}"),
        ("ipo", {}, "{type: full}"),
    ],
    ids=["sigmoid with lora", "robust with full", "ipo with full"],
)
def test_the_loss_of_dpo_falls_as_that_of_trl(
    pairs: list[dict[str, Any]],
    nivel: Nivel,
    python: str,
    loss: str,
    more: dict[str, float],
    method: str,
) -> None:
    said = "".join(f", {key}: {value}" for key, value in more.items())
    Path("dpo.yaml").write_text(SPEC.format(loss=loss, more=said, method=method))
    nivel("run", "dpo.yaml")
    folder = max(Path("runs/dpo").iterdir())
    ours = [json.loads(line)["loss"] for line in (folder / "metrics.jsonl").open()]
    if "lora" in method:  # the adapter as the program makes it, before any step
        lightning.seed_everything(5, verbose=False)
        model: Any = load_model("./base", dtype="fp32")
        config = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")
        get_peft_model(model, config).save_pretrained("adapter")
    told = {"adapter": "lora" in method, "loss": loss, "more": more, "rows": in_order(pairs)}
    Path("told.json").write_text(json.dumps(told))
    Path("train_with_trl.py").write_text(TRL)
    done = subprocess.run(
        [python, "train_with_trl.py", "told.json"], capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "HOME": "."},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    theirs = json.loads(Path("trl.json").read_text())
    print(loss, method, max(abs(a - b) for a, b in zip(ours, theirs, strict=True)), file=sys.stderr)
    assert len(ours) == 12 and min(ours) < ours[0] - 0.05
    assert ours == pytest.approx(theirs, abs=TOLERANCE)

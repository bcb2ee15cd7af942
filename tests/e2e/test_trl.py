"""The emitted program of a LoRA tuning learns as TRL's SFTTrainer does on the same rows.

The rows are the tokens that nivel makes, in the order in which it trains them; the adapter begins
with the same weights. Both normalise the loss by the tokens of an optimizer step, and both use
AdamW with a linear schedule in fp32. Then the curves are one, up to the order of sums. TRL is no
dependency: without `make peers` this is skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import pytest
from peft import LoraConfig, get_peft_model

from nivel.runtime.models import load_model
from nivel.runtime.training import LabelledRows, MicroBatches

from .conftest import losses, newest_run
from .test_tuning import tiny

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".peers" / "trl" / "bin" / "python"

__all__ = ["tiny"]  # a fixture

SPEC = """\
nivel: 2
name: NAME
level: finetune
seed: 5
model: {path: ./tiny, chat_template: chat.jinja}
data: {train: {path: train-talks.jsonl}, test: {path: test-talks.jsonl, limit: 2}}
task: {type: chat}
method: {type: lora, rank: 4, alpha: 8, dropout: 0, targets: all-linear}
train: {epochs: 4, batch: 8, learning_rate: 1e-2, schedule: {type: linear}, packing: PACKING}
generation: {max_tokens: 2}
hardware: {profile: cpu, threads: 1, micro_batch: 4, precision: fp32}
"""
TOLERANCE = 1e-5
"""Nats per token: they drift apart by the order of sums; 5e-7 was seen, padded and packed."""


@pytest.mark.slow
@pytest.mark.skipif(not PYTHON.exists(), reason="TRL is not there: make peers")
def test_curves_agree_with_those_of_trl(
    tiny: Path,  # noqa: F811
    nivel: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for packing in ("false", "true"):
        text = SPEC.replace("NAME", f"lora-{packing}").replace("PACKING", packing)
        (tiny / f"lora-{packing}.yaml").write_text(text, "utf-8")
    nivel("run", "lora-false.yaml", "lora-true.yaml")
    padded, packed = (losses(newest_run(tiny, f"lora-{name}")) for name in ("false", "true"))
    monkeypatch.setenv("NIVEL_PROJECT", str(tiny))
    monkeypatch.chdir(tiny)
    asked = tiny / "asked.json"
    asked.write_text(json.dumps({**rows_in_order(), **beginning(tiny)}), "utf-8")
    done = subprocess.run(
        [str(PYTHON), "-W", "ignore", str(ROOT / "bench/contenders/finetune_trl.py"), str(asked)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    theirs = json.loads(done.stdout.strip().rpartition("\n")[2])["losses"]
    assert len(theirs) == 12
    assert theirs[-1] < theirs[0] - 0.1  # something was learned
    assert padded == pytest.approx(theirs, abs=TOLERANCE)
    assert packed == pytest.approx(theirs, abs=TOLERANCE)


def rows_in_order() -> dict[str, Any]:
    """The tokens of every position of the run's stream, as its loader takes them."""
    from nivel.cli._rows import encodings_of
    from nivel.compiler.api import plan

    made, _ = plan("lora-false.yaml")
    assert made is not None
    found, _ = encodings_of(made)
    rows = LabelledRows([one.ids for one in found], [one.labels for one in found], 0)
    batches = MicroBatches(rows, batch=8, micro_batch=4, steps=12, seed=5, rank=0, world=1)
    order = [index for step in range(12) for index in batches.step_indices(step)]
    return {
        "input_ids": [list(found[index].ids) for index in order],
        "labels": [list(found[index].labels) for index in order],
    }


def beginning(folder: Path) -> dict[str, Any]:
    """The settings of the spec, and the adapter as the program makes it."""
    lightning.seed_everything(5, verbose=False)
    model: Any = load_model("./tiny", dtype="fp32").train()
    config = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")
    get_peft_model(model, config).save_pretrained(str(folder / "adapter"))
    return {
        "model": str(folder / "tiny"), "adapter": str(folder / "adapter"), "batch": 8,
        "micro_batch": 4, "steps": 12, "max_length": 512, "rank": 4, "alpha": 8, "bf16": False,
        "learning_rate": 1e-2, "schedule": "linear", "threads": 1, "packing": False,
    }  # fmt: skip

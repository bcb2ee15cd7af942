"""Losses of ORPO, SimPO and KTO beside TRL's own functions: the same rows and weights."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from peft import LoraConfig, get_peft_model

from nivel.runtime.data import encode_pairs, encode_verdicts, load_pairs, load_verdicts
from nivel.runtime.models import load_model, load_tokenizer
from nivel.runtime.training import (
    PairRows,
    VerdictRows,
    kto_loss,
    orpo_loss,
    pair_log_probs,
    sft_loss,
    simpo_loss,
    verdict_log_ratios,
)
from nivel.runtime.training.batches import IGNORED
from nivel.runtime.training.verdicts import _log_ratios

from .test_trl import pairs, python

__all__ = ["pairs", "python"]

pytestmark = pytest.mark.slow

TOLERANCE = 1e-5
"""Nats; seen are 1e-6, of another order of sums."""

ROWS = 16
SEED = 7
"""Of an adapter by which answers to other prompts become likelier: KTO's divergence counts."""

TRL = """\
import json, sys
from types import SimpleNamespace
import torch
from datasets import Dataset
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import KTOConfig, KTOTrainer
from trl.experimental.cpo import CPOTrainer
from trl.experimental.orpo import ORPOTrainer

said = json.load(open(sys.argv[1]))
base = AutoModelForCausalLM.from_pretrained("base")
model = PeftModel.from_pretrained(base, "adapter", is_trainable=True).eval()


def means(side):
    ids, labels = (torch.tensor(said[side][name]) for name in ("input_ids", "labels"))
    mask = torch.tensor(said[side]["attention_mask"])
    with torch.no_grad():
        logits = model(input_ids=ids, attention_mask=mask).logits
    return ORPOTrainer.get_batch_logps(logits, labels, average_log_prob=True)


chosen, rejected = means("chosen"), means("rejected")
own = SimpleNamespace(
    beta=0.3, loss_type="simpo", simpo_gamma=0.7, label_smoothing=0.0, alpha=0.0,
    accelerator=SimpleNamespace(device="cpu"),
)
odds = ORPOTrainer.odds_ratio_loss(own, chosen, rejected)[0]
simpo = CPOTrainer.cpo_loss(own, chosen, rejected)[0]

trainer = KTOTrainer(
    model=model,
    args=KTOConfig(
        output_dir="trl", beta=0.3, desirable_weight=1.5, undesirable_weight=0.5,
        per_device_train_batch_size=len(said["rows"]), max_length=256, bf16=False, use_cpu=True,
        report_to=[], save_strategy="no", dataloader_pin_memory=False, disable_tqdm=True,
        gradient_checkpointing=False,
    ),
    train_dataset=Dataset.from_list(said["rows"]),
    processing_class=AutoTokenizer.from_pretrained("base"),
)
inputs = {name: torch.tensor(value) for name, value in said["kto"].items()}
if "ref" in trainer.model.peft_config:  # a copy of the adapter: it would not have moved at all
    trainer.model.delete_adapter("ref")
trainer.model.eval()
with torch.no_grad():
    kto = trainer._compute_loss(trainer.model, inputs, False)
found = {"odds": odds.tolist(), "simpo": simpo.tolist(), "kto": float(kto)}
json.dump(found, open("trl.json", "w"))
"""


def block(batch: dict[str, torch.Tensor], side: int) -> dict[str, Any]:
    """Return one half of a batch as lists."""
    names = ("input_ids", "labels", "attention_mask")
    return {name: batch[name].chunk(2)[side].tolist() for name in names}


def as_kto(batch: dict[str, torch.Tensor]) -> dict[str, Any]:
    """Return a batch of answers with verdicts as TRL's trainer takes it."""
    own, other = block(batch, 0), block(batch, 1)
    masks = [[[int(one != IGNORED) for one in row] for row in side["labels"]] for side in
             (own, other)]  # fmt: skip
    return {
        "input_ids": own["input_ids"], "attention_mask": own["attention_mask"],
        "completion_mask": masks[0], "KL_input_ids": other["input_ids"],
        "KL_attention_mask": other["attention_mask"], "KL_completion_mask": masks[1],
        "label": batch["good"].tolist(),
    }  # fmt: skip


def test_losses_of_pairs_and_verdicts_are_those_of_trl(
    pairs: list[dict[str, Any]],  # noqa: F811
    python: str,  # noqa: F811
) -> None:
    tokenizer: Any = load_tokenizer("./base")
    lightning.seed_everything(SEED, verbose=False)
    config = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False)
    model: Any = get_peft_model(load_model("./base", dtype="fp32"), config).eval()
    model.save_pretrained("adapter")
    compared = encode_pairs(load_pairs(path="pairs.jsonl"), tokenizer, max_length=256)
    judged = encode_verdicts(load_verdicts(path="pairs.jsonl"), tokenizer, max_length=256)
    first = PairRows(compared, tokenizer.pad_token_id).collate(range(ROWS))
    second = VerdictRows(judged, tokenizer.pad_token_id).collate(range(ROWS))
    with torch.no_grad():
        answers = pair_log_probs(model, first)
        odds = orpo_loss(answers, beta=0.3) - sft_loss(answers)  # TRL learns prompts beside it
        simpo = simpo_loss(answers, beta=0.3, gamma=0.7)
        moved = _log_ratios(model, second, 1).mean().clamp(min=0)
        weights = {"desirable_weight": 1.5, "undesirable_weight": 0.5}
        ratios = verdict_log_ratios(model, second)
        kto = kto_loss(ratios, second["good"], moved, beta=0.3, **weights).mean()
    rows = [{"prompt": row["prompt"], "completion": row["chosen"], "label": bool(k % 2)}
            for k, row in enumerate(pairs[:ROWS])]  # fmt: skip
    told = {"chosen": block(first, 0), "rejected": block(first, 1), "kto": as_kto(second)}
    Path("told.json").write_text(json.dumps(told | {"rows": rows}))
    Path("with_trl.py").write_text(TRL)
    done = subprocess.run(
        [python, "with_trl.py", "told.json"], capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "HOME": ".",
             "TRL_EXPERIMENTAL_SILENCE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    theirs = json.loads(Path("trl.json").read_text())
    found = {"odds": (-odds).tolist(), "simpo": simpo.tolist(), "kto": [float(kto)]}
    theirs["kto"] = [theirs["kto"]]
    for name, ours in found.items():
        far = max(abs(a - b) for a, b in zip(ours, theirs[name], strict=True))
        print(f"{name}: {far:.1e} of {min(ours):.3f} to {max(ours):.3f}", file=sys.stderr)
        assert ours == pytest.approx(theirs[name], abs=TOLERANCE), name
    assert float(moved) > 0  # so that the divergence counts

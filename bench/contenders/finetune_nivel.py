"""Train rows of token ids as an emitted program of level finetune does; see `common`."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import lightning
import torch
from common import asked
from nivel_steps import Steps, train
from peft import LoraConfig, get_peft_model

from nivel.runtime.data.dealing import permutation
from nivel.runtime.models import load_model
from nivel.runtime.training import JoinedRows, LabelledRows, linear_schedule


def main() -> None:
    given = asked()
    torch.set_num_threads(given["threads"])
    lightning.seed_everything(0, verbose=False)
    folder = Path(given["model"]).resolve()
    os.environ["NIVEL_PROJECT"] = str(folder.parent)
    short = given["bf16"] and given["rank"]  # frozen weights may be kept short, as emitted
    model: Any = load_model(f"./{folder.name}", dtype="bf16" if short else "fp32").train()
    if given["rank"]:
        lora = {"r": given["rank"], "lora_alpha": given["alpha"]}
        config = LoraConfig(**lora, target_modules="all-linear", task_type="CAUSAL_LM")
        model = get_peft_model(model, config)
    # the order that is given becomes the order of the seed
    order = permutation(0, 0, len(given["input_ids"])).tolist()
    back = [order.index(place) for place in range(len(order))]
    ids, labels = ([given[key][place] for place in back] for key in ("input_ids", "labels"))
    rows = LabelledRows(ids, labels, 0, packing=given["packing"])
    experiment = Steps(model, rows, given, partial(linear_schedule, warmup=0.0))
    train(experiment, *([JoinedRows()] if given["packing"] else []))


if __name__ == "__main__":
    main()

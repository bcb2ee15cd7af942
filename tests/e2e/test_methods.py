"""Methods of tuning, from the spec to a model that level prompt asks, as a user runs them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import losses, newest_run, result
from .test_ladder import FINETUNE, PRETRAIN, PROMPT, write

Nivel = Callable[..., subprocess.CompletedProcess[str]]

METHODS = {
    "ranks": "{type: adalora, init_r: 4, target_r: 2, tfinal: 2}",
    "faster": "{type: lora, rank: 4, dora: true, learning_rate_ratio: 4}",
    "soft": "{type: prompt, num_virtual_tokens: 4}",
}


@pytest.mark.slow
def test_methods_learn_and_what_they_save_is_asked(project: Path, nivel: Nivel) -> None:
    specs = [write(project, "own.yaml", PRETRAIN.format(name="own", devices=1))]
    for name, method in METHODS.items():
        text = FINETUNE.format(name=name, method=method, epochs=2, devices=1)
        # two micro-batches a step: what happens once a step must not happen twice
        text = text.replace("threads: 1}", "threads: 1, micro_batch: 4}")
        specs.append(write(project, f"{name}.yaml", text))
    nivel("run", *specs)
    for name in METHODS:
        found = losses(newest_run(project, name))
        assert min(found[-2:]) < found[0]
    soft = newest_run(project, "soft")
    assert json.loads((soft / "model" / "base.json").read_text())["path"] == "run:own"
    assert not (soft / "model" / "model.safetensors").exists()

    asked = PROMPT.replace("run:own", "run:soft")
    nivel("run", write(project, "ask.yaml", asked))
    again = newest_run(project, "ask")
    assert result(again)["metrics"]["accuracy"] == result(soft)["metrics"]["accuracy"]

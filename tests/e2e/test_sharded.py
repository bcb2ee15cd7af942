"""One process, two with the whole model each, and two with a part each train the same model.

Sums over processes are taken in another order, so losses agree to a few units of the last place
of fp32 (2^-23 of a loss near 6 is 7e-7); in bf16, which rounds to 2^-9, to some thousandths.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from .conftest import newest_run, result
from .test_ladder import write
from .test_resume import FINETUNE, LORA, PRETRAIN, hold, outcome, tuning  # noqa: F401

Nivel = Callable[..., subprocess.CompletedProcess[str]]

FP32, BF16 = 5e-6, 2e-2

WATCHED = "  average: {type: ema, decay: 0.8}\n  use: best\n  checkpoint_every: 3"
SAMPLED = "evaluate: {samples: {prompts: [the apple], max_tokens: 4}}\nhardware:"


def own(name: str, hardware: str, more: str = WATCHED) -> str:
    text = PRETRAIN.format(name=name, devices=1).replace("  checkpoint_every: 3", more)
    text = text.replace("tokens: 20480", "tokens: 8192").replace("hardware:", SAMPLED)
    return text.replace("devices: 1, threads: 1", f"{hardware}, threads: 1")


def metrics(folder: Path, key: str) -> list[float]:
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [row[key] for row in map(json.loads, lines) if key in row]


def close(one: Path, other: Path, noise: float, *, weights: float = 10) -> None:
    """Hold the curves of two runs, and the weights that they saved, to each other.

    `weights` is how much more than losses they may differ by.
    """
    for key in ("loss", "validation_loss", "gradient_norm"):
        wanted, found = metrics(one, key), metrics(other, key)
        assert len(found) == len(wanted) > 0
        worst = max(abs(a - b) for a, b in zip(wanted, found, strict=True))
        assert worst < noise * (10 if key == "gradient_norm" else 1), (key, worst)
    for file in ("model/model.safetensors",):
        wanted, found = load_file(one / file), load_file(other / file)
        assert found.keys() == wanted.keys()
        for name, value in wanted.items():
            assert torch.allclose(found[name], value, rtol=0, atol=weights * noise), name


def test_two_processes_with_a_part_each_train_as_one(project: Path, nivel: Nivel) -> None:
    nivel("run", write(project, "one.yaml", own("one", "devices: 1")))
    parts = "devices: 2, strategy: fsdp, sharding: gradients, activation_checkpointing: true"
    nivel("run", write(project, "parts.yaml", own("parts", parts)))
    one, found = newest_run(project, "one"), newest_run(project, "parts")
    close(one, found, FP32)
    assert (found / "samples.jsonl").read_text() == (one / "samples.jsonl").read_text()
    ours, theirs = (
        {k: v for k, v in result(each).items() if k in ("parameters", "tokens", "validation")}
        for each in (one, found)
    )
    assert ours["parameters"] == theirs["parameters"] and ours["tokens"] == theirs["tokens"]
    assert ours["validation"]["best_step"] == theirs["validation"]["best_step"]
    for folder in (found / "checkpoints").iterdir():
        assert sorted(path.name for path in folder.iterdir()) == [
            "part-00001-of-00002.safetensors",
            "part-00002-of-00002.safetensors",
            "state.json",
            "tensors.safetensors",
        ]
    # each part is half: of the weights, of their mean, and of AdamW's two
    size = (found / "model" / "model.safetensors").stat().st_size
    for part in folder.glob("part-*"):
        assert abs(part.stat().st_size / (size * 4 / 2) - 1) < 0.1


METHODS = {
    "lora": LORA,
    "full": "{type: full}",
    "frozen": "{type: freeze, blocks: 1}",
    "dora": "{type: lora, rank: 4, dora: true, modules_to_save: [lm_head]}",
}


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("method", METHODS)
def test_methods_agree_over_strategies(
    tuning: Path,  # noqa: F811
    nivel: Nivel,
    method: str,
    precision: str,
) -> None:
    folders = []
    ways = {"ddp": "2, strategy: ddp", "parts": "2, strategy: fsdp"}
    if "dropout" not in METHODS[method]:  # which every process draws for itself
        ways["one"] = "1"
    for name, devices in ways.items():
        more = f"{devices}, precision: {precision}, activation_checkpointing: true"
        text = FINETUNE.format(name=name, devices=more, method=METHODS[method], train="use: best")
        nivel("run", write(tuning, f"{name}.yaml", text.replace("epochs: 10", "epochs: 4")))
        folders.append(newest_run(tuning, name))
    for other in folders[1:]:
        close(folders[0], other, FP32 if precision == "fp32" else BF16)


@pytest.mark.slow
@pytest.mark.parametrize("sharding", ["full", "gradients"])
def test_pretraining_agrees_over_strategies_in_bf16_with_documents_apart(
    project: Path, nivel: Nivel, sharding: str
) -> None:
    more = f"{WATCHED}\n  document_mask: true\n  z_loss: 1e-4"
    ways = {
        "one": "devices: 1",
        "ddp": "devices: 2, strategy: ddp",
        "parts": f"devices: 2, strategy: fsdp, sharding: {sharding}",
    }
    for name, hardware in ways.items():
        text = own(name, f"{hardware}, precision: bf16", more)
        nivel("run", write(project, f"{name}.yaml", text))
    one, ddp, parts = (newest_run(project, name) for name in ways)
    close(ddp, parts, BF16)
    close(one, parts, BF16)


EXPERTS = {
    "olmoe": "intermediate_size: 48, num_experts: 4, num_experts_per_tok: 2",
    "qwen3_moe": "moe_intermediate_size: 32, num_experts: 4, num_experts_per_tok: 2",
}


@pytest.mark.slow
@pytest.mark.parametrize("family", EXPERTS)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_experts_in_parts_train_as_one_process(
    project: Path, nivel: Nivel, family: str, precision: str
) -> None:
    ways = {"one": "devices: 1", "parts": "devices: 2, strategy: fsdp"}
    for name, hardware in ways.items():
        text = own(
            name, f"{hardware}, precision: {precision}", f"{WATCHED}\n  router_z_loss: 0.001"
        )
        text = text.replace("intermediate_size: 64", EXPERTS[family]).replace("llama", family)
        nivel("run", write(project, f"{name}.yaml", text))
    one, parts = (newest_run(project, name) for name in ways)
    if precision == "fp32":  # in bf16 a score that is rounded may choose another expert
        close(one, parts, FP32, weights=40)
        return
    wanted, found = metrics(one, "loss"), metrics(parts, "loss")
    assert max(abs(a - b) for a, b in zip(wanted, found, strict=True)) < 4 * BF16


@pytest.mark.slow
def test_kills_change_no_bit_of_experts_in_parts(project: Path, nivel: Nivel) -> None:
    text = own("own", "devices: 2, strategy: fsdp").replace("tokens: 8192", "tokens: 20480")
    text = text.replace("intermediate_size: 64", EXPERTS["olmoe"]).replace("llama", "olmoe")
    hold(project, nivel, write(project, "own.yaml", text), "own", kills=3, seed=4)


@pytest.mark.slow
def test_compiled_blocks_in_parts_train_as_one_process(project: Path, nivel: Nivel) -> None:
    nivel("run", write(project, "one.yaml", own("one", "devices: 1")))
    parts = own("parts", "devices: 2, strategy: fsdp, compile: true")
    nivel("run", write(project, "parts.yaml", parts))
    assert "CompiledBlocks" in next(newest_run(project, "parts").rglob("experiment.py")).read_text()
    close(newest_run(project, "one"), newest_run(project, "parts"), FP32)


@pytest.mark.slow
def test_kills_change_no_bit_of_a_pretraining_in_parts(project: Path, nivel: Nivel) -> None:
    text = own("own", "devices: 2, strategy: fsdp").replace("tokens: 8192", "tokens: 20480")
    killed = hold(project, nivel, write(project, "own.yaml", text), "own", kills=5, seed=4)
    assert all(list(folder.glob("part-*")) for folder in (killed / "checkpoints").iterdir())


@pytest.mark.slow
def test_kills_change_no_bit_of_a_tuning_in_parts_and_others_do_not_go_on(
    tuning: Path,  # noqa: F811
    nivel: Nivel,
) -> None:
    text = FINETUNE.format(
        name="tuned",
        devices="2, strategy: fsdp",
        method=LORA,
        train="checkpoint_every: 2\n  use: best",
    )
    spec = write(tuning, "tuned.yaml", text)
    killed = hold(tuning, nivel, spec, "tuned", kills=5, seed=1)
    (killed / "result.json").unlink()
    again = nivel("run", spec, "--resume", killed.name, "--set", "hardware.devices=4", code=2)
    assert "hardware.devices was 2, is now 4" in again.stderr
    program = killed / "program" / "experiment.py"
    assert program.exists() or list(killed.glob("**/experiment.py"))


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def torchrun(project: Path, name: str, machines: int, each: int) -> Path:
    """Run a compiled program as `machines` launches of torchrun would on as many machines."""
    port = free_port()
    command = [sys.executable, "-m", "torch.distributed.run", f"--nnodes={machines}"]
    command += [f"--nproc-per-node={each}", f"--master-port={port}", "--master-addr=127.0.0.1"]
    started = [
        subprocess.Popen(
            [*command, f"--node-rank={rank}", f"{name}/experiment.py"],
            cwd=project,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(machines)
    ]
    for process in started:
        said = process.communicate(timeout=400)[0]
        assert process.returncode == 0, said
    return newest_run(project, name)


@pytest.mark.slow
def test_torchrun_starts_programs_in_parts_on_one_machine_and_on_several(
    project: Path, nivel: Nivel
) -> None:
    nivel("run", write(project, "one.yaml", own("one", "devices: 1")))
    ways: dict[str, tuple[str, int, int]] = {
        "local": ("devices: 2, strategy: fsdp", 1, 2),
        "hybrid": ("devices: 2, nodes: 2, strategy: fsdp, sharding: hybrid", 2, 2),
        "apart": ("devices: 1, nodes: 2, strategy: ddp", 2, 1),
    }
    one = newest_run(project, "one")
    for name, (hardware, machines, each) in ways.items():
        spec = write(project, f"{name}.yaml", own(name, hardware))
        nivel("compile", spec, "-o", name)
        found = torchrun(project, name, machines, each)
        close(one, found, FP32)
        if name == "hybrid":
            saved: Any = sorted(
                path.name for path in next((found / "checkpoints").iterdir()).iterdir()
            )
            assert len([each for each in saved if each.startswith("part-")]) == 2
    assert outcome(one)["weights"]

"""Runs that are killed at random moments end with the weights of the run that was not.

Killed means `kill -9` of the process that trains, as the kernel does when memory is short.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from nivel.runtime.models import new_model, save_model, train_byte_bpe

from .conftest import WORDS, newest_run, result, sentence
from .test_ladder import write

Nivel = Callable[..., subprocess.CompletedProcess[str]]

SECONDS = 240  # that any run may take on a busy machine
CLOCKS = ("seconds", "tokens_per_second")  # of metrics, which no two runs have alike

SIZES = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}

FINETUNE = """\
nivel: 2
name: {name}
level: finetune
seed: 3
model: {{path: ./base}}
data:
  train: {{path: train.jsonl}}
  validation: {{path: validation.jsonl}}
  test: {{path: test.jsonl}}
task: {{type: classify, labels: [fruit, metal], input: "{{{{ text }}}} is"}}
method: {method}
train:
  epochs: 10
  batch: 8
  learning_rate: 1e-2
  validate_every: 4
  {train}
hardware: {{accelerator: cpu, devices: {devices}, threads: 1, micro_batch: 2}}
"""

PRETRAIN = """\
nivel: 2
name: {name}
level: pretrain
seed: 3
model: {{architecture: llama, hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 4,
  num_key_value_heads: 2, intermediate_size: 64, max_position_embeddings: 64}}
data: {{text: {{path: text.txt}}}}
tokenizer: {{type: byte-bpe, vocab_size: 320}}
train:
  tokens: 20480
  batch: 16
  sequence_length: 32
  learning_rate: 1e-2
  checkpoint_every: 3
  validate_every: 5
hardware: {{accelerator: cpu, devices: {devices}, threads: 1}}
"""

LORA = "{type: lora, rank: 4, dropout: 0.2}"


@pytest.fixture
def tuning(project: Path) -> Path:
    """The project with a small random model in `base`, and rows to validate on."""
    words = " ".join(sentence(label, random.Random(1)) for label in WORDS) * 9
    tokenizer = train_byte_bpe([words], 290)
    torch.manual_seed(0)
    save_model(new_model("llama", SIZES, tokenizer), tokenizer, project / "base")
    draw = random.Random(6)
    rows = [{"text": sentence(label, draw), "label": label} for label in WORDS for _ in range(5)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (project / "validation.jsonl").write_text(lines, encoding="utf-8")
    return project


def start(project: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "nivel", "run", *arguments],
        cwd=project,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def logged(folder: Path | None) -> int:
    """How many whole lines the metrics of a run have."""
    path = folder / "metrics.jsonl" if folder else None
    return path.read_bytes().count(b"\n") if path and path.exists() else 0


def training(folder: Path) -> int | None:
    """The process that trains, or trained, in the folder of a run; None before it said so."""
    path = folder / "run.json"
    return int(json.loads(path.read_text("utf-8"))["process"]) if path.exists() else None


def begin_and_signal(
    project: Path, arguments: tuple[str, ...], name: str, at: int, delay: float, number: int
) -> tuple[int, str]:
    """Start a run and send a signal to its process `delay` s after so many lines of metrics."""
    before = set((project / "runs").glob(f"{name}/*")) if "--resume" not in arguments else set()
    dead = {training(path) for path in (project / "runs").glob(f"{name}/*")}
    process = start(project, *arguments)
    deadline = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        new = set((project / "runs").glob(f"{name}/*")) - before
        alive = training(max(new)) if new else None
        if alive is not None and alive not in dead and logged(max(new)) >= at:
            time.sleep(delay)
            os.kill(alive, number)
            break
        time.sleep(0.002)
    said = process.communicate(timeout=SECONDS)[0]
    return process.returncode, said


def killed_and_resumed(project: Path, spec: str, name: str, kills: int, seed: int) -> Path:
    """Kill the run so many times, each further on than the last, then let it end."""
    draw = random.Random(seed)
    lines = logged(newest_run(project, name))
    time.sleep(1.1)  # ids of runs begin with the second
    for number, at in enumerate(sorted(draw.sample(range(1, lines - 4), kills))):
        again = ("--resume", "latest") if number else ()
        code, said = begin_and_signal(
            project, (spec, *again), name, at, draw.random() * 0.02, signal.SIGKILL
        )
        assert code == 3 and "SIGKILL" in said, said
    process = start(project, spec, "--resume", "latest")
    said = process.communicate(timeout=SECONDS)[0]
    assert process.returncode == 0, said
    return newest_run(project, name)


def outcome(folder: Path) -> dict[str, Any]:
    """All that has to be equal: weights bit by bit, metrics, predictions and the result."""
    costs = ("seconds", "peak_memory", "footprint")
    found = {key: value for key, value in result(folder).items() if key not in costs}
    text = (folder / "metrics.jsonl").read_text(encoding="utf-8")
    metrics = [json.loads(line) for line in text.splitlines()]
    assert all(a["seconds"] <= b["seconds"] for a, b in zip(metrics, metrics[1:], strict=False))
    weights = sorted(folder.glob("model/*.safetensors")) + sorted(folder.glob("adapter/*.safe*"))
    return {
        "weights": [hashlib.sha256(path.read_bytes()).hexdigest() for path in weights],
        "metrics": [{k: v for k, v in line.items() if k not in CLOCKS} for line in metrics],
        "predictions": [p.read_bytes() for p in folder.glob("predictions.jsonl")],
        "result": found,
        "checkpoints": sorted(path.name for path in (folder / "checkpoints").iterdir()),
    }


def hold(project: Path, nivel: Nivel, spec: str, name: str, kills: int, seed: int = 0) -> Path:
    """Run a spec to its end, again with kills, and compare; return the run that was killed."""
    nivel("run", spec)
    whole = newest_run(project, name)
    killed = killed_and_resumed(project, spec, name, kills, seed)
    assert killed != whole
    assert outcome(killed) == outcome(whole)
    return killed


def test_a_killed_lora_run_ends_with_the_same_bits_and_is_then_finished(
    tuning: Path, nivel: Nivel
) -> None:
    train = "use: best"
    text = FINETUNE.format(name="tuned", devices=1, method=LORA, train=train)
    killed = hold(tuning, nivel, write(tuning, "tuned.yaml", text), "tuned", kills=1)
    found = outcome(killed)
    losses = [line["validation_loss"] for line in found["metrics"] if "validation_loss" in line]
    assert len(losses) == 8  # every 4 of 30 steps, and the last
    assert found["result"]["validation"]["best_loss"] == min(losses)
    assert f"step-{found['result']['validation']['best_step']:09d}" in found["checkpoints"]
    assert nivel("run", "tuned.yaml", "--resume", killed.name, code=2).stderr


@pytest.mark.slow
@pytest.mark.parametrize("packing", [False, True], ids=["padded", "packed"])
@pytest.mark.parametrize("method", [LORA, "{type: full}"], ids=["lora", "full"])
@pytest.mark.parametrize("devices", [1, 2])
def test_ten_kills_at_random_moments_change_no_bit(
    tuning: Path, nivel: Nivel, method: str, devices: int, packing: bool
) -> None:
    train = f"checkpoint_every: 2\n  packing: {str(packing).lower()}"
    text = FINETUNE.format(name="tuned", devices=devices, method=method, train=train)
    spec = write(tuning, "tuned.yaml", text)
    hold(tuning, nivel, spec, "tuned", kills=10, seed=devices)


@pytest.mark.slow
@pytest.mark.parametrize("devices", [1, 2])
def test_ten_kills_of_a_pretraining_change_no_bit(
    project: Path, nivel: Nivel, devices: int
) -> None:
    spec = write(project, "own.yaml", PRETRAIN.format(name="own", devices=devices))
    hold(project, nivel, spec, "own", kills=10, seed=devices)


WAYS = {
    "muon": "optimizer: {type: muon}\n  average: {type: ema, decay: 0.8}\n  use: best",
    "schedule-free": "optimizer: {type: schedule-free}\n  schedule: {type: constant, warmup: 0.1}"
    "\n  use: best",
    "grown-batch": "batch_ramp: {start: 8, over: 0.2}\n  average: {type: checkpoints, last: 3}",
    "adamw-8bit": "optimizer: {type: adamw-8bit}\n  z_loss: 1e-4",
    "experts": "router_z_loss: 1e-3\n  document_mask: true",
}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_kills_change_no_bit_of_what_any_optimizer_or_average_leaves(
    project: Path, nivel: Nivel, way: str
) -> None:
    if way == "schedule-free":
        pytest.importorskip("schedulefree")
    if way == "adamw-8bit":
        pytest.importorskip("bitsandbytes")
    text = PRETRAIN.format(name="own", devices=1)
    if way == "experts":
        more = "intermediate_size: 24, num_experts: 8, num_experts_per_tok: 2"
        text = text.replace("intermediate_size: 64", more).replace("llama", "mixtral")
    text = text.replace("  checkpoint_every: 3", f"  {WAYS[way]}\n  checkpoint_every: 3")
    hold(project, nivel, write(project, "own.yaml", text), "own", kills=4, seed=len(way))


@pytest.mark.slow
def test_kills_change_no_bit_of_compiled_blocks(tuning: Path, nivel: Nivel) -> None:
    text = FINETUNE.format(name="tuned", devices=1, method=LORA, train="packing: true")
    spec = write(
        tuning, "tuned.yaml", text.replace("micro_batch: 2", "micro_batch: 2, compile: true")
    )
    hold(tuning, nivel, spec, "tuned", kills=3, seed=2)


@pytest.mark.slow
def test_kills_around_every_write_of_a_checkpoint_change_no_bit(tuning: Path, nivel: Nivel) -> None:
    train = "checkpoint_every: 1\n  keep: 1"
    text = FINETUNE.format(name="tuned", devices=1, method=LORA, train=train)
    hold(tuning, nivel, write(tuning, "tuned.yaml", text), "tuned", kills=6, seed=7)


@pytest.mark.slow
def test_a_run_that_stopped_early_is_not_trained_on_when_it_resumes(
    tuning: Path, nivel: Nivel
) -> None:
    train = "early_stopping: {patience: 1}\n  checkpoint_every: 2"
    text = FINETUNE.format(name="tuned", devices=1, method=LORA, train=train)
    text = text.replace("learning_rate: 1e-2", "learning_rate: 5e-2")
    spec = write(tuning, "tuned.yaml", text)
    nivel("run", spec)
    whole = newest_run(tuning, "tuned")
    found = outcome(whole)
    assert found["result"]["validation"]["stopped_early"]
    assert found["metrics"][-1]["step"] < 30
    # as if it had been killed after training and before its result was written
    for name in ("result.json", "predictions.jsonl"):
        (whole / name).unlink()
    nivel("run", spec, "--resume", "latest")
    assert outcome(whole) == found


@pytest.mark.parametrize(
    "number",
    [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)],
    ids=lambda n: n.name,
)
def test_a_signal_saves_the_step_under_way_and_fails(
    tuning: Path, nivel: Nivel, number: signal.Signals
) -> None:
    text = FINETUNE.format(name="tuned", devices=1, method=LORA, train="checkpoint_every: 100")
    spec = write(tuning, "tuned.yaml", text)
    code, said = begin_and_signal(tuning, (spec,), "tuned", 6, 0.0, number)
    assert code == 3 and "add --resume" in said, said
    folder = newest_run(tuning, "tuned")
    state = json.loads((folder / "run.json").read_text("utf-8"))
    assert state["status"] == "stopped" and "saved after step" in state["reason"]
    (saved,) = (folder / "checkpoints").iterdir()
    assert saved.name.removeprefix("step-").lstrip("0") == state["reason"].rpartition(" ")[2]


@pytest.mark.slow
def test_another_plan_other_data_and_a_damaged_checkpoint_are_told(
    tuning: Path, nivel: Nivel
) -> None:
    text = FINETUNE.format(name="tuned", devices=1, method=LORA, train="checkpoint_every: 5")
    spec = write(tuning, "tuned.yaml", text)
    code, said = begin_and_signal(tuning, (spec,), "tuned", 15, 0.0, signal.SIGKILL)
    assert code == 3, said
    folder = newest_run(tuning, "tuned")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    other = nivel("run", spec, "--resume", "latest", "--set", "train.batch=4", code=2).stderr
    assert "batch.batch was 8, is now 4" in other
    more = nivel("run", spec, "--resume", "latest", "--set", "hardware.devices=2", code=2).stderr
    assert "hardware.devices was 1, is now 2" in more
    rows = (tuning / "train.jsonl").read_text("utf-8")
    (tuning / "train.jsonl").write_text(rows.replace("apple", "grape"), "utf-8")
    assert "train.jsonl" in nivel("run", spec, "--resume", "latest", code=2).stderr
    (folder / "lock.json").unlink()  # the program itself holds the rows to the checkpoint's too
    assert "training rows differ" in nivel("run", spec, "--resume", "latest", code=3).stderr
    (tuning / "train.jsonl").write_text(rows, "utf-8")
    for path, content in before.items():
        if path.name not in ("run.json", "lock.json", "environment.json"):
            assert path.read_bytes() == content, path

    newest = max((folder / "checkpoints").iterdir())
    with (newest / "tensors.safetensors").open("r+b") as file:
        file.seek(-8, os.SEEK_END)
        file.write(b"\0\1\2\3\4\5\6\7")
    done = nivel("run", spec, "--resume", "latest")
    assert f"passing over {newest.name}: it is damaged" in done.stderr
    assert "going on after step 5" in done.stderr


def test_a_method_whose_state_no_checkpoint_holds_is_not_resumed(
    tuning: Path, nivel: Nivel
) -> None:
    text = FINETUNE.format(name="ranks", method="{type: adalora, tfinal: 2}", train="", devices=1)
    (tuning / "ranks.yaml").write_text(text)
    folder = tuning / "runs" / "ranks" / "one"
    folder.mkdir(parents=True)
    (folder / "plan.json").write_text("{}")
    done = nivel("run", "ranks.yaml", "--resume", "one", code=2)
    assert "method adalora cannot be gone on with" in done.stderr
    assert [path.name for path in folder.iterdir()] == ["plan.json"]

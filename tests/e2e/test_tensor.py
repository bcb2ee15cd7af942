"""Devices that cut matrices among them train the model that one process trains."""

from __future__ import annotations

from pathlib import Path

import pytest

from nivel.runtime.training.places import all_paths, step_of

from .conftest import newest_run, result
from .test_ladder import write
from .test_resume import FINETUNE, hold, outcome, tuning  # noqa: F401
from .test_sharded import BF16, FP32, WATCHED, Nivel, close, metrics, own

NOISE = 5e-7  # of a loss near 6, in fp32: a unit of the last place


def test_two_processes_that_cut_matrices_train_as_one(project: Path, nivel: Nivel) -> None:
    nivel("run", write(project, "one.yaml", own("one", "devices: 1")))
    cut = "devices: 2, strategy: tensor, activation_checkpointing: true"
    nivel("run", write(project, "cut.yaml", own("cut", cut)))
    one, found = newest_run(project, "one"), newest_run(project, "cut")
    close(one, found, FP32)
    first = [metrics(each, "loss")[0] for each in (one, found)]
    assert abs(first[0] - first[1]) < NOISE * 6
    assert (found / "samples.jsonl").read_text() == (one / "samples.jsonl").read_text()
    ours, theirs = result(found), result(one)
    assert ours["parameters"] == theirs["parameters"] and ours["tokens"] == theirs["tokens"]
    for folder in (found / "checkpoints").iterdir():
        names = sorted(path.name for path in folder.iterdir())
        assert names[:2] == ["part-00001-of-00002.safetensors", "part-00002-of-00002.safetensors"]
    size = (found / "model" / "model.safetensors").stat().st_size
    for part in folder.glob("part-*"):  # norms alone are in both
        assert abs(part.stat().st_size / (size * 4 / 2) - 1) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_groups_that_cut_matrices_and_share_rows_out_train_as_one(
    project: Path, nivel: Nivel, precision: str
) -> None:
    more = f"{WATCHED}\n  document_mask: true\n  z_loss: 1e-4"
    ways = {"one": "devices: 1", "cut": "devices: 4, strategy: tensor, tensor_parallel: 2"}
    for name, hardware in ways.items():
        text = own(name, f"{hardware}, precision: {precision}", more)
        # keys and values have heads of their own; norms of each head; words that do not divide
        text = text.replace("architecture: llama", "architecture: qwen3")
        nivel(
            "run",
            write(project, f"{name}.yaml", text.replace("vocab_size: 320", "vocab_size: 321")),
        )
    noise = FP32 if precision == "fp32" else BF16
    # AdamW makes a whole step of a gradient near 0: one number of 10,000 was off by 8e-5
    close(newest_run(project, "one"), newest_run(project, "cut"), noise, weights=40)


METHODS = {
    "full": "{type: full}",
    "frozen": "{type: freeze, blocks: 1}",
    "lora": "{type: lora, rank: 4, targets: all-linear}",
}


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_methods_agree_where_matrices_are_cut(
    tuning: Path,  # noqa: F811
    nivel: Nivel,
    method: str,
) -> None:
    folders = []
    for name, devices in {"one": "1", "cut": "2, strategy: tensor"}.items():
        text = FINETUNE.format(
            name=name, devices=devices, method=METHODS[method], train="use: best"
        )
        nivel("run", write(tuning, f"{name}.yaml", text.replace("epochs: 10", "epochs: 4")))
        folders.append(newest_run(tuning, name))
    close(*folders, FP32)


@pytest.mark.slow
def test_kills_change_no_bit_where_matrices_are_cut(project: Path, nivel: Nivel) -> None:
    text = own("own", "devices: 2, strategy: tensor").replace("tokens: 8192", "tokens: 20480")
    killed = hold(project, nivel, write(project, "own.yaml", text), "own", kills=5, seed=4)
    assert all(list(folder.glob("part-*")) for folder in (killed / "checkpoints").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["fsdp", "tensor"])
def test_a_checkpoint_with_a_damaged_part_is_passed_over(
    project: Path, nivel: Nivel, strategy: str
) -> None:
    spec = write(project, "own.yaml", own("own", f"devices: 2, strategy: {strategy}"))
    nivel("run", spec)
    run = newest_run(project, "own")
    before = outcome(run)
    (run / "result.json").unlink()
    older, newest = all_paths(run)[-2:]
    # what the second process alone has, and reads; its size is as it was
    part = newest / "part-00002-of-00002.safetensors"
    raw = part.read_bytes()
    part.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    done = nivel("run", spec, "--resume", run.name)
    assert f"passing over {newest.name}: it is damaged" in done.stderr
    assert f"going on after step {step_of(older)}" in done.stderr
    assert outcome(run) == before

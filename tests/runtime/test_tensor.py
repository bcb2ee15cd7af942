"""Matrices cut among devices: the numbers of a whole model, and a device's slice of its size."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import distributed
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.tensor import DTensor
from torch.testing._internal.distributed.fake_pg import FakeStore
from transformers import AutoConfig, AutoModelForCausalLM

from nivel.compiler import sharding as refusing
from nivel.compiler.costs.activations import block_bytes, width_of
from nivel.compiler.costs.families import read_shape
from nivel.compiler.costs.slices import sliced
from nivel.compiler.spec import MethodSpec
from nivel.runtime.errors import ModelError
from nivel.runtime.training import gather, shard, token_loss
from nivel.runtime.training.sharding import settle
from nivel.runtime.training.tensor import FAMILIES, NAME, split_block

SIZES = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
         "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 300,
         "max_position_embeddings": 32}  # fmt: skip
DIMS = ("data_parallel", NAME)


@pytest.fixture(scope="module")
def mesh() -> Iterator[DeviceMesh]:
    """Two groups of two devices, of which this process is the first; the others say nothing."""
    distributed.init_process_group("fake", store=FakeStore(), rank=0, world_size=4)
    yield init_device_mesh("cpu", (2, 2), mesh_dim_names=DIMS)
    distributed.destroy_process_group()


def made(family: str, **more: Any) -> Any:
    torch.manual_seed(3)
    config = AutoConfig.for_model(family, **{**SIZES, "head_dim": 16, **more})
    return AutoModelForCausalLM.from_config(config)


def test_the_compiler_refuses_the_families_that_cannot_be_cut() -> None:
    assert refusing.FAMILIES == FAMILIES


@pytest.mark.parametrize("words", [300, 301])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_plan_counts_what_a_device_has(mesh: DeviceMesh, family: str, words: int) -> None:
    model = made(family, vocab_size=words)
    shape, how = sliced(read_shape(model.config.to_dict()), MethodSpec("full", {}), 2)
    shard(model, mesh, precision="fp32")
    found = [p.to_local() for p in model.parameters()]
    # half of a slice; what does not divide is filled up by one row at most
    rows = sum(p[0].numel() if p.ndim > 1 else 1 for p in found)
    assert abs(2 * sum(p.numel() for p in found) - how.total) <= rows
    assert how.total < shape.total * 2 and how.trained == how.total == shape.total


def test_a_plan_counts_what_an_adapter_adds_to_a_slice(mesh: DeviceMesh) -> None:
    model = get_peft_model(made("llama"), LoraConfig(r=4, target_modules="all-linear"))
    options = {"rank": 4, "targets": "all-linear"}
    shape = read_shape(model.get_base_model().config.to_dict())
    _, how = sliced(shape, MethodSpec("lora", options), 2)
    for block in model.get_base_model().model.layers:
        split_block(block, mesh[NAME])
    trained = [p for p in model.parameters() if p.requires_grad]
    assert sum(p.to_local().numel() for p in trained if isinstance(p, DTensor)) == how.trained


@pytest.mark.parametrize("family", ["llama", "qwen3"])
def test_a_plan_counts_what_a_block_keeps_of_a_slice(mesh: DeviceMesh, family: str) -> None:
    def kept(layers: int, cut: bool) -> int:
        model = made(family, num_hidden_layers=layers, hidden_size=64, head_dim=32)
        for block in model.model.layers if cut else ():
            split_block(block, mesh[NAME])
        own = {_storage(p) for p in model.parameters()}
        seen: dict[int, torch.Tensor] = {}

        def keep(tensor: torch.Tensor) -> torch.Tensor:
            local = tensor.to_local() if isinstance(tensor, DTensor) else tensor
            if _storage(local) not in own:
                seen[_storage(local)] = local
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            model(input_ids=torch.zeros(2, 32, dtype=torch.long), use_cache=False)
        return sum(each.untyped_storage().nbytes() for each in seen.values())

    config = made(family, hidden_size=64, head_dim=32).config.to_dict()
    whole = read_shape(config)
    shape, how = sliced(whole, MethodSpec("full", {}), 2)
    expected = 2 * 32 * block_bytes(shape, how, width_of(False, False), 0)
    found = kept(3, True) - kept(2, True)
    assert found == pytest.approx(expected, rel=0.1)
    assert found < 0.75 * (kept(3, False) - kept(2, False))


def _storage(tensor: torch.Tensor) -> int:
    local = tensor.to_local() if isinstance(tensor, DTensor) else tensor
    return local.untyped_storage().data_ptr()


def test_what_cannot_be_cut_is_refused(mesh: DeviceMesh) -> None:
    other = AutoModelForCausalLM.from_config(
        AutoConfig.for_model("gpt2", n_embd=32, n_layer=1, n_head=4, vocab_size=300)
    )
    for model, words in (
        (other, "how devices compute a gpt2 together is not known"),
        (made("llama", num_key_value_heads=1), "1 heads of keys and values, which 2 devices"),
        (made("llama", intermediate_size=49), "gate_proj has 49 numbers, which 2 devices"),
    ):
        with pytest.raises(ModelError, match=words):
            shard(model, mesh, precision="fp32")


def agrees(family: str, tied: bool, words: int, count: int) -> None:
    """Hold the loss and the gradients of a cut model to those of a whole one."""
    rank, world = distributed.get_rank(), distributed.get_world_size()
    groups, turn = world // count, rank // count
    mesh = init_device_mesh("cpu", (groups, count), mesh_dim_names=DIMS)
    torch.manual_seed(0)
    ids = torch.randint(0, words, (2 * groups, 16))
    one, two = (made(family, vocab_size=words, tie_word_embeddings=tied) for _ in range(2))
    loss, nll = token_loss(one, {"input_ids": ids, "labels": ids}, z_loss=1e-3)
    (loss / 100).backward()  # type: ignore[no-untyped-call]
    shard(two, mesh, precision="fp32")
    mine = ids[2 * turn : 2 * turn + 2]
    loss, found = token_loss(two, {"input_ids": mine, "labels": mine}, z_loss=1e-3)
    (loss * groups / 100).backward()  # type: ignore[no-untyped-call]
    distributed.all_reduce(found)
    assert abs(float(found / count / nll) - 1) < 5e-7, (family, float(found / count / nll))
    for (name, own), cut in zip(one.named_parameters(), two.parameters(), strict=True):
        other = cut.grad.full_tensor()
        worst = (other - own.grad).abs().max() / own.grad.abs().max()
        assert worst < 5e-6, (family, name, float(worst))
    settle(two)
    whole = gather(two)
    if rank == 0:
        same = zip(whole.state_dict().values(), one.state_dict().values(), strict=True)
        assert all(torch.equal(a, b) for a, b in same)


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4])
def test_every_family_computes_in_slices_what_it_computes_whole(tmp_path: Path, count: int) -> None:
    command = [sys.executable, __file__, str(tmp_path / "store"), str(count)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    started = [
        subprocess.Popen([*command, str(rank)], env=environment, stderr=subprocess.PIPE, text=True)
        for rank in range(count)
    ]
    for process in started:
        said = process.communicate(timeout=300)[1]
        assert process.returncode == 0, said


def _process(store: str, world: int, rank: int) -> None:
    os.environ["RANK"] = str(rank)
    distributed.init_process_group(
        "gloo", init_method=f"file://{store}", rank=rank, world_size=world
    )
    for family in FAMILIES:
        agrees(family, tied=family in ("gemma", "qwen3"), words=300, count=2)
    for tied in (False, True):
        agrees("llama", tied=tied, words=301, count=2)
    distributed.barrier()
    with contextlib.suppress(Exception):
        distributed.destroy_process_group()
    os._exit(0)  # threads of gloo may abort a Python that ends by itself


if __name__ == "__main__":
    _process(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))

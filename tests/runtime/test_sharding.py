"""A model taken apart, put together again, and kept in files of which each holds a part."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor
from transformers import AutoConfig, AutoModelForCausalLM

from nivel.runtime.errors import RunError
from nivel.runtime.models import first_alone, load_model, save_model, train_byte_bpe
from nivel.runtime.training import gather, shard
from nivel.runtime.training.sharding import settle
from nivel.runtime.training.shards import newest_sound, read_shards, write_shards
from nivel.runtime.training.state import is_whole, read_state

SIZES = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
         "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 300,
         "max_position_embeddings": 32}  # fmt: skip


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeviceMesh]:
    """A mesh of one process: all parts are here, and the whole."""
    store = distributed.FileStore(str(tmp_path_factory.mktemp("store") / "file"), 1)
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield init_device_mesh("cpu", (1,), mesh_dim_names=("parts",))
    distributed.destroy_process_group()


def made(tied: bool = True) -> Any:
    torch.manual_seed(3)
    config = AutoConfig.for_model("llama", **SIZES, tie_word_embeddings=tied)
    return AutoModelForCausalLM.from_config(config)


@pytest.mark.parametrize("tied", [True, False])
def test_a_model_in_parts_computes_and_is_put_together_as_it_was(
    mesh: DeviceMesh, tied: bool
) -> None:
    model, ids = made(tied), torch.arange(8)[None]
    before = {name: p.detach().clone() for name, p in model.state_dict().items()}
    expected = model(input_ids=ids).logits.detach()
    shard(model, mesh, precision="fp32")
    assert isinstance(model, FSDPModule) and isinstance(model.model.layers[1], FSDPModule)
    assert all(isinstance(p, DTensor) for p in model.parameters())
    assert torch.equal(model(input_ids=ids).logits, expected)
    settle(model)
    whole = gather(model)
    assert type(whole).__name__ == "LlamaForCausalLM" and not isinstance(whole, FSDPModule)
    assert (whole.lm_head.weight is whole.model.embed_tokens.weight) == tied
    after = whole.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert torch.equal(whole(input_ids=ids).logits, expected)


def test_parts_in_the_memory_of_a_cpu_change_no_bit(mesh: DeviceMesh) -> None:
    found = []
    for offload in (False, True):
        model = made()
        shard(model, mesh, precision="fp32", offload=offload)
        found.append(state_of(model)["state_dict"])
    for name, value in found[0].items():
        assert torch.equal(found[1][name].to_local(), value.to_local()), name


def test_weights_that_change_between_passes_are_seen(mesh: DeviceMesh) -> None:
    model, ids = made(), torch.arange(8)[None]
    shard(model, mesh, precision="fp32")
    with torch.no_grad():
        first = model(input_ids=ids).logits.clone()
        settle(model)
        for parameter in model.parameters():
            parameter.mul_(0.5)
        assert not torch.allclose(model(input_ids=ids).logits, first)


def test_other_processes_make_shapes_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tokenizer = train_byte_bpe(["some words of text"], 270)
    save_model(made(), tokenizer, tmp_path / "base")
    real = load_model("./base", dtype="fp32")
    monkeypatch.setenv("RANK", "1")
    with first_alone():
        empty = load_model("./base", dtype="fp32")
        new = made()
    for other in (empty, new):
        assert all(p.is_meta for p in other.parameters())
        shapes = {name: (p.shape, p.dtype) for name, p in other.named_parameters()}
        assert shapes == {name: (p.shape, p.dtype) for name, p in real.named_parameters()}
    monkeypatch.setenv("RANK", "0")
    with first_alone():
        assert not any(p.is_meta for p in load_model("./base", dtype="fp32").parameters())


def state_of(model: Any) -> dict[str, Any]:
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    model(input_ids=torch.arange(8)[None]).logits.sum().backward()
    optimizer.step()
    settle(model)
    return {"state_dict": model.state_dict(), "optimizer": optimizer.state_dict(), "step": 7}


def test_a_state_in_parts_is_read_as_it_was_written(mesh: DeviceMesh, tmp_path: Path) -> None:
    model = made()
    shard(model, mesh, precision="fp32")
    state, folder = state_of(model), tmp_path / "checkpoints" / "step-7"
    (folder.parent).mkdir()
    (folder.parent / f".writing-{folder.name}").mkdir()  # what a killed writer left
    write_shards(folder, state, mesh)
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["part-00001-of-00001.safetensors", "state.json", "tensors.safetensors"]
    assert is_whole(folder) and list(folder.parent.iterdir()) == [folder]
    found = read_shards(folder, mesh)
    assert found["step"] == 7 and found["state_dict"].keys() == state["state_dict"].keys()
    for name, value in state["state_dict"].items():
        other = found["state_dict"][name]
        assert isinstance(other, DTensor) and other.placements == value.placements
        assert other.shape == value.shape and torch.equal(other.to_local(), value.to_local())
    groups = state["optimizer"]["state"]
    for number, known in groups.items():
        again = found["optimizer"]["state"][number]
        assert torch.equal(again["step"], known["step"])
        assert torch.equal(again["exp_avg"].to_local(), known["exp_avg"].to_local())
    with pytest.raises(RunError, match="in parts"):
        read_state(folder)


def test_parts_that_are_damaged_missing_or_too_many_are_told(
    mesh: DeviceMesh, tmp_path: Path
) -> None:
    model = made()
    shard(model, mesh, precision="fp32")
    folder = tmp_path / "checkpoints" / "step-7"
    folder.parent.mkdir()
    write_shards(folder, state_of(model), mesh)
    part = folder / "part-00001-of-00001.safetensors"
    text, raw = (folder / "state.json").read_text(), part.read_bytes()
    part.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    assert is_whole(folder)  # its size is right; who reads it sees more
    with pytest.raises(RunError, match="is damaged: part-00001"):
        read_shards(folder, mesh)
    with pytest.raises(RunError, match="no checkpoint is left"):
        newest_sound(folder, mesh)
    older = tmp_path / "checkpoints" / "step-6"
    write_shards(older, state_of(model), mesh)
    assert newest_sound(folder, mesh) == newest_sound(older, mesh) == older
    part.write_bytes(raw[:-1])
    assert not is_whole(folder)
    part.write_bytes(raw)
    more = json.loads(text)
    more["parts"] *= 2
    (folder / "state.json").write_text(json.dumps(more))
    assert not is_whole(folder)
    (folder / "part-00002-of-00002.safetensors").write_bytes(raw)
    with pytest.raises(RunError, match="in 2 parts, and there are 1 processes"):
        read_shards(folder, mesh)

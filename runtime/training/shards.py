"""The state of a model in parts on disk: a file for each part, and a list of them written last.

As in :mod:`.state`, without pickle, and whole or absent: the folder is filled beside its place by
all processes, each writing the part that it holds, then completed and renamed by the first. The
folder has to be one that all machines see.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import distributed
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Replicate

from ..errors import RunError
from ..paths import file_sha256
from .places import STATE, TENSORS, all_paths, step_of
from .state import (
    FORMAT,
    UNFINISHED,
    Tensors,
    is_whole,
    placements_of,
    put_together,
    read_plain,
    sync,
    take_apart,
)

COPIES = "machines"
"""The dimension of a mesh along which there are copies of the parts."""


def write_shards(folder: Path, state: Mapping[str, Any], mesh: DeviceMesh) -> None:
    """Write `state` as `folder`, in one step; all processes have to call it.

    Parts of which there are copies are written once.

    Raises:
        RunError: it holds what no checkpoint can, or the machines do not see one folder.
        OSError: the disk refused it; `folder` is then what it was before.
    """
    tensors = Tensors()
    plain = take_apart(state, "", tensors)
    temporary = folder.parent / f"{UNFINISHED}{folder.name}"
    first = distributed.get_rank() == 0
    if first:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
    distributed.barrier()
    mine = torch.zeros(40, dtype=torch.uint8)  # sha256, and the size as 8 bytes
    if _writes(mesh):
        mine = _write_part(temporary / _name(_part(mesh), _count(mesh)), tensors.parts)
    found = _gathered(mine, mesh)
    if first:
        save_file(tensors.named, temporary / TENSORS)
        sync(temporary / TENSORS)
        parts = [_described(each) for each in found]
        _refuse_apart(temporary, parts)
        _complete(temporary, folder, plain, parts)
    distributed.barrier()


def newest_sound(folder: Path, mesh: DeviceMesh) -> Path:
    """Return `folder`, or the newest checkpoint before it whose parts all are what was written.

    All processes have to call it: each reads its own part to the end, and they agree.

    Raises:
        RunError: there is none.
    """
    before = [path for path in all_paths(folder.parent.parent) if step_of(path) < step_of(folder)]
    for path in [folder, *reversed(before)]:
        sound = _agreed(is_whole(path) and _is_written(path, mesh), mesh)
        if distributed.get_rank() == 0 and not sound:
            print(f"passing over {path.name}: it is damaged", file=sys.stderr, flush=True)
        elif distributed.get_rank() == 0 and path != folder:
            print(f"going on after step {step_of(path)}", file=sys.stderr, flush=True)
        if sound:
            return path
    raise RunError(
        f"no checkpoint is left to go on from: {folder.name} and those before it are damaged",
        f"remove {folder.parent} to begin anew",
    )


def _agreed(sound: bool, mesh: DeviceMesh) -> bool:
    said = torch.tensor(int(sound), device=mesh.device_type)
    distributed.all_reduce(said, distributed.ReduceOp.MIN)
    return bool(said)


def _is_written(folder: Path, mesh: DeviceMesh) -> bool:
    """Whether this process's part is the one that was written; a number of them is told later."""
    listed, count = read_plain(folder).get("parts", []), _count(mesh)
    path = folder / _name(_part(mesh), count)
    return len(listed) != count or file_sha256(path) == listed[_part(mesh)]["sha256"]


def read_shards(folder: Path, mesh: DeviceMesh) -> dict[str, Any]:
    """Return what `write_shards` wrote, with the parts of this process where the state has such.

    Raises:
        RunError: a file is missing, is not the one that was written, or the parts are not as many.
    """
    plain = read_plain(folder)
    listed, count = plain.get("parts", []), _count(mesh)
    if len(listed) != count:
        raise RunError(
            f"checkpoint {folder.name} is in {len(listed)} parts, and there are {count} processes",
            "run it with as many processes as before: another number sums in another order",
        )
    path = folder / _name(_part(mesh), count)
    if file_sha256(path) != listed[_part(mesh)]["sha256"]:
        raise RunError(
            f"checkpoint {folder.name} is damaged: {path.name} is not what was written",
            f"remove {folder} to go on from the checkpoint before it",
        )
    parts = load_file(path)
    kind = mesh.device_type

    def joined(one: Mapping[str, Any]) -> DTensor:
        local = parts[one["part"]]
        placements = [*[Replicate()] * _copied(mesh), *placements_of(one)]
        shape = torch.Size(one["shape"])
        return DTensor.from_local(
            local.to(kind) if one["on"] == kind else local,
            mesh,
            placements,
            run_check=False,
            shape=shape,
            stride=torch.empty(shape, device="meta").stride(),
        )

    state = put_together(plain["state"], load_file(folder / TENSORS), joined)
    assert isinstance(state, dict)
    return state


def _copied(mesh: DeviceMesh) -> int:
    """Return how many dimensions of the mesh, the first ones, hold copies of the same parts."""
    return int(COPIES in (mesh.mesh_dim_names or ()))


def _count(mesh: DeviceMesh) -> int:
    return math.prod(mesh.shape[_copied(mesh) :])


def _part(mesh: DeviceMesh) -> int:
    """Return which part this process holds: the last dimension of the mesh counts fastest."""
    number = 0
    for dimension in range(_copied(mesh), mesh.ndim):
        number = number * mesh.size(dimension) + mesh.get_local_rank(dimension)
    return number


def _writes(mesh: DeviceMesh) -> bool:
    return all(mesh.get_local_rank(dimension) == 0 for dimension in range(_copied(mesh)))


def _name(part: int, count: int) -> str:
    return f"part-{part + 1:05d}-of-{count:05d}.safetensors"


def _write_part(path: Path, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Write a part and return its sha256 and size, as 40 bytes."""
    path.parent.mkdir(exist_ok=True)
    save_file(dict(tensors), path)
    sync(path)
    said = bytes.fromhex(file_sha256(path)) + path.stat().st_size.to_bytes(8, "big")
    return torch.tensor(list(said), dtype=torch.uint8)


def _gathered(mine: torch.Tensor, mesh: DeviceMesh) -> list[torch.Tensor]:
    """Return what each process says of its part, in the order of the parts."""
    mine = mine.to(mesh.device_type)
    every = [torch.zeros_like(mine) for _ in range(distributed.get_world_size())]
    distributed.all_gather(every, mine)
    return [each.cpu() for each in every[: _count(mesh)]]  # copies come after


def _described(said: torch.Tensor) -> dict[str, Any]:
    raw = bytes(said.tolist())
    return {"sha256": raw[:32].hex(), "bytes": int.from_bytes(raw[32:], "big")}


def _refuse_apart(temporary: Path, parts: list[dict[str, Any]]) -> None:
    for index, part in enumerate(parts):
        path = temporary / _name(index, len(parts))
        if not path.is_file() or path.stat().st_size != part["bytes"]:
            raise RunError(
                f"the part {path.name} of a checkpoint is not where the first process looks",
                "let all machines see the same folder of the run",
            )


def _complete(temporary: Path, folder: Path, plain: Any, parts: list[dict[str, Any]]) -> None:
    """Add the list of files, which makes a checkpoint of them, and put it in its place."""
    sha = file_sha256(temporary / TENSORS)
    body = {"format": FORMAT, "tensors_sha256": sha, "parts": parts, "state": plain}
    (temporary / STATE).write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    sync(temporary / STATE)
    sync(temporary)
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(temporary, folder)
    sync(folder.parent)

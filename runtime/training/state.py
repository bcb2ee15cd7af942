"""The whole state of a training run on disk: safetensors for tensors, JSON for the rest.

No pickle: a checkpoint is read by whoever goes on with a run, and a pickle can run code. A state
is a folder that is written beside its place, brought to the disk, and renamed: it is there whole
or not at all, whatever moment the writer is killed at.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.checkpoint_io import CheckpointIO
from safetensors.torch import load_file, save_file
from torch.distributed.tensor import DTensor, Placement, Replicate, Shard
from torch.distributed.tensor.placement_types import _StridedShard

from ..errors import RunError
from ..paths import file_sha256
from .places import STATE, TENSORS
from .tensor import NAME as TENSOR

FORMAT = 1
UNFINISHED = ".writing-"  # how the name of a folder begins that is being written
_TENSOR, _PART, _PAIRS, _TUPLE = "$tensor", "$part", "$pairs", "$tuple"  # what JSON has no form for


def write_state(folder: Path, state: Mapping[str, Any]) -> None:
    """Write `state` as `folder`, in one step; one of that name is replaced.

    Raises:
        RunError: it holds something that is neither a tensor nor plain data.
        OSError: the disk refused it; `folder` is then what it was before.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    tensors = Tensors()
    plain = take_apart(state, "", tensors)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=UNFINISHED))
    try:
        save_file(tensors.named, temporary / TENSORS)
        sync(temporary / TENSORS)
        sha = file_sha256(temporary / TENSORS)
        text = json.dumps({"format": FORMAT, "tensors_sha256": sha, "state": plain}, indent=1)
        (temporary / STATE).write_text(text + "\n", encoding="utf-8")
        sync(temporary / STATE)
        temporary.chmod(0o755)  # mkdtemp makes it private
        sync(temporary)
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(temporary, folder)
        sync(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_state(folder: Path) -> dict[str, Any]:
    """Return what `write_state` wrote; tensors are on the CPU.

    Raises:
        RunError: a file is missing, or is not the one that was written.
    """
    plain = read_plain(folder)
    if "parts" in plain:
        raise RunError(f"checkpoint {folder} is in parts, one for each process")
    state = put_together(plain["state"], load_file(folder / TENSORS))
    assert isinstance(state, dict)
    return state


def is_whole(folder: Path) -> bool:
    """Say whether `read_state` would find what was written; reads the files to their end."""
    try:
        read_plain(folder)
    except RunError:
        return False
    return True


def read_plain(folder: Path) -> dict[str, Any]:
    try:
        plain = json.loads((folder / STATE).read_text(encoding="utf-8"))
        if plain["format"] != FORMAT:
            raise RunError(f"checkpoint {folder} has format {plain['format']}, not {FORMAT}")
        sound = plain["tensors_sha256"] == file_sha256(folder / TENSORS)
        # of parts the sizes: each process reads its own, and no one reads all to their ends
        sizes = [each["bytes"] for each in plain.get("parts", [])]
        there = [path.stat().st_size for path in sorted(folder.glob("part-*.safetensors"))]
        sound = sound and sizes == there
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"checkpoint {folder} cannot be read: {error}") from error
    if not sound:
        raise RunError(f"checkpoint {folder} is damaged: its tensors are not what was written")
    found: dict[str, Any] = plain
    return found


class Tensors:
    """Tensors by name; one that is the same memory, read in the same way, has one name.

    Of those that processes share, `parts` holds what this one has.
    """

    def __init__(self) -> None:
        self.named: dict[str, torch.Tensor] = {}
        self.parts: dict[str, torch.Tensor] = {}
        self._places: dict[Any, str] = {}

    def add(self, name: str, tensor: torch.Tensor) -> str:
        """Keep `tensor`, which is contiguous, and return its name."""
        place = (tensor.data_ptr() or name, tensor.shape, tensor.dtype)
        found = self._places.setdefault(place, name)
        self.named.setdefault(found, tensor)
        return found

    def add_part(self, name: str, tensor: DTensor) -> dict[str, Any]:
        """Keep what this process has of `tensor`; return how the whole is put together."""
        local = tensor.to_local().detach()
        name = self._places.setdefault(("part", local.data_ptr() or name), name)
        self.parts.setdefault(name, _alone(local).cpu())
        known = {"shape": list(tensor.shape), "on": tensor.device.type}
        return {"part": name, **_said(tensor), **known}


def _said(tensor: DTensor) -> dict[str, Any]:
    """Say how a tensor is cut, as JSON data; `placements_of` reads it.

    `dim` is the dimension that lies along the parts. Of matrices that devices cut before parts
    were made, `cut` is the dimension that they cut, None where all have the whole, and `split` how
    many slices each part has been taken from.
    """
    cuts = TENSOR in (tensor.device_mesh.mesh_dim_names or ())
    placements = tensor.placements[-2:] if cuts else tensor.placements
    along: Any = next(each for each in placements if not each.is_replicate())
    if not cuts:
        return {"dim": along.dim}
    first: Any
    last: Any
    first, last = placements
    split = getattr(first, "split_factor", 1)
    return {"dim": first.dim, "cut": getattr(last, "dim", None), "split": split}


def placements_of(said: Mapping[str, Any]) -> list[Placement]:
    """Return how a tensor lies along the parts, and along the devices that cut it, if any do.

    `said` is what `Tensors.add_part` returned.
    """
    if "cut" not in said:
        return [Shard(said["dim"])]
    dim, cut, split = said["dim"], said["cut"], said["split"]
    along = Shard(dim) if split == 1 else _StridedShard(dim, split_factor=split)
    return [along, Replicate() if cut is None else Shard(cut)]


def take_apart(value: Any, name: str, tensors: Tensors) -> Any:
    """Return `value` as JSON data, with a reference for each tensor, which goes to `tensors`.

    One that stands in several places is written once.
    """
    if isinstance(value, DTensor):
        return {_PART: tensors.add_part(name, value)}
    if isinstance(value, torch.Tensor):
        return {_TENSOR: tensors.add(name, _alone(value))}
    if isinstance(value, Mapping):
        inner = {key: take_apart(item, f"{name}/{key}", tensors) for key, item in value.items()}
        if all(isinstance(key, str) and not key.startswith("$") for key in inner):
            return inner
        return {_PAIRS: [[key, item] for key, item in inner.items()]}
    if isinstance(value, (list, tuple)):
        items = [take_apart(item, f"{name}/{i}", tensors) for i, item in enumerate(value)]
        return items if isinstance(value, list) else {_TUPLE: items}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise RunError(f"the state {name} is a {type(value).__name__}, which no checkpoint can hold")


def _alone(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor that shares no memory with another: safetensors refuses those that do."""
    tensor = tensor.detach().contiguous()
    return tensor if tensor.untyped_storage().nbytes() == tensor.nbytes else tensor.clone()


def put_together(
    value: Any,
    tensors: Mapping[str, torch.Tensor],
    joined: Callable[[Mapping[str, Any]], torch.Tensor] | None = None,
) -> Any:
    """Undo `take_apart`; `joined` makes a tensor of what `Tensors.add_part` returned."""
    if isinstance(value, list):
        return [put_together(item, tensors, joined) for item in value]
    if not isinstance(value, dict):
        return value
    if _TENSOR in value:
        return tensors[value[_TENSOR]]
    if _PART in value and joined is not None:
        return joined(value[_PART])
    if _PAIRS in value:
        return {key: put_together(item, tensors, joined) for key, item in value[_PAIRS]}
    if _TUPLE in value:
        return tuple(put_together(item, tensors, joined) for item in value[_TUPLE])
    return {key: put_together(item, tensors, joined) for key, item in value.items()}


def sync(path: Path) -> None:
    """Have the system bring a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class StateFiles(CheckpointIO):
    """Lightning's own checkpoints in this form, in place of pickles made by `torch.save`."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        write_state(Path(path), checkpoint)

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        return read_state(Path(path))

    def remove_checkpoint(self, path: Any) -> None:
        shutil.rmtree(path, ignore_errors=True)

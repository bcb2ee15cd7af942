"""A model in parts: each device holds a share of the weights, gradients and optimizer state.

This is ZeRO (Rajbhandari et al., arXiv:1910.02054) as torch's FSDP2 has it (Zhao et al.,
arXiv:2304.11277; `fully_shard`): a block's weights are put together for as long as the block
computes, and its gradients are summed over devices and taken apart again. Names of parameters and
the arithmetic are those of a model in one piece. With `tensor` above 1, groups of so many devices
compute the same rows, each with a slice of every matrix (:mod:`.tensor`), and what a device has of
a slice is shared out over the groups.
"""

from __future__ import annotations

import atexit
import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from weakref import WeakKeyDictionary

import torch
from lightning.pytorch.strategies import ModelParallelStrategy, ParallelStrategy
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import (
    CPUOffloadPolicy,
    FSDPModule,
    MixedPrecisionPolicy,
    OffloadPolicy,
    fully_shard,
)
from torch.distributed.tensor import DTensor

from ..records.ranks import is_rank_zero
from .compiled import blocks_of
from .shards import COPIES, newest_sound, read_shards, write_shards
from .tensor import NAME as TENSOR
from .tensor import refuse_uncut, split_block, split_outside

Level = Literal["full", "gradients", "hybrid"]

_WHOLE: WeakKeyDictionary[nn.Module, nn.Module] = WeakKeyDictionary()
"""Model in parts -> the same in one piece, without its numbers."""


class Sharded(ModelParallelStrategy):
    """Lightning's strategy for models that `shard` has taken apart; checkpoints are nivel's.

    Args:
        level: as `shard` has it; `hybrid` makes a copy of the whole on each machine.
        offload: whether weights and optimizer are in the CPU's memory.
        tensor: devices that compute the same rows together; 1 where each has rows of its own.
    """

    def __init__(self, *, level: Level = "full", offload: bool = False, tensor: int = 1) -> None:
        # what is offloaded is summed over on the CPU, which NCCL does not do
        super().__init__(process_group_backend="cpu:gloo,cuda:nccl" if offload else None)
        self.level, self.offload, self.tensor = level, offload, tensor

    def setup_environment(self) -> None:
        self._data_parallel_size = self.num_nodes * self.num_processes // self.tensor
        self._tensor_parallel_size = self.tensor
        known = self._device_mesh  # of an earlier fit, which the model is in parts over
        super().setup_environment()
        self._device_mesh = known or self._mesh()
        if known is None:  # threads of gloo that are left to the end of Python may abort it
            atexit.register(_leave)
        module: Any = self.lightning_module
        module._device_mesh = self._device_mesh

    def _mesh(self) -> DeviceMesh:
        kind, machines, each = self.root_device.type, self.num_nodes, self.num_processes
        if self.tensor > 1:
            return self.device_mesh  # Lightning's, of two dimensions
        if self.level == "hybrid":
            return init_device_mesh(kind, (machines, each), mesh_dim_names=(COPIES, "parts"))
        return init_device_mesh(kind, (machines * each,), mesh_dim_names=("parts",))

    def model_to_device(self) -> None:
        """Nothing: `shard` has put every part where it belongs."""

    def lightning_module_state_dict(self) -> dict[str, Any]:
        assert self.lightning_module is not None
        settle(self.lightning_module)
        return self.lightning_module.state_dict()

    def optimizer_state(self, optimizer: Any) -> dict[str, Any]:
        return ParallelStrategy.optimizer_state(self, optimizer)

    def save_checkpoint(
        self, checkpoint: dict[str, Any], filepath: Any, storage_options: Any = None
    ) -> None:
        write_shards(Path(filepath), checkpoint, self.device_mesh)

    def load_checkpoint(self, checkpoint_path: Any, weights_only: Any = None) -> dict[str, Any]:
        return read_shards(newest_sound(Path(checkpoint_path), self.device_mesh), self.device_mesh)

    def load_model_state_dict(self, checkpoint: Mapping[str, Any], strict: bool = True) -> None:
        ParallelStrategy.load_model_state_dict(self, checkpoint, strict)

    @property
    def lightning_restore_optimizer(self) -> bool:
        return True

    def load_optimizer_state_dict(self, checkpoint: Mapping[str, Any]) -> None:
        for optimizer, state in zip(self.optimizers, checkpoint["optimizer_states"], strict=True):
            optimizer.load_state_dict(state)  # each part is where its parameter is


def _leave() -> None:
    if distributed.is_initialized():
        distributed.destroy_process_group()


def shard(
    model: nn.Module,
    mesh: DeviceMesh | None,
    *,
    precision: str,
    level: Level = "full",
    offload: bool = False,
) -> None:
    """Take `model` apart over `mesh`, block by block; the first process gives the numbers.

    The others need no more than shapes (`first_alone`). Matrices of blocks are put together in the
    precision they are computed in, gradients are summed in fp32, and each device updates its part
    in the precision that the model was made in. Doing it twice is harmless.

    Args:
        mesh: the devices; of a mesh with two dimensions, the parts lie along the second and the
            first holds copies. Where the second is `tensor_parallel`, its devices cut matrices,
            and parts of what they have lie along the first.
        precision: what blocks compute in, `fp32` or `bf16`.
        level: `full` takes a block's weights apart again as soon as it has computed; `gradients`
            keeps them until the way back has passed, which takes more memory and sends less.
            `hybrid` is `full` on a mesh of two dimensions.
        offload: keep the parts in the CPU's memory while they do not compute.
    """
    if isinstance(model, FSDPModule):
        return
    assert mesh is not None, "Lightning gives the mesh before it has a model configured"
    whole = _skeleton(model)
    short = precision == "bf16"
    # embeddings, norms and the output layer stay in fp32, as under autocast; the rest is what
    # autocast would make of the weights, and so is sent in half the bytes
    inside = MixedPrecisionPolicy(
        param_dtype=torch.bfloat16 if short else None,
        reduce_dtype=torch.float32 if short else None,
        cast_forward_inputs=False,
    )
    outside = MixedPrecisionPolicy(cast_forward_inputs=False)
    # memory that a GPU reads by itself; without one there is none such
    pinned = mesh.device_type == "cuda"
    where: Any = CPUOffloadPolicy(pin_memory=pinned) if offload else OffloadPolicy()
    again = level != "gradients"
    cut = mesh[TENSOR] if _cuts(mesh) else None
    parts = mesh[mesh.mesh_dim_names[0]] if cut is not None and mesh.mesh_dim_names else mesh
    if cut is not None:
        refuse_uncut(model.config, cut.size())
    for block in blocks_of(model):
        _fill(block, mesh)
        if cut is not None:
            split_block(block, cut)
        fully_shard(
            block, mesh=parts, mp_policy=inside, reshard_after_forward=again, offload_policy=where
        )
    _fill(model, mesh)
    if cut is not None:
        split_outside(model, cut)
    # the loss calls the output layer once more, after the model: its weights have to be there
    fully_shard(
        model, mesh=parts, mp_policy=outside, reshard_after_forward=False, offload_policy=where
    )
    _WHOLE[model] = whole


def _cuts(mesh: DeviceMesh) -> bool:
    return TENSOR in (mesh.mesh_dim_names or ())


def turn_of(trainer: Any) -> tuple[int, int]:
    """Return which of the processes that have rows of their own this is, and how many there are.

    Those that compute the same rows together count as one.
    """
    together = int(getattr(trainer.strategy, "tensor", 1))
    return trainer.global_rank // together, trainer.world_size // together


def sum_over_rows(trainer: Any, value: Tensor) -> float:
    """Return the sum of a number over the processes that have rows of their own."""
    strategy = trainer.strategy
    cut = int(getattr(strategy, "tensor", 1)) > 1
    group = strategy.device_mesh.get_group(0) if cut else None
    return float(strategy.reduce(value, group, reduce_op="sum"))


def is_sharded(module: nn.Module) -> bool:
    """Whether a model, or the one inside a Lightning module, is in parts."""
    return any(isinstance(part, FSDPModule) for part in module.modules())


def settle(module: nn.Module) -> None:
    """Let no device hold more than its part, so that weights that change are seen next time."""
    for part in module.modules():
        if isinstance(part, FSDPModule):
            part.reshard()


def gather(model: nn.Module) -> Any:
    """Return the model in one piece, in the first process's memory; elsewhere without numbers.

    All processes have to call it. The parts stay as they are.
    """
    settle(model)
    whole, first = _WHOLE[model], is_rank_zero()
    places: dict[int, nn.Parameter] = {}
    named = dict(model.named_parameters(remove_duplicate=False))
    for name, empty in list(whole.named_parameters(remove_duplicate=False)):
        if id(empty) not in places:
            full = _full(named[name]).cpu()
            made = nn.Parameter(full, empty.requires_grad) if first else empty
            places[id(empty)] = made
        _put(whole, name, places[id(empty)])
    for name, buffer in model.named_buffers():
        owner, _, key = name.rpartition(".")
        whole.get_submodule(owner)._buffers[key] = buffer.cpu()
    whole.train(model.training)
    return whole


def whole_norm(norm: Tensor) -> Tensor:
    """Return a norm over all devices; one of a model in one piece is that already."""
    return _full(norm)


def _full(tensor: Tensor) -> Tensor:
    return tensor.full_tensor().detach() if isinstance(tensor, DTensor) else tensor.detach()


def _put(model: nn.Module, name: str, parameter: nn.Parameter) -> None:
    owner, _, key = name.rpartition(".")
    model.get_submodule(owner)._parameters[key] = parameter


def _skeleton(model: nn.Module) -> nn.Module:
    """Return a copy of the model whose parameters are shapes alone; shared ones stay shared."""
    memo: dict[int, Any] = {
        id(p): nn.Parameter(torch.empty_like(p, device="meta"), p.requires_grad)
        for p in model.parameters()
    }
    return copy.deepcopy(model, memo)


def _fill(module: nn.Module, mesh: DeviceMesh) -> None:
    """Put what `module` has, and is not in parts yet, on this device, as the first process has it.

    Parameters that layers share stay shared.
    """
    device = torch.device(mesh.device_type)
    if device.type == "cuda":
        device = torch.device("cuda", torch.cuda.current_device())
    made: dict[int, tuple[nn.Parameter, nn.Parameter]] = {}
    for part in module.modules():
        for key, old in part._parameters.items():
            if old is None or isinstance(old, DTensor):
                continue
            if id(old) not in made:
                new = nn.Parameter(_sent(old.detach(), device), old.requires_grad)
                made[id(old)] = (old, new)  # the old one stays alive, so that its id is its own
            part._parameters[key] = made[id(old)][1]
        for key, buffer in part._buffers.items():
            if buffer is not None:
                part._buffers[key] = _sent(buffer, device)


def _sent(tensor: Tensor, device: torch.device) -> Tensor:
    """Return the first process's numbers, on `device`, in every process."""
    found = torch.empty_like(tensor, device=device) if tensor.is_meta else tensor.to(device)
    found = found.contiguous()
    if found.numel():
        # as bytes: not every backend sends every type
        distributed.broadcast(found.flatten().view(torch.uint8), src=0)
    return found

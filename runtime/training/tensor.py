"""Matrices that a few devices hold and multiply together, each a slice of every one.

A block has two pairs of products: queries, keys and values before the attention and its output
after it, and the same around the MLP's activation. Of the first of a pair each device has some of
the outputs, so some of the heads; of the second the inputs that follow from them. What comes out
is summed over the devices: one sum a pair on the way forward, and one on the way back (Shoeybi et
al., arXiv:1909.08053, section 3; `torch.distributed.tensor.parallel`). Words are shared out over
the devices too, where their number divides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Partial, Placement, Replicate, distribute_tensor
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    ParallelStyle,
    RowwiseParallel,
    parallelize_module,
)

from ..errors import ModelError

OUTPUTS = ("q_proj", "k_proj", "v_proj", "gate_proj", "up_proj")
"""Matrices of which each device has some of the outputs."""

INPUTS = ("o_proj", "down_proj")
"""Matrices of which each device has some of the inputs."""

FAMILIES = ("gemma", "gemma2", "llama", "mistral", "olmo", "qwen2", "qwen3")
"""`model_type` of the models that were seen to compute in slices what they compute whole."""

OF_HEADS = ("q_norm", "k_norm")
"""Norms that every head goes through by itself: each device knows what its own heads say."""

NAME = "tensor_parallel"
"""The dimension of the mesh along which matrices are cut."""


class Whole(ParallelStyle):
    """A layer that every device has whole and computes with plain tensors.

    Args:
        summed: the devices' gradients are of different heads, and are summed.
    """

    def __init__(self, *, summed: bool = False) -> None:
        super().__init__()
        self.gradient: Placement = Partial() if summed else Replicate()

    def _apply(self, module: nn.Module, device_mesh: DeviceMesh) -> nn.Module:
        for key, own in list(module._parameters.items()):
            if own is not None:
                whole = distribute_tensor(own, device_mesh, [Replicate()], src_data_rank=None)
                module.register_parameter(key, nn.Parameter(whole, own.requires_grad))
        module.forward = _with_local(module, module.forward, self.gradient)
        return module


def _with_local(
    module: nn.Module, inner: Callable[..., Any], gradient: Placement
) -> Callable[..., Any]:
    """Return `inner` of `module` that finds plain tensors in place of its parameters."""

    def forward(*inputs: Any, **named: Any) -> Any:
        held = dict(module._parameters)
        for key, own in held.items():
            if isinstance(own, DTensor):
                local: Any = own.to_local(grad_placements=[gradient])
                module._parameters[key] = local
        try:
            return inner(*inputs, **named)
        finally:
            module._parameters.update(held)

    return forward


def split_block(block: nn.Module, mesh: DeviceMesh) -> None:
    """Cut the matrices of a block, which is whole and the same on all devices of `mesh`.

    Of an adapter to outputs B is cut with them, of one to inputs A; the other is small, and whole.

    Raises:
        ModelError: it has a layer that is not known, or numbers that do not divide.
    """
    for name, part in list(block.named_modules()):
        if any(own is not None for own in part._parameters.values()):
            _apply(part, mesh, _style(name.split("."), part, mesh.size()))


def _apply(part: nn.Module, mesh: DeviceMesh, style: ParallelStyle) -> None:
    parallelize_module(part, mesh, style, src_data_rank=None)  # all have the same numbers


def _style(path: list[str], part: nn.Module, count: int) -> ParallelStyle:
    matrix = next((name for name in path if name in (*OUTPUTS, *INPUTS)), None)
    if isinstance(part, nn.Linear) and matrix is not None:
        outputs = matrix in OUTPUTS
        if ("lora_A" if outputs else "lora_B") in path:
            return Whole()
        cut = part.out_features if outputs else part.in_features
        if cut % count:
            text = f"{matrix} has {cut} numbers, which {count} devices cannot share evenly"
            raise ModelError(text, CURE)
        return ColwiseParallel() if outputs else RowwiseParallel()
    if any(own is not None and own.ndim > 1 for own in part._parameters.values()):
        name = ".".join(path)
        raise ModelError(f"how {count} devices compute {name} together is not known", CURE)
    return Whole(summed=path[-1] in OF_HEADS)


CURE = "write `hardware: {strategy: fsdp}`"


def refuse_uncut(config: Any, count: int) -> None:
    """Refuse a model of another family, and one whose heads `count` devices cannot share evenly.

    Raises:
        ModelError: always then; a head that is cut computes something else.
    """
    if config.model_type not in FAMILIES:
        raise ModelError(f"how devices compute a {config.model_type} together is not known", CURE)
    heads = config.num_attention_heads
    for each, words in ((heads, "heads"), (config.num_key_value_heads, "heads of keys and values")):
        if each % count:
            raise ModelError(
                f"the model has {each} {words}, which {count} devices cannot share evenly",
                "write a `hardware.tensor_parallel` that divides them",
            )


def split_outside(model: Any, mesh: DeviceMesh) -> None:
    """Share the words out over the devices; what else stands outside of the blocks stays whole.

    Of a number of words that does not divide, embeddings and output layer stay whole as well.
    """
    embeddings, head = model.get_input_embeddings(), model.get_output_embeddings()
    tied = head.weight is embeddings.weight
    shared = embeddings.num_embeddings % mesh.size() == 0
    styles = {
        embeddings: RowwiseParallel(input_layouts=Replicate()) if shared else Whole(),
        head: ColwiseParallel(output_layouts=Replicate()) if shared else Whole(),
    }
    for part in list(model.modules()):
        own = [each for each in part._parameters.values() if each is not None]
        if own and not any(isinstance(each, DTensor) for each in own):
            _apply(part, mesh, styles.get(part) or Whole())
    if tied:
        head.weight = embeddings.weight


@dataclass(frozen=True, slots=True)
class Words:
    """The rows of an output layer that this device has, from word `first` on.

    `group` are the devices that have the others; None where all are here.
    """

    weight: Tensor
    first: int = 0
    group: Any = None

    def largest(self, values: Tensor) -> Tensor:
        """Return the largest over the devices of each number."""
        if self.group is not None:
            distributed.all_reduce(values, distributed.ReduceOp.MAX, self.group)
        return values

    def summed(self, values: Tensor) -> Tensor:
        """Return the sum over the devices of each number."""
        if self.group is not None:
            distributed.all_reduce(values, group=self.group)
        return values

    def place(self, targets: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return where in `weight` words are, and 1 for those that are, 0 for those elsewhere."""
        if self.group is None:
            return targets, None
        place = targets - self.first
        here = (place >= 0) & (place < len(self.weight))
        return place.clamp(0, len(self.weight) - 1), here


def words_of(weight: Tensor) -> Words:
    """Return what this device has of an output layer's matrix, (words, width)."""
    if not isinstance(weight, DTensor):
        return Words(weight)
    local = weight.to_local()
    if weight.placements[0].is_replicate():
        return Words(local)
    mesh = weight.device_mesh
    return Words(local, mesh.get_local_rank() * len(local), mesh.get_group())


def local_of(tensor: Tensor) -> Tensor:
    """Return what this device has of a tensor."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def placed_like(local: Tensor, tensor: Tensor) -> Tensor:
    """Return `local` as this device's piece of what `tensor` is."""
    if not isinstance(tensor, DTensor):
        return local
    made: Tensor = DTensor.from_local(
        local,
        tensor.device_mesh,
        tensor.placements,
        run_check=False,
        shape=tensor.shape,
        stride=tensor.stride(),
    )
    return made

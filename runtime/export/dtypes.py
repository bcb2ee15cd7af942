"""Weights in another data type: tensor by tensor, with what is lost counted and said.

safetensors files are read and written by name, so that what was saved once for two tied layers
stays so, and memory holds one file at a time.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from ..errors import ModelError

__all__ = ["DTYPES", "Conversion", "convert_weights"]

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}
_SHOWN = 3


@dataclass(slots=True)
class Conversion:
    """What became of the floating-point weights of a model.

    Attributes:
        to: the data type that they have now; `before` counts them by what they had.
        changed: how many have another value now.
        vanished: how many are 0 now and were not.
        overflow: tensor -> how many finite values have no finite value in `to`.
    """

    to: str
    before: Counter[str] = field(default_factory=Counter)
    changed: int = 0
    vanished: int = 0
    overflow: dict[str, int] = field(default_factory=dict)

    def sentence(self) -> str:
        """Say it in a sentence; what was not converted is said to be as it was."""
        total = sum(self.before.values())
        if set(self.before) <= {self.to}:
            return f"{total:,} weights in {self.to}, as they were trained."
        source = ", ".join(sorted(set(self.before) - {self.to}))
        lost = f"{self.changed:,} were rounded" if self.changed else "none was rounded"
        gone = f", {self.vanished:,} of them to 0" if self.vanished else ""
        return f"{total:,} weights, converted from {source} to {self.to}: {lost}{gone}."


def convert_weights(source: Path, target: Path, dtype: str | None) -> Conversion:
    """Write the safetensors files of the folder `source` into `target`, floats in `dtype`.

    Args:
        dtype: a name of `DTYPES`; None keeps what they have.

    Raises:
        ModelError: there are no weights, or finite ones would become infinite: how many, and
            where. Then what was written is of no use.
    """
    files = sorted(source.glob("*.safetensors"))
    if not files:
        raise ModelError(f"{source.parent.name}/{source.name} holds no safetensors")
    found = Conversion(dtype or "")
    for file in files:
        _convert_file(file, target / file.name, found)
    if found.overflow:
        raise _refusal(found)
    if dtype is None:
        found.to = " and ".join(sorted(found.before))
    _correct_index(source, target)
    return found


def _convert_file(source: Path, target: Path, found: Conversion) -> None:
    tensors: dict[str, torch.Tensor] = {}
    with safe_open(str(source), framework="pt") as file:
        for name in file.keys():  # noqa: SIM118 - it is no mapping
            tensors[name] = _convert(name, file.get_tensor(name), found)
        metadata = file.metadata()
    save_file(tensors, str(target), metadata=metadata)


def _convert(name: str, tensor: torch.Tensor, found: Conversion) -> torch.Tensor:
    if not tensor.is_floating_point():
        return tensor
    before = _NAMES.get(tensor.dtype, str(tensor.dtype))
    found.before[before] += tensor.numel()
    if not found.to or before == found.to:
        return tensor
    converted = tensor.to(DTYPES[found.to])
    lost = int((tensor.isfinite() & ~converted.isfinite()).sum())
    if lost:
        found.overflow[name] = lost
    wider = torch.promote_types(tensor.dtype, converted.dtype)  # holds every value of both
    found.changed += int((converted.to(wider) != tensor.to(wider)).sum())
    found.vanished += int(((converted == 0) & (tensor != 0)).sum())
    return converted


def _refusal(found: Conversion) -> ModelError:
    total = sum(found.overflow.values())
    names = sorted(found.overflow, key=lambda name: -found.overflow[name])
    shown = ", ".join(f"{name} ({found.overflow[name]:,})" for name in names[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more tensors" if len(names) > _SHOWN else ""
    largest = torch.finfo(DTYPES[found.to]).max
    return ModelError(
        f"{total:,} weights are larger than {found.to} can hold ({largest:g}): {shown}{more}",
        "use bf16, which has the range of fp32, or fp32",
    )


def _correct_index(source: Path, target: Path) -> None:
    """Copy the index of weights in several files, with the bytes that they have now."""
    for path in source.glob("*.safetensors.index.json"):
        index: dict[str, Any] = json.loads(path.read_text("utf-8"))
        total = 0
        for file in target.glob("*.safetensors"):
            with safe_open(str(file), framework="pt") as opened:
                tensors = (opened.get_tensor(name) for name in opened.keys())  # noqa: SIM118
                total += sum(t.numel() * t.element_size() for t in tensors)
        index.setdefault("metadata", {})["total_size"] = total
        (target / path.name).write_text(json.dumps(index, indent=2) + "\n", "utf-8")

"""What has to be the same for a run to go on from a checkpoint, and its names for people."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning import Trainer

from ..errors import RunError
from ..paths import file_sha256
from .batches import Rows

ROWS_HASHED = 1024  # of more rows, so many that are spread evenly over them

CURES = {
    "processes": "run it with as many processes as before: another number sums in another order",
    "program": "run the program as it was: the folder of the run holds it",
    "frozen weights": "start from the model as it was, or start a new run",
    "rows": "put the data back as they were, or start a new run",
}


def identity_of(
    trainer: Trainer, model: torch.nn.Module, sources: Mapping[str, Rows]
) -> dict[str, Any]:
    """Return the name and the value of everything that a checkpoint depends on, as JSON data.

    Args:
        sources: what the rows are for -> the rows.
    """
    hashes = {f"{name} rows": hash_rows(rows) for name, rows in sources.items()}
    return {
        "processes": trainer.world_size,
        "accumulation": trainer.accumulate_grad_batches,
        "steps": trainer.max_steps,
        "precision": trainer.precision,
        **hashes,
        "frozen weights": hash_frozen(model),
        "program": _program(),
    }


def refuse_other(saved: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise a RunError that names what differs, if anything does."""
    different = [name for name in now if saved.get(name) != now[name]]
    if not different:
        return
    said = ", ".join(_difference(name, saved.get(name), now[name]) for name in different)
    name = different[0]
    cure = CURES.get("rows" if name.endswith(" rows") else name)
    raise RunError(
        f"the checkpoint is of another run: {said}", cure or "go on with the spec as it was"
    )


def _difference(name: str, then: Any, now: Any) -> str:
    if isinstance(now, int) or name == "precision":
        return f"{name} was {then}, is now {now}"
    return f"the {name} {'differ' if name.endswith('s') else 'differs'}"


def hash_rows(rows: Rows) -> str:
    """Return a sha256 over the number of rows and the tensors of up to `ROWS_HASHED` of them."""
    count = len(rows)
    digest = hashlib.sha256(f"{count}\n".encode())
    chosen = range(count) if count <= ROWS_HASHED else range(0, count, count // ROWS_HASHED)
    for index in chosen:
        for name, tensor in sorted(rows.collate([index]).items()):
            digest.update(f"{name} {tuple(tensor.shape)}\n".encode())
            digest.update(_bytes(tensor))
    return digest.hexdigest()


def hash_frozen(model: torch.nn.Module) -> str | None:
    """Return a sha256 over the parameters that are not trained; None where all are."""
    frozen = [(name, p) for name, p in model.named_parameters() if not p.requires_grad]
    digest = hashlib.sha256()
    for name, parameter in frozen:
        digest.update(f"{name} {tuple(parameter.shape)} {parameter.dtype}\n".encode())
        digest.update(_bytes(parameter))
    return digest.hexdigest() if frozen else None


def _bytes(tensor: torch.Tensor) -> Any:
    # numpy has no bf16; bytes are bytes
    flat = tensor.detach().cpu().contiguous().flatten()
    return flat.view(torch.uint8).numpy()


def _program() -> str | None:
    """Return the sha256 of the program that is running: its text is the whole experiment."""
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    return file_sha256(Path(file)) if file else None

"""Adapters of peft: what it refuses said in a sentence, and what its own trainer loop would do."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ..errors import ModelError

__all__ = ["allocate_ranks", "orthogonality", "peft_errors"]


@contextlib.contextmanager
def peft_errors() -> Iterator[None]:
    """Turn what peft says of options that do not fit the model into an error for people.

    Raises:
        ModelError: with peft's own first sentence.
    """
    try:
        yield
    except (ValueError, TypeError, NotImplementedError, ImportError, AssertionError) as error:
        if isinstance(error, ModelError):
            raise
        first = str(error).strip().partition("\n")[0]
        raise ModelError(
            f"the adapter does not fit the model: {first}", "change the options of `method`"
        ) from error


def allocate_ranks(model: Any, step: int) -> None:
    """Let AdaLoRA move rank between layers after optimizer step `step`, counted from 0.

    Call it while the gradients of the step are there: they say which ranks matter.
    """
    model.base_model.update_and_allocate(step)


def orthogonality(model: Any) -> Tensor:
    """How far AdaLoRA's matrices are from orthogonal, times the weight that its config gives.

    The mean over matrices P (rank x inputs) and Q (outputs x rank) of the Frobenius norm of
    P P^T - 1 and Q^T Q - 1 (arXiv:2303.10512, equation 4). peft adds it only to a loss that it
    computes itself.
    """
    norms = []
    for name, matrix in model.named_parameters():
        if "lora_A" in name or "lora_B" in name:
            product = matrix @ matrix.T if "lora_A" in name else matrix.T @ matrix
            identity = torch.eye(len(product), dtype=product.dtype, device=product.device)
            norms.append(torch.linalg.norm(product - identity))
    weight = float(model.peft_config[model.active_adapter].orth_reg_weight)
    return weight * torch.stack(norms).mean()

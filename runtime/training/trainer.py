"""The part of Lightning's Trainer that no experiment varies."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Sequence
from typing import Any

import lightning
from lightning import Callback

from .divergence import Gradients
from .state import StateFiles


def make_trainer(
    *,
    accelerator: str,
    devices: int,
    strategy: str,
    precision: str,
    steps: int,
    accumulation: int,
    max_grad_norm: float,
    callbacks: Sequence[Callback],
) -> lightning.Trainer:
    """A Trainer that leaves data order, records and progress to nivel.

    The loader is a counter over a stateless order, so Lightning must not wrap its sampler; the run
    folder is nivel's, so Lightning writes no logs of its own, and checkpoints are `Checkpoints`'.
    """
    _quiet()
    options: dict[str, Any] = {"strategy": strategy, "precision": precision}
    return lightning.Trainer(
        accelerator=accelerator,
        devices=devices,
        max_steps=steps,
        max_epochs=-1,
        accumulate_grad_batches=accumulation,
        callbacks=[Gradients(max_grad_norm), *callbacks],
        use_distributed_sampler=False,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        plugins=[StateFiles()],
        **options,
    )


def _quiet() -> None:
    """Keep advice that does not apply (loader workers, tips) out of the user's terminal."""
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    # it is: the loader counts, and starts where the count is
    warnings.filterwarnings("ignore", message=".*your dataloader is not resumable.*")
    # a machine of a Slurm cluster, used by hand
    warnings.filterwarnings("ignore", message=".*`srun` command is available.*")
    # a deprecation between the libraries themselves: nothing that a user could act upon
    warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

"""The part of Lightning's Trainer that no experiment varies."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Sequence
from typing import Any

import lightning
from lightning import Callback
from lightning.pytorch.strategies import Strategy

from ..errors import RunError
from .clusters import cluster
from .divergence import Gradients
from .state import StateFiles


def make_trainer(
    *,
    accelerator: str,
    devices: int,
    strategy: str | Strategy,
    precision: str,
    steps: int,
    accumulation: int,
    max_grad_norm: float,
    callbacks: Sequence[Callback],
    nodes: int = 1,
) -> lightning.Trainer:
    """A Trainer that leaves data order, records and progress to nivel.

    The loader is a counter over a stateless order, so Lightning must not wrap its sampler; the run
    folder is nivel's, so Lightning writes no logs of its own, and checkpoints are `Checkpoints`'.

    Args:
        devices: processes, over all machines.
        nodes: machines, each with as many of the processes.

    Raises:
        RunError: there are several machines, and no launcher.
    """
    _quiet()
    if nodes > 1:
        _refuse_alone(nodes, devices // nodes)
    options: dict[str, Any] = {"strategy": strategy, "precision": precision}
    return lightning.Trainer(
        accelerator=accelerator,
        devices=devices // nodes,
        num_nodes=nodes,
        max_steps=steps,
        max_epochs=-1,
        accumulate_grad_batches=accumulation,
        callbacks=[Gradients(max_grad_norm), *callbacks],
        use_distributed_sampler=False,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        plugins=[StateFiles(), *cluster(accelerator)],
        **options,
    )


_LAUNCHED = ("WORLD_SIZE", "SLURM_NTASKS", "NODE_RANK")
"""What a launcher says to the processes of several machines."""


def _refuse_alone(nodes: int, each: int) -> None:
    """Say how to start a program of several machines, which would wait for the others for ever.

    Raises:
        RunError: no launcher has started this process.
    """
    if not any(name in os.environ for name in _LAUNCHED):
        raise RunError(
            f"the program is for {nodes} machines, and this one alone has been started",
            f"on each: torchrun --nnodes {nodes} --nproc-per-node {each} --node-rank ... "
            "--master-addr ... experiment.py",
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

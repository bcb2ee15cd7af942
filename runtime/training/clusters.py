"""What Lightning is told of the processes that another program has started."""

from __future__ import annotations

import os

import torch
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from torch._C._distributed_c10d import PrefixStore, TCPStore

from ..records.ranks import by_ray, by_slurm, restarted


def cluster(accelerator: str) -> list[ClusterEnvironment]:
    """Return the environment to name; none where Lightning sees by itself what it is to see.

    Under Slurm it would write a checkpoint of its own inside the handler of the signal that ends
    the job, and put the job back into the queue: nivel's checkpoints and its script do both.
    """
    if restarted():
        _meet_anew(accelerator)
    if by_ray():
        return [TorchElasticEnvironment()]  # a worker of Ray says the same by the same names
    return [SLURMEnvironment(auto_requeue=False)] if by_slurm() else []


def _meet_anew(accelerator: str) -> None:
    """Join the group of processes under names of this start alone.

    torchrun's agent keeps the store where processes leave their addresses for each other. After a
    restart those of the dead are still in it (torch 2.13 puts no number of the start before its
    names), and a process that reads one before it is written over waits for ever.
    """
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        return
    names = ("RANK", "WORLD_SIZE", "MASTER_PORT", "TORCHELASTIC_RESTART_COUNT")
    rank, world, port, count = (int(os.environ[name]) for name in names)
    store = TCPStore(os.environ["MASTER_ADDR"], port, is_master=False)
    torch.distributed.init_process_group(
        "nccl" if accelerator == "cuda" else "gloo",
        store=PrefixStore(f"nivel/start-{count}", store),
        rank=rank,
        world_size=world,
    )

"""Which process of a distributed run this is, read from the launcher's environment."""

import hashlib
import os

LAUNCHER = "NIVEL_LAUNCHER"
"""Environment variable that says who started the program, where it has to know: `slurm`, `ray`, or
`torchrun` where `nivel run` asked it to."""
LAUNCH = "NIVEL_LAUNCH"
"""Of launcher ray: a name that all processes of one launch have, after a restart too."""
START = "NIVEL_START"
"""Of launcher ray: how often the processes were started before, in the same launch."""


def by_slurm() -> bool:
    """Say whether this is a process of a step of the job that nivel wrote for Slurm."""
    return os.environ.get(LAUNCHER) == "slurm" and "SLURM_PROCID" in os.environ


def by_ray() -> bool:
    """Say whether this is the program of a worker of Ray Train."""
    return os.environ.get(LAUNCHER) == "ray" and LAUNCH in os.environ


def is_rank_zero() -> bool:
    """Say whether this process writes the records.

    torchrun sets RANK, and so do workers of Ray; Slurm SLURM_PROCID. Lightning's own launcher sets
    LOCAL_RANK and NODE_RANK in the processes it starts, and nothing in the first one.
    """
    if "RANK" in os.environ:
        return os.environ["RANK"] == "0"
    if by_slurm():
        return os.environ["SLURM_PROCID"] == "0"
    ranks = (os.environ.get("NODE_RANK", "0"), os.environ.get("LOCAL_RANK", "0"))
    return ranks == ("0", "0")


def launch_key() -> str | None:
    """Return a name that all processes of one launch agree on, or None where there is none.

    It stays what it was when torchrun starts the processes again, and when Slurm puts the job back
    into its queue.
    """
    if by_slurm():
        return f"job{os.environ['SLURM_JOB_ID']}"
    if by_ray():
        return os.environ[LAUNCH]
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return None
    if os.environ.get("GROUP_WORLD_SIZE", "1") == "1":
        # One agent starts all processes of a node, and it is the parent of each. The port is
        # another one after a restart.
        parts = [os.environ["TORCHELASTIC_RUN_ID"], str(os.getppid())]
    else:
        names = ("TORCHELASTIC_RUN_ID", "MASTER_ADDR", "MASTER_PORT")
        parts = [os.environ.get(name, "") for name in names]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]


def starts_again() -> bool:
    """Say whether the launcher starts the program again when it ends with another code than 0.

    That is for processes that died. A program that has said why it ends would end so again.
    """
    return os.environ.get(LAUNCHER) == "torchrun" or by_ray()


def restarted() -> bool:
    """Say whether torchrun or Ray has started this program before, in the same launch."""
    count = os.environ.get(START) if by_ray() else os.environ.get("TORCHELASTIC_RESTART_COUNT")
    return int(count or 0) > 0

"""Which process of a distributed run this is, read from the launcher's environment."""

import hashlib
import os


def is_rank_zero() -> bool:
    """Say whether this process writes the records.

    torchrun sets RANK. Lightning's own launcher sets LOCAL_RANK and NODE_RANK in the
    processes it starts, and nothing in the first one.
    """
    if "RANK" in os.environ:
        return os.environ["RANK"] == "0"
    ranks = (os.environ.get("NODE_RANK", "0"), os.environ.get("LOCAL_RANK", "0"))
    return ranks == ("0", "0")


def launch_key() -> str | None:
    """Return a name that all processes of one torchrun launch agree on, or None outside one."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return None
    names = ("TORCHELASTIC_RUN_ID", "MASTER_ADDR", "MASTER_PORT")
    parts = [os.environ.get(name, "") for name in names]
    if os.environ.get("GROUP_WORLD_SIZE", "1") == "1":
        # One agent starts all processes of a node, and it is the parent of each.
        parts.append(str(os.getppid()))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]

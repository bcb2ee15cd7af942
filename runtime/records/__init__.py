"""What a run leaves behind, shown while it runs, listed and compared afterwards.

Nothing here imports torch, so that listing and comparing are quick. A new record is a
file written by `Run`; a new view of records is a file here that reads what
`listing.py` returns.
"""

from .compare import Comparison, compare_runs
from .jobs import begin_queued
from .listing import RunInfo, list_runs, read_info
from .progress import Progress
from .run import Run
from .sweeps import (
    compare_sweep,
    is_sweep,
    minimizes,
    newest_run,
    read_search,
    score_of,
    write_sweep,
)
from .track_mlflow import MLflow
from .track_wandb import Wandb

__all__ = [
    "Comparison",
    "MLflow",
    "Progress",
    "Run",
    "RunInfo",
    "begin_queued",
    "Wandb",
    "compare_runs",
    "compare_sweep",
    "is_sweep",
    "list_runs",
    "minimizes",
    "newest_run",
    "read_info",
    "read_search",
    "score_of",
    "write_sweep",
]

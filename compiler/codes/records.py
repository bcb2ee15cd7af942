"""Records of runs, and services that they are sent to."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str, str, str, str]] = {
    "NV661": (
        "place in the name of a project or experiment",
        "A name under `track` has characters of a place, an account or a path, such as `/` or `:`.",
        "Where metrics go is decided by whoever runs a spec, in the environment "
        "(`MLFLOW_TRACKING_URI`, `WANDB_BASE_URL`, `WANDB_ENTITY`): a spec comes from strangers.",
        "track: {mlflow: {experiment: 'https://mlflow.example.com/tickets'}}\n",
        "track: {mlflow: {experiment: tickets}}\n",
    ),
    "NV662": (
        "tracking of a talk",
        "`track` stands beside a task of type `chat` at level prompt.",
        "A person talks to the model: nothing is measured, and no run is recorded.",
        "level: prompt\ndata: {}\ntask: {type: chat}\ntrack: {wandb: {project: tickets}}\n",
        "level: prompt\ndata: {}\ntask: {type: chat}\n",
    ),
}
"""Code -> title, what, why, bad example, good example."""

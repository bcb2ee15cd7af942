"""Launchers and sweeps: what starts the processes, and which experiments there are."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str, str, str, str]] = {
    "NV620": (
        "key of another launcher",
        "`hardware.restarts` or `hardware.slurm` is given, and the launcher reads no such key.",
        "Lightning's own launcher starts nothing again, and only Slurm is asked for a partition. "
        "The key would do nothing.",
        "hardware: {profile: cpu, restarts: 3}\n",
        "hardware: {profile: cpu, launcher: torchrun, restarts: 3}\n",
    ),
    "NV621": (
        "time of a job that is shorter than its warning",
        "`hardware.slurm.time` is no more than twice `stop_before`.",
        "The job is told to stop `stop_before` seconds ahead of its end. It would hardly have "
        "begun, and go back into the queue again and again.",
        'hardware: {profile: cpu, launcher: slurm, slurm: {time: "00:03:00"}}\n',
        'hardware: {profile: cpu, launcher: slurm, slurm: {time: "04:00:00"}}\n',
    ),
}
"""Code -> title, what, why, bad example, good example."""

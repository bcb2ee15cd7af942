"""Where the checkpoints of a run are, and how their names say the step."""

from __future__ import annotations

from pathlib import Path

FOLDER, PREFIX = "checkpoints", "step-"
TENSORS, STATE = "tensors.safetensors", "state.json"


def path_of(folder: Path, step: int) -> Path:
    """Return the place of the checkpoint after `step` in the run's `folder`."""
    return folder / FOLDER / f"{PREFIX}{step:09d}"


def all_paths(folder: Path) -> list[Path]:
    """Return the checkpoints of a run by their steps; the names are padded, so they sort."""
    return sorted(path for path in (folder / FOLDER).glob(f"{PREFIX}*") if path.is_dir())


def step_of(path: Path) -> int:
    """Return the optimizer steps that were done when a checkpoint was made."""
    return int(path.name.removeprefix(PREFIX))


def all_steps(folder: Path) -> list[int]:
    """Return the steps of the checkpoints of a run, lowest first."""
    return [step_of(path) for path in all_paths(folder)]

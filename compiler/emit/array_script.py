"""The trials of a sweep as one job array of Slurm, each task a trial.

Trials that ask for the same machine are one array. A sweep over the hardware itself is several.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..launching import ARRAY, PROGRAM
from ..plan import Plan
from ..program import File
from .batch_script import LOOP, asked, filled, head, plain

_FOLDER = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*\Z")
"""What the folder of a trial is called: names and ids of nivel's own, and no other character."""

TASK = "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
"""A task by its own name: the number of a job is, for one of the tasks, that of all of them."""

_TRIALS = """\
# A task for each trial, in this order; the folders are those of the programs.
trials=(
@FOLDERS@
)
trial="${trials[$SLURM_ARRAY_TASK_ID]}"

# The folder of the run, which stays the same when the task is put back into the queue.
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-PASSIVE}" TQDM_DISABLE=1 NIVEL_LAUNCHER=slurm
program="$PWD/$trial/@PROGRAM@"
"""

_PREPARED = """\
export NIVEL_RUN_DIR="$PWD/$trial"
exec >> "$NIVEL_RUN_DIR/slurm.out" 2>&1
"""

_BY_HAND = """\
export NIVEL_RUN_DIR="$PWD/runs/$trial/job$SLURM_JOB_ID"
"""


@dataclass(frozen=True, slots=True)
class Array:
    """One array: its script, and which of the trials its tasks are, by place."""

    script: File
    trials: tuple[int, ...]


def array_scripts(
    name: str, plans: Sequence[Plan], folders: Sequence[str], *, prepared: bool
) -> list[Array]:
    """Return the arrays of trials that Slurm starts, one unless they ask for different machines.

    Args:
        name: of the sweep.
        folders: of the programs, relative to where the job runs.
        prepared: whether these are folders of runs, which programs write into; else each run gets
            one of its own when it begins.

    Raises:
        ValueError: a folder or a value holds what Slurm or a shell could read otherwise.
    """
    alike: dict[tuple[object, ...], list[int]] = {}
    for index, plan in enumerate(plans):
        launch = plan.common.hardware.launch
        assert launch is not None and launch.slurm is not None
        alike.setdefault((*asked(plan, launch.slurm), launch), []).append(index)
    groups = list(alike.values())
    return [
        Array(
            _script(name, plans[group[0]], [folders[index] for index in group], number, prepared),
            tuple(group),
        )
        for number, group in enumerate(groups, start=1 if groups[1:] else 0)
    ]


def _script(name: str, plan: Plan, folders: list[str], number: int, prepared: bool) -> File:
    """Write one array; ``number`` tells it from others, 0 where there are none."""
    launch = plan.common.hardware.launch
    assert launch is not None and launch.slurm is not None
    most = f"%{launch.slurm.at_once}" if launch.slurm.at_once else ""
    options = [
        f"job-name={plain(name)}",
        f"array=0-{len(folders) - 1}{most}",
        *asked(plan, launch.slurm),
        "output=slurm-%A_%a.out",
    ]
    lines = "\n".join(f"  {_folder(folder)}" for folder in folders)
    said = {"FOLDERS": lines, "PROGRAM": PROGRAM, "JOB": TASK}
    shell = _TRIALS + (_PREPARED if prepared else _BY_HAND) + LOOP
    stem, _, end = ARRAY.partition(".")
    file = f"{stem}-{number}.{end}" if number else ARRAY
    return File(file, head(options) + "\n" + filled(shell, launch, said))


def _folder(path: str) -> str:
    if not _FOLDER.match(path) or ".." in path.split("/"):
        raise ValueError(f"{path!r} has no place in a script")
    return path

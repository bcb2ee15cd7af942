"""The job that Slurm runs: one process per device, again when one dies, and back into the queue.

Values of a spec stand only in the lines that Slurm reads, each quoted; none is in the shell's part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ..launching import JOB, PROGRAM, LaunchPlan, SlurmSpec
from ..plan import HardwarePlan, Plan
from ..program import File

_UNSAFE = re.compile(r"[^\w.,:&|*()\[\]+-]", re.ASCII)
"""What no value of a spec holds that the schema accepted; Slurm and shells read none of it."""

_PLACE = """\
# The folder of the run, which stays the same when the job is put back into the queue.
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-PASSIVE}" TQDM_DISABLE=1 NIVEL_LAUNCHER=slurm
program="${NIVEL_RUN_DIR:-$PWD}/@PROGRAM@"
export NIVEL_RUN_DIR="${NIVEL_RUN_DIR:-$PWD/runs/@NAME@/job$SLURM_JOB_ID}"
"""

LOOP = """\
restarts=0

while true; do
  srun --kill-on-bad-exit=1 "${NIVEL_PYTHON:-python}" "$program" && exit 0
  code=$?
  # 138: told to stop, since its time is nearly up
  if [ "$code" = 138 ] || scontrol show job "@JOB@" | grep -q 'PreemptTime=[0-9]'; then
    [ "${SLURM_RESTART_COUNT:-0}" -lt @REQUEUE@ ] || exit "$code"
    echo "back into the queue, to go on from where it stopped" >&2
    scontrol requeue "@JOB@"
    exit "$code"
  fi
  # a program that has said why it ends would end so again
  grep -q '"code":' "$NIVEL_RUN_DIR/run.json" && exit "$code"
  # a process died: all start again, from the newest checkpoint
  [ "$restarts" -lt @RESTARTS@ ] || exit "$code"
  restarts=$((restarts + 1))
  echo "a process ended with code $code: start $restarts of @RESTARTS@ more" >&2
done
"""
"""What both kinds of jobs end by; `@JOB@` is how Slurm is told which one this is."""


def batch_script(plan: Plan, launch: LaunchPlan) -> File:
    """The script that `sbatch` takes; its bytes depend on the plan alone.

    Raises:
        ValueError: a value holds what Slurm or a shell could read otherwise; schemas refuse it.
    """
    assert launch.slurm is not None
    options = [
        f"job-name={plain(plan.common.name)}",
        *asked(plan, launch.slurm),
        "output=slurm-%j.out",
    ]
    said = {"NAME": plain(plan.common.name), "PROGRAM": PROGRAM, "JOB": "$SLURM_JOB_ID"}
    return File(JOB, head(options) + "\n" + filled(_PLACE + LOOP, launch, said))


def head(options: Iterable[str]) -> str:
    """Return the lines that Slurm reads."""
    return "\n".join(["#!/bin/bash", *(f"#SBATCH --{option}" for option in options)]) + "\n"


def filled(shell: str, launch: LaunchPlan, said: Mapping[str, str]) -> str:
    """Return the part that the shell reads, with numbers and names in their places."""
    assert launch.slurm is not None
    counts = {"RESTARTS": str(launch.restarts), "REQUEUE": str(launch.slurm.requeue)}
    words = {**counts, **said}
    return re.sub(r"@([A-Z]+)@", lambda found: words[found[1]], shell)


def asked(plan: Plan, slurm: SlurmSpec) -> list[str]:
    """Return what a job is to be given, and how it is told to stop and put back."""
    return [
        *_resources(plan.common.hardware, slurm),
        *_asked(slurm),
        f"signal=USR1@{slurm.stop_before}",
        "requeue" if slurm.requeue else "no-requeue",
        "open-mode=append",
    ]


def _resources(hardware: HardwarePlan, slurm: SlurmSpec) -> list[str]:
    """Nodes, a task for each process, and the CPUs and GPUs of each."""
    found = [f"nodes={hardware.nodes}", f"ntasks-per-node={hardware.devices}"]
    if hardware.threads:
        found.append(f"cpus-per-task={hardware.threads}")
    if hardware.accelerator == "cuda":
        kind = f"{plain(slurm.gpu_type)}:" if slurm.gpu_type else ""
        found.append(f"gpus-per-node={kind}{hardware.devices}")
    return found


def _asked(slurm: SlurmSpec) -> list[str]:
    said = {
        "partition": slurm.partition,
        "account": slurm.account,
        "qos": slurm.qos,
        "time": slurm.time,
        "mem": slurm.memory,
        "constraint": slurm.constraint,
    }
    return [f'{name}="{plain(value)}"' for name, value in said.items() if value is not None]


def plain(value: str) -> str:
    """Return a value that Slurm and shells read as it stands.

    Raises:
        ValueError: it holds another character.
    """
    if found := _UNSAFE.search(value):
        raise ValueError(f"{found[0]!r} has no place in an option of Slurm: {value!r}")
    return value

"""A Slurm of one's own: one node, its daemons and its key in one folder, ended by their numbers."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

DAEMONS = {
    "slurmd": "run/slurmd.pid",
    "slurmctld": "run/slurmctld.pid",
    "munged": "munge/pid",
}
SECONDS_TO_START = 60

CONFIGURATION = """\
ClusterName=lab
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/sock
CredType=cred/munge
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2,requeue_setup_env_fail
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
MpiDefault=none
ReturnToService=2
JobRequeue=1
KillWait=30
MinJobAge=600
InactiveLimit=0
Waittime=0
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=60
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=9
"""


@contextlib.contextmanager
def slurm(folder: Path) -> Iterator[dict[str, str]]:
    """Start a Slurm; give the environment in which its commands find it.

    The test is skipped where its programs are not installed, or may not be started.
    """
    for program in ("munged", "slurmctld", "slurmd", "sbatch"):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}: apt-get install slurm-wlm munge")
    if os.geteuid() != 0:
        pytest.skip("only root may start the daemons of Slurm")
    for name in ("munge", "state", "spool", "log", "run"):
        (folder / name).mkdir(parents=True)
    (folder / "munge").chmod(0o700)
    key = folder / "munge" / "key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    known = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
    try:
        _start(folder, known)
        yield known
    finally:
        _stop(folder, known)


def _start(folder: Path, known: dict[str, str]) -> None:
    host = socket.gethostname().partition(".")[0]
    text = CONFIGURATION.format(host=host, folder=folder, ports=_free_ports())
    (folder / "slurm.conf").write_text(text, encoding="utf-8")
    munge = folder / "munge"
    names = {"key-file": "key", "socket": "sock", "pid-file": "pid", "log-file": "log",
             "seed-file": "seed"}  # fmt: skip
    options = [f"--{option}={munge / name}" for option, name in names.items()]
    conf = str(folder / "slurm.conf")
    for command in (
        ["munged", "--force", *options, "--num-threads=2"],
        ["slurmctld", "-f", conf, "-c"],
        ["slurmd", "-f", conf, "-N", host],
    ):
        done = subprocess.run(command, env=known, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    until = time.monotonic() + SECONDS_TO_START
    while not slurm_says(known, "sinfo", "-h", "-o", "%T").startswith("idle"):
        assert time.monotonic() < until, (folder / "log" / "slurmctld.log").read_text()[-2000:]
        time.sleep(0.2)


def _stop(folder: Path, known: dict[str, str]) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired, AssertionError):
        for job in slurm_says(known, "squeue", "-h", "-o", "%A").split():
            subprocess.run(["scancel", job], env=known, timeout=10, check=False)
        time.sleep(1)
    numbers = []
    for name, file in DAEMONS.items():
        with contextlib.suppress(OSError, ValueError):
            number = int((folder / file).read_text())
            if name in Path(f"/proc/{number}/comm").read_text():
                numbers.append(number)
                os.kill(number, 15)
    until = time.monotonic() + 20
    while any(Path(f"/proc/{number}").exists() for number in numbers):
        assert time.monotonic() < until, f"still there: {numbers}"
        time.sleep(0.1)


def _free_ports() -> list[int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("", 0)) as other:
        return [one.getsockname()[1], other.getsockname()[1]]


def slurm_says(known: dict[str, str], *command: str) -> str:
    """Return what a command of Slurm prints."""
    done = subprocess.run(
        command, env=known, capture_output=True, text=True, timeout=30, check=False
    )
    return done.stdout.strip()

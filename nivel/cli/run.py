"""`nivel run`: compile specs and execute them, each in a process and a folder of its own."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from nivel.cli._common import RUN_FAILED, locked_option, override_options
from nivel.cli._jobs import Job, check_services, compile_all, execute, why

if TYPE_CHECKING:
    from nivel.cli._again import Again
    from nivel.compiler.overrides import Overrides

EPILOG = """\b
Examples:
  nivel run specs/quickstart/prompt.yaml
  nivel run specs/quickstart/pretrain.yaml specs/quickstart/finetune-own.yaml
  nivel run specs/quickstart/finetune.yaml --hardware cuda
  nivel run specs/quickstart/pretrain.yaml --resume latest
  nivel run specs/prompt/answers.yaml --estimate
  nivel run specs/prompt/answers.yaml --resume latest --retry-errors
  nivel run specs/quickstart/finetune.yaml --set hardware.launcher=slurm --submit
  nivel run specs/prompt/answers.yaml --metric short=measures.py:is_short"""


@click.command("run", short_help="Compile specs and run them.", epilog=EPILOG)
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...")
@click.option(
    "--resume",
    metavar="ID",
    help="Go on with a run of the spec that did not finish: its ID, or latest. Training goes on "
    "from its newest checkpoint and ends with the weights that it would have had.",
)
@click.option(
    "--reuse",
    metavar="ID",
    help="Start a new run with the answers that another run of the spec paid for: its ID, or "
    "latest. Only what shapes an answer must be the same; measures may differ.",
)
@click.option("--retry-errors", is_flag=True, help="Ask again where the answer was an error.")
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME=FILE:FUNCTION",
    help="Also measure by a Python function of a file in the project: function(answer, row) "
    "returns a score from 0 to 1. The file's code is run.",
)
@click.option(
    "--estimate", is_flag=True, help="Only say what calls, tokens and dollars it would take."
)
@click.option(
    "--submit",
    is_flag=True,
    help="Leave the run in Slurm's queue and end at once; several run one after the other.",
)
@locked_option
@override_options
def command(
    specs: tuple[str, ...],
    overrides: Overrides | None,
    locked: bool,
    resume: str | None,
    reuse: str | None,
    retry_errors: bool,
    metrics: tuple[str, ...],
    estimate: bool,
    submit: bool,
) -> None:
    """Compile each SPEC and run it, one after the other.

    Nothing starts before every spec has been found sound. Each run leaves runs/NAME/ID/ with the
    spec, the plan, the program, metrics and predictions; a run that fails stops the list. The exit
    code is 3 when a run failed, 4 when a gate of `evaluate.gates` did not hold.
    """
    from nivel.cli._again import Again
    from nivel.cli._launch import Queue, check_launchers
    from nivel.cli._metrics import environment, read_metrics
    from nivel.cli._running import run_one
    from nivel.cli._sweeps import Trials, run_sweep

    hooks = read_metrics(metrics)
    jobs = compile_all(specs, overrides, locked)
    again = Again(resume, reuse, retry_errors)
    again.check([job for job in jobs if job.sweep is None])
    check_launchers(jobs, submit)
    if not estimate:
        check_services(jobs)
    told = again.environment() | environment(hooks, jobs)
    queued = Queue(wait=not submit)
    for base, some in groupby(jobs, key=lambda job: job.sweep):
        if base is not None and not estimate:
            run_sweep(Trials(base, list(some), overrides), again, told, queued)
            continue
        for job in some:
            _estimate(job, again) if estimate else run_one(job, again, told, queued).require()


def _estimate(job: Job, again: Again) -> None:
    """Let the program count what it would ask, in a folder that is gone afterwards."""
    from nivel.compiler.emit import write

    assert job.checked.spec is not None
    if not job.asks:
        raise click.UsageError(f"{job.checked.spec.name} makes no calls: nothing to estimate")
    click.echo(f"{job.checked.spec.name}: estimate, nothing is sent")
    with TemporaryDirectory(prefix="nivel-estimate-") as place:
        folder = Path(place) / "run"
        folder.mkdir()
        write(job.program, folder)
        again.bring_ledger(Path.cwd() / "runs" / job.checked.spec.name, folder)
        code = execute(folder, again.environment() | {"NIVEL_ESTIMATE": "1"})
    if code != 0:
        click.echo(f"no estimate ({why(code)})", err=True)
        sys.exit(RUN_FAILED)

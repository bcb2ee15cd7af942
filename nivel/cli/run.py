"""`nivel run`: compile specs and execute them, each in a process and a folder of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from nivel.cli._common import (
    FINDINGS,
    GATE_FAILED,
    RUN_FAILED,
    locked_option,
    override_options,
    show,
)

if TYPE_CHECKING:
    from nivel.cli._again import Again
    from nivel.compiler.check import Checked
    from nivel.compiler.overrides import Overrides
    from nivel.compiler.plan import Plan
    from nivel.compiler.program import Program

EPILOG = """\b
Examples:
  nivel run specs/quickstart/prompt.yaml
  nivel run specs/quickstart/pretrain.yaml specs/quickstart/finetune-own.yaml
  nivel run specs/quickstart/finetune.yaml --hardware cuda
  nivel run specs/quickstart/pretrain.yaml --resume latest
  nivel run specs/prompt/answers.yaml --resume latest --retry-errors"""


class Job(NamedTuple):
    """One spec, compiled and ready to run."""

    checked: Checked
    plan: Plan
    program: Program


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
@locked_option
@override_options
def command(
    specs: tuple[str, ...],
    overrides: Overrides | None,
    locked: bool,
    resume: str | None,
    reuse: str | None,
    retry_errors: bool,
) -> None:
    """Compile each SPEC and run it, one after the other.

    Nothing starts before every spec has been found sound. Each run leaves runs/NAME/ID/ with the
    spec, the plan, the program, metrics and predictions; a run that fails stops the list. The exit
    code is 3 when a run failed, 4 when a gate of `evaluate.gates` did not hold.
    """
    from nivel.cli._again import Again

    jobs = _compile_all(specs, overrides, locked)
    again = Again(resume, reuse, retry_errors)
    again.check(jobs)
    for job in jobs:
        _run_one(job, again)


def _compile_all(specs: tuple[str, ...], overrides: Overrides | None, locked: bool) -> list[Job]:
    from nivel.compiler.api import emit_checked, plan

    planned = [plan(spec, overrides, locked=locked) for spec in specs]
    if show(checked for _, checked in planned) or any(made is None for made, _ in planned):
        sys.exit(FINDINGS)
    return [Job(checked, made, emit_checked(made, checked)) for made, checked in planned if made]


def _run_one(job: Job, again: Again) -> None:
    from nivel.cli._process import run_program

    assert job.checked.spec is not None
    folder = _write_run_folder(job, again)
    shown = folder.relative_to(Path.cwd())
    click.echo(f"\n{job.checked.spec.name}: running in {shown}")
    environment = _environment(folder) | again.environment()
    code = run_program([sys.executable, str(folder / "experiment.py")], environment)
    if code == GATE_FAILED:
        click.echo(f"{job.checked.spec.name}: a gate did not hold, see {shown}", err=True)
        sys.exit(GATE_FAILED)
    if code != 0:
        click.echo(f"the run did not finish ({_why(code)}); what it left is in {shown}", err=True)
        if any((folder / "checkpoints").glob("step-*")):
            click.echo(f"go on with it: add --resume {folder.name}", err=True)
        sys.exit(RUN_FAILED)
    click.echo(f"{job.checked.spec.name}: done, see {shown}")


def _environment(folder: Path) -> dict[str, str]:
    # OpenMP's threads wait for each other by spinning. With another busy process on the machine
    # they spin while the one waited for is not scheduled: a LoRA step of the quickstart took 60 s
    # in place of 4.5 s. Waiting passively costs about 5% on a quiet machine.
    wait = {"OMP_WAIT_POLICY": "PASSIVE"}
    place = {"NIVEL_PROJECT": str(Path.cwd()), "NIVEL_RUN_DIR": str(folder)}
    # The screen belongs to the run's own progress, not to the bars of the libraries below it.
    quiet = {"TQDM_DISABLE": "1"}
    return {**wait, **quiet, **os.environ, **place}


def _write_run_folder(job: Job, again: Again) -> Path:
    """Make runs/NAME/ID/ and write what is known before the start: spec, plan and program."""
    from nivel.compiler.emit import write
    from nivel.compiler.plan import to_json
    from nivel.compiler.resolved import resolved_data, write_yaml

    assert job.checked.spec is not None and job.checked.document is not None
    runs = Path.cwd() / "runs" / job.checked.spec.name
    folder = again.folder(runs) or runs / _new_id()
    if again.resume and job.plan.level != "prompt":
        return folder  # the same plan, so the program there is the one that goes on
    folder.mkdir(parents=True, exist_ok=again.resume is not None)
    again.bring_answers(runs, folder)
    write(job.program, folder)
    data = resolved_data(job.checked.document, job.checked.spec.level)
    (folder / "spec.yaml").write_text(write_yaml(data), encoding="utf-8")
    (folder / "plan.json").write_text(to_json(job.plan), encoding="utf-8")
    _write_lock(job.checked, folder)
    return folder


def _write_lock(checked: Checked, folder: Path) -> None:
    """Record what the data and the model are at the start of the run, as `nivel lock` does."""
    from contextlib import suppress

    from nivel.compiler.diagnostics import CompileError
    from nivel.compiler.lock import write_lock

    with suppress(CompileError):  # what is not there stops the program, which says so
        write_lock(checked, str(folder / "lock.json"))


def _new_id() -> str:
    """Return a name that sorts by time and does not collide within a second.

    For example 20260131T235959Z-1f0a.
    """
    from datetime import datetime, timezone
    from secrets import token_hex

    return f"{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}-{token_hex(2)}"


def _why(code: int) -> str:
    from signal import SIGINT, Signals

    if code == -SIGINT:
        return "interrupted"
    return f"ended by {Signals(-code).name}" if code < 0 else f"exit code {code}"

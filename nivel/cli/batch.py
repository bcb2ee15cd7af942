"""`nivel batch`: the requests of a spec as a file for a batch service, and its answers back."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nivel.cli._common import GATE_FAILED, RUN_FAILED, locked_option, override_options
from nivel.cli._jobs import Job, compile_all, execute, why, write_run_folder

if TYPE_CHECKING:
    from nivel.compiler.overrides import Overrides

EPILOG = """\b
Examples:
  nivel batch write specs/prompt/endpoint.yaml -o requests.jsonl
  vllm run-batch -i requests.jsonl -o answers.jsonl --model Qwen/Qwen3-0.6B
  nivel batch read specs/prompt/endpoint.yaml answers.jsonl
  nivel run specs/prompt/endpoint.yaml --resume latest"""


@click.command("batch", short_help="Ask through a batch service.", epilog=EPILOG)
@click.argument("action", type=click.Choice(["write", "read"]), metavar="write|read")
@click.argument("spec", metavar="SPEC")
@click.argument("answers", nargs=-1, metavar="[ANSWERS...]")
@click.option("-o", "--output", metavar="FILE", help="The file of requests, ending in .jsonl.")
@click.option("--model", metavar="NAME", help="Write the requests to this model alone.")
@click.option(
    "--resume",
    metavar="ID",
    help="The run: `write` goes on with it and writes what it lacks; `read` takes the latest run "
    "that waits for answers where this is left out.",
)
@click.option("--retry-errors", is_flag=True, help="Write also where the answer was an error.")
@locked_option
@override_options
def command(
    action: str,
    spec: str,
    answers: tuple[str, ...],
    output: str | None,
    model: str | None,
    resume: str | None,
    retry_errors: bool,
    locked: bool,
    overrides: Overrides | None,
) -> None:
    """Write what SPEC would ask as a file of requests, and read the file of answers.

    The file is what OpenAI's Batch service and `vllm run-batch` take. `write` begins a run and
    sends nothing; without -o the files lie in the run's folder, one for each model. `read` puts
    ANSWERS, several files if need be, into the run and ends it: scores, gates, report, with no call
    made. Where answers are missing it says so and ends with code 3; `nivel run SPEC --resume ID`
    asks the rest.
    """
    [job] = compile_all((spec,), overrides, locked)
    assert job.checked.spec is not None
    if not job.asks:
        raise click.UsageError(f"{job.checked.spec.name} asks for no answers that can be written")
    if action == "write":
        if answers:
            raise click.UsageError("`write` takes a spec alone; name the file with -o")
        _write(job, output, model, resume, retry_errors)
    else:
        if output or model or retry_errors or not answers:
            raise click.UsageError("`read` takes a spec and the files of answers")
        _read(job, answers, resume)


def _write(
    job: Job, output: str | None, model: str | None, resume: str | None, retry_errors: bool
) -> None:
    from nivel.cli._again import Again

    _check_models(job, model)
    if output is not None and not output.endswith(".jsonl"):
        raise click.UsageError(f"{output!r}: the file of requests ends in .jsonl")
    again = Again(resume, None, retry_errors)
    again.check([job])
    folder = write_run_folder(job, again)
    told = {"NIVEL_BATCH_OUT": os.path.abspath(output) if output else str(folder)}
    told |= {"NIVEL_BATCH_MODEL": model} if model else {}
    code = execute(folder, again.environment() | told)
    if code != 0:
        click.echo(f"no requests ({why(code)}), see {_shown(folder)}", err=True)
        sys.exit(RUN_FAILED)
    click.echo(f"{_shown(folder)} waits for answers: nivel batch read {job.spec_path} ANSWERS")


def _check_models(job: Job, wanted: str | None) -> None:
    """Refuse what no batch service answers, before a run is begun."""
    from nivel.compiler.plan import PromptPlan
    from nivel.compiler.spec import EndpointSpec

    assert isinstance(job.plan, PromptPlan)
    models = dict(job.plan.models)
    if wanted is not None and wanted not in models:
        raise click.UsageError(f"no model {wanted!r}; there are {', '.join(models)}")
    for name, model in models.items():
        if wanted in (None, name) and not isinstance(model, EndpointSpec):
            remote = [name for name, one in models.items() if isinstance(one, EndpointSpec)]
            cure = f"; name an endpoint with --model {remote[0]}" if remote else ""
            rest = ", and `nivel run --resume` asks the local one afterwards" if remote else ""
            raise click.UsageError(f"{name} is a local model, which takes no batch{cure}{rest}")


def _read(job: Job, answers: tuple[str, ...], resume: str | None) -> None:
    from nivel.cli._again import WAITING, Again

    for path in answers:
        if not Path(path).is_file():
            raise click.UsageError(f"there is no file {path}")
        if os.pathsep in path:
            raise click.UsageError(f"{path}: a name with {os.pathsep!r} cannot be read")
    again = Again(resume or WAITING, None, False)
    again.check([job])
    folder = write_run_folder(job, again)
    paths = os.pathsep.join(os.path.abspath(path) for path in answers)
    code = execute(folder, {"NIVEL_BATCH_IN": paths})
    if code == GATE_FAILED:
        click.echo(f"a gate did not hold, see {_shown(folder)}", err=True)
        sys.exit(GATE_FAILED)
    if code != 0:
        click.echo(f"the run is not at its end ({why(code)}), see {_shown(folder)}", err=True)
        sys.exit(RUN_FAILED)
    click.echo(f"{folder.parent.name}: done, see {_shown(folder)}")


def _shown(folder: Path) -> Path:
    return folder.relative_to(Path.cwd())

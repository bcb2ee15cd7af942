"""`nivel compile`: write the program of a spec, to read, change or run by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nivel.cli._common import locked_option, override_options, require

if TYPE_CHECKING:
    from nivel.cli._jobs import Job
    from nivel.compiler.check import Checked
    from nivel.compiler.overrides import Overrides
    from nivel.compiler.program import Program

EPILOG = """\b
Examples:
  nivel compile specs/quickstart/finetune.yaml -o build/finetune
  python build/finetune/experiment.py
  nivel compile specs/quickstart/finetune.yaml --audit"""


@click.command("compile", short_help="Write a spec's Python program.", epilog=EPILOG)
@click.argument("spec", metavar="SPEC")
@click.option("-o", "--output", metavar="DIR", type=click.Path(), help="Where to write.")
@click.option("--audit", is_flag=True, help="Show what each key of the spec decides.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How --audit is printed.",
)
@locked_option
@override_options
def command(
    spec: str, output: str | None, audit: bool, form: str, overrides: Overrides | None, locked: bool
) -> None:
    """Write the Python program of SPEC into DIR.

    The program is what one would have written by hand for this experiment alone. The same spec
    gives the same bytes, on any machine.

    With --audit, show for each key where it was written, which fields of the plan it decides, and
    which lines of the program would read otherwise with another value; DIR may then be left out.
    """
    if output is None and not audit:
        raise click.UsageError("give -o DIR to write the program, or --audit to look into it")
    from nivel.cli._jobs import compile_all
    from nivel.cli._sweeps import later_lines
    from nivel.compiler.api import compile as compile_spec
    from nivel.compiler.emit import write

    program, checked = compile_spec(spec, overrides, locked=locked)
    require(program, checked)
    assert program is not None
    if audit:
        _show_audit(checked, form)
    if output is not None:
        trials = (
            compile_all((spec,), overrides, locked) if "sweep" in (checked.filled or {}) else []
        )
        for folder, each in _programs(Path(output), checked, program, trials):
            write(each, folder)
            for file in each.files:
                lines = len(file.text.splitlines())
                click.echo(f"wrote {folder / file.path} ({lines} lines)", err=audit)
        for line in later_lines(checked):
            click.echo(f"{line}: `nivel run {spec}` writes and runs them", err=audit)


def _programs(
    output: Path, checked: Checked, program: Program, trials: list[Job]
) -> list[tuple[Path, Program]]:
    """Return what is written, by folder: the program, or one for each trial and their arrays."""
    from nivel.cli._sweeps import later_lines
    from nivel.compiler.emit.array_script import array_scripts
    from nivel.compiler.program import Program

    if not trials:
        return [(output, program)]
    names, plans = [one.plan.common.name for one in trials], [one.plan for one in trials]
    found = [(output / name, one.program) for name, one in zip(names, trials, strict=True)]
    launches = [plan.common.hardware.launch for plan in plans]
    queued = all(launch is not None and launch.slurm is not None for launch in launches)
    if queued and not later_lines(checked):
        name = str((checked.filled or {})["name"])
        arrays = array_scripts(name, plans, names, prepared=False)
        found.append((output, Program(tuple(one.script for one in arrays))))
    return found


def _show_audit(checked: Checked, form: str) -> None:
    from nivel.compiler.audit import audit, audit_json, render_audit

    traces = audit(checked)
    click.echo(audit_json(traces) if form == "json" else render_audit(traces), nl=form == "json")

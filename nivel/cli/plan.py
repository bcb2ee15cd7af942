"""`nivel plan`: what a spec will do, before it does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nivel.cli._common import locked_option, override_options, require

if TYPE_CHECKING:
    from nivel.compiler.overrides import Overrides

EPILOG = """\b
Examples:
  nivel plan specs/quickstart/finetune.yaml
  nivel plan specs/quickstart/finetune.yaml --hardware cuda
  nivel plan specs/quickstart/pretrain.yaml --format json
  nivel plan specs/quickstart/finetune.yaml --verify"""


@click.command("plan", short_help="Show what a spec will do.", epilog=EPILOG)
@click.argument("spec", metavar="SPEC")
@click.option(
    "--format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="A page to read, or data.",
)
@click.option(
    "--verify",
    "verifies",
    is_flag=True,
    help="Also take three optimizer steps on this machine, on the longest rows, and hold the plan "
    "to the memory and the time that they take. Nothing is kept but what is prepared of the data.",
)
@locked_option
@override_options
def command(
    spec: str, format: str, verifies: bool, overrides: Overrides | None, locked: bool
) -> None:
    """Show what SPEC will do: every default made explicit, every derived number with its unit."""
    from nivel.cli._sweeps import trial_lines
    from nivel.cli._verify import verify
    from nivel.compiler.api import plan as make_plan
    from nivel.compiler.calls import calls_line
    from nivel.compiler.costs.estimate import estimate, estimate_lines, with_estimate
    from nivel.compiler.costs.verified import verdict_lines
    from nivel.compiler.plan_text import render_plan
    from nivel.compiler.rules import format_of

    plan, checked = make_plan(spec, overrides, locked=locked)
    require(plan, checked)
    assert plan is not None
    needed = estimate(plan, checked)
    found = verify(plan, checked) if verifies else None
    if format == "json":
        click.echo(with_estimate(plan, needed, found).rstrip("\n"))
        return
    more = [
        calls_line(plan, checked),
        format_of(checked),
        *estimate_lines(plan, needed),
        *([] if found is None else verdict_lines(found)),
        *trial_lines(checked),
    ]
    click.echo(render_plan(plan, *(line for line in more if line)).rstrip("\n"))

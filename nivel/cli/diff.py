"""`nivel diff`: what differs between two specs, and whether their results can differ."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from nivel.cli._common import FINDINGS, override_options, show

if TYPE_CHECKING:
    from nivel.compiler.check import Checked
    from nivel.compiler.overrides import Overrides
    from nivel.compiler.plan import Plan

RUN = "run:"
NEVER = "never"
THRESHOLDS = ("question", "optimisation", "numerics", "speed", "records", NEVER)

EPILOG = """\b
Examples:
  nivel diff specs/a.yaml specs/b.yaml
  nivel diff specs/quickstart/finetune.yaml --hardware cuda
  nivel diff specs/quickstart/finetune.yaml --set train.epochs=3
  nivel diff run:quickstart-finetune specs/quickstart/finetune.yaml

\b
What a change affects, the gravest first:
  question       data, task or evaluation: results cannot be compared
  optimisation   what is learned or asked: results differ
  numerics       the arithmetic: results differ by rounding
  speed          only speed or place
  records        only names and records

\b
The exit code is 1 where something differs that is at least as grave as --exit-on says, or where a
spec has faults; else 0. By default, 0 means that both give the same results."""


@click.command("diff", short_help="Compare two specs by meaning.", epilog=EPILOG)
@click.argument("before", metavar="SPEC|RUN")
@click.argument("after", required=False, metavar="[SPEC|RUN]")
@click.option(
    "--format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="A page to read, or data.",
)
@click.option(
    "--exit-on",
    type=click.Choice(THRESHOLDS),
    default="numerics",
    show_default=True,
    help="The least grave difference that gives exit code 1.",
)
@override_options
def command(
    before: str, after: str | None, format: str, exit_on: str, overrides: Overrides
) -> None:
    """Compare two specs after `extends` and defaults, and what their plans derive from them.

    Each is a spec, the folder of a run, or `run:NAME` for the newest finished run of that name.
    `--set` and `--hardware` change the second one; without a second one, they change the first.
    """
    from nivel.compiler import diff
    from nivel.compiler.overrides import Overrides

    first = _planned(before, Overrides())
    second = _planned(before if after is None else after, overrides)
    plans = [plan for plan, _ in (first, second) if plan is not None]
    if show([first[1], second[1]]) or len(plans) < 2:
        sys.exit(FINDINGS)
    found = diff.diff((plans[0], first[1]), (plans[1], second[1]))
    if format == "json":
        click.echo(diff.render_json(found), nl=False)
    else:
        click.echo(diff.render_text(found) or "no difference\n", nl=False)
    over = exit_on != NEVER and diff.reaches(found.gravest, exit_on)
    sys.exit(FINDINGS if over else 0)


def _planned(name: str, overrides: Overrides) -> tuple[Plan | None, Checked]:
    from nivel.compiler.api import plan

    return plan(_spec_of(name), overrides)


def _spec_of(name: str) -> str:
    """Return the spec that `name` stands for: its own path, or what a run has recorded."""
    folder = os.path.join("runs", name.removeprefix(RUN)) if name.startswith(RUN) else name
    if not name.startswith(RUN) and not os.path.isdir(folder):
        return name
    from nivel.runtime.records.listing import find_completed

    recorded = os.path.join(folder, "spec.yaml")
    if os.path.isfile(recorded):
        return recorded
    return os.path.relpath(find_completed(folder).folder / "spec.yaml")

"""`nivel validate`: find every fault in specs without running anything."""

from __future__ import annotations

import sys

import click

from nivel.cli._common import FINDINGS, hardware_option

EPILOG = """\b
Examples:
  nivel validate specs/quickstart/prompt.yaml
  nivel validate specs/quickstart/*.yaml --format json
  nivel validate specs/quickstart/finetune.yaml --hardware cuda"""


@click.command("validate", epilog=EPILOG)
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...")
@click.option(
    "--format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print what was found.",
)
@hardware_option
def command(specs: tuple[str, ...], format: str, hardware: str | None) -> None:
    """Check specs and print every fault with its file, line and column.

    All faults are found in one go. The exit code is 0 when no spec has an error, 1 otherwise.
    """
    from nivel.cli._common import show
    from nivel.compiler.check import check

    checked = [check(spec, hardware=hardware) for spec in specs]
    failed = show(checked, format)
    if format == "text":
        for spec, one in zip(specs, checked, strict=True):
            if one.spec is not None and not any(d.severity == "error" for d in one.diagnostics):
                click.echo(f"{spec}: ok ({one.spec.level})")
    sys.exit(FINDINGS if failed else 0)

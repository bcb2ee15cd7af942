"""`nivel validate`: find every fault in specs without running anything."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from nivel.cli._common import FINDINGS, hardware_option

if TYPE_CHECKING:
    from nivel.compiler.check import Checked

EPILOG = """\b
Examples:
  nivel validate specs/quickstart/prompt.yaml
  nivel validate specs/quickstart/*.yaml --format json
  nivel validate specs/quickstart/finetune.yaml --hardware cuda"""


@click.command("validate", short_help="Find every fault in specs.", epilog=EPILOG)
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

    checked = {spec: check(spec, hardware=hardware) for spec in specs}
    shared = [spec for spec in specs if _checked_through_others(spec, checked)]
    for spec in shared:
        del checked[spec]
    failed = show(checked.values(), format)
    if format == "text":
        for spec, one in checked.items():
            if one.spec is not None:
                click.echo(f"{spec}: ok ({one.spec.level})")
        for spec in () if failed else shared:
            click.echo(f"{spec}: ok (through what extends it)")
    sys.exit(FINDINGS if failed else 0)


def _checked_through_others(spec: str, checked: dict[str, Checked]) -> bool:
    """Whether `spec` is no experiment but a part that another of the named specs extends.

    So that `nivel validate specs/*.yaml` does not ask a shared file for a level of its own.
    """
    document = checked[spec].document
    if document is None or not isinstance(document.data, dict) or "level" in document.data:
        return False
    path = os.path.normpath(spec)
    others = (one for name, one in checked.items() if name != spec and one.spec is not None)
    return any(path in map(os.path.normpath, one.sources) for one in others)

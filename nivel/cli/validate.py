"""`nivel validate`: find every fault in specs without running anything."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from nivel.cli._common import FINDINGS, locked_option, override_options
from nivel.cli._specs import STDIN, find_specs

if TYPE_CHECKING:
    from nivel.compiler.overrides import Overrides

EPILOG = """\b
Examples:
  nivel validate specs/quickstart/prompt.yaml
  nivel validate specs --quiet
  nivel validate 'specs/**/*.yaml' --format sarif > nivel.sarif
  nivel validate specs --format junit > nivel.xml
  nivel resolve specs/quickstart/prompt.yaml | nivel validate -
  nivel validate specs --watch
  nivel validate specs/quickstart/finetune.yaml --hardware cuda
  nivel validate specs/quickstart/finetune.yaml --set train.epochs=2"""


def formats() -> list[str]:
    """Return the names of the formats; the table alone is imported, none of them."""
    from nivel.compiler.render import FORMATS

    return list(FORMATS)


@click.command("validate", short_help="Find every fault in specs.", epilog=EPILOG)
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...")
@click.option(
    "--format",
    type=click.Choice(formats()),
    default="text",
    show_default=True,
    help="How to print what was found.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print findings and nothing else.")
@click.option("--watch", is_flag=True, help="Stay, and check again whatever changes; Ctrl-C ends.")
@locked_option
@override_options
def command(
    specs: tuple[str, ...],
    format: str,
    quiet: bool,
    watch: bool,
    overrides: Overrides | None,
    locked: bool,
) -> None:
    """Check specs and print every fault with its file, line and column.

    SPEC is a file, `-` for standard input, a pattern in quotes, or a folder: of that, every
    .yaml and .yml file with a key `nivel:` is a spec, except in hidden folders and in `runs`.

    All faults are found in one go. The exit code is 0 when no spec has an error, 1 otherwise.
    """
    from nivel.cli._verdicts import check_many, show_verdicts

    if watch:
        _watch(specs, format, overrides, locked, quiet)
        return
    named = find_specs(specs)
    failed = show_verdicts(check_many(named.paths, overrides, locked), format, quiet=quiet)
    if named.skipped and not quiet:
        from nivel.compiler.words import plural

        skipped = plural(named.skipped, "YAML file")
        click.echo(f"{skipped} without a key `nivel:` left out", err=True)
    sys.exit(FINDINGS if failed else 0)


def _watch(
    specs: tuple[str, ...], format: str, overrides: Overrides | None, locked: bool, quiet: bool
) -> None:
    from nivel.cli._watch import watch_specs

    if STDIN in specs:
        raise click.UsageError("--watch needs files: standard input is read only once")
    if format != "text":
        raise click.UsageError("--watch prints text; leave --format out")
    watch_specs(specs, overrides, locked, quiet=quiet)

"""`nivel lock`: record what a spec depends on, so that a change is noticed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from nivel.cli._common import FINDINGS, override_options, require

if TYPE_CHECKING:
    from nivel.compiler.check import Checked
    from nivel.compiler.diagnostics import Diagnostic
    from nivel.compiler.overrides import Overrides

EPILOG = """\b
Examples:
  nivel lock specs/quickstart/finetune.yaml
  nivel lock specs/quickstart/finetune.yaml --check
  nivel run specs/quickstart/finetune.yaml --locked"""


@click.command("lock", short_help="Record what a spec depends on.", epilog=EPILOG)
@click.argument("spec", metavar="SPEC")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(),
    help="Where to write; SPEC.lock if left out.",
)
@click.option("--check", is_flag=True, help="Write nothing; say what differs from the lock.")
@override_options
def command(spec: str, output: str | None, check: bool, overrides: Overrides | None) -> None:
    """Record the sha256 and size of SPEC, of all it extends, of its data and of its model.

    With `--locked`, other commands refuse whatever differs. The same files give the same bytes.
    """
    from nivel.compiler.check import check as check_spec
    from nivel.compiler.lock import find_drift, lock_path

    checked = check_spec(spec, overrides=overrides)
    require(checked.spec, checked)
    path = output or lock_path(spec)
    found = find_drift(checked, path) if check else _write(checked, path)
    _show(found, checked)
    click.echo(f"{path}: {'holds' if check else 'written'}")


def _write(checked: Checked, path: str) -> list[Diagnostic]:
    from nivel.compiler.diagnostics import CompileError
    from nivel.compiler.lock import write_lock

    try:
        return write_lock(checked, path)
    except CompileError as error:
        return list(error.diagnostics)


def _show(found: list[Diagnostic], checked: Checked) -> None:
    """Print what was found; end with exit code 1 where it is an error."""
    from nivel.compiler.diagnostics import has_errors, sort_diagnostics
    from nivel.compiler.render import render_text

    if found:
        drawn = render_text(sort_diagnostics(found), checked.sources)
        click.echo(drawn.rstrip("\n"), err=True)
    if has_errors(found):
        sys.exit(FINDINGS)

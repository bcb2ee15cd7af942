"""`nivel migrate`: specs of an older language in today's, with comments and layout as they were."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from nivel.cli._common import FINDINGS
from nivel.cli._rewriting import check_and_diff_options, unified

if TYPE_CHECKING:
    from nivel.compiler.migrate import Migration

EPILOG = """\b
Examples:
  nivel migrate specs/old.yaml --diff
  nivel migrate specs/old.yaml
  nivel migrate specs --check           (for CI: exit 1 if a file is of an older language)

\b
Language 2 moved two keys of language 1:
  train.micro_batch    is now  hardware.micro_batch
  train.weight_decay   is now  train.optimizer.weight_decay"""


@click.command("migrate", short_help="Rewrite specs of an older language.", epilog=EPILOG)
@click.argument("specs", nargs=-1, required=True, metavar="SPEC|FOLDER...")
@check_and_diff_options
def command(specs: tuple[str, ...], check: bool, diff: bool) -> None:
    """Rewrite each SPEC, and what it extends inside the project, in today's language.

    Name all specs that share files in one call: what each of them says is compared before and
    after. Either all files are written or, where one cannot be migrated by itself, none.
    """
    from nivel.compiler.migrate import migrate

    done = migrate(_files(specs), _project_of(specs))
    if done.diagnostics:
        _refuse(done)
    if diff:
        for path, (old, new) in done.texts.items():
            click.echo(unified(path, old, new), nl=False)
    elif check:
        for path in done.texts:
            click.echo(f"would migrate {path}")
    else:
        _write(done)
    sys.exit(FINDINGS if check and done.texts else 0)


def _write(done: Migration) -> None:
    from nivel.compiler.rewrite import replace_texts

    replace_texts({path: new for path, (_, new) in done.texts.items()})
    for path in done.texts:
        extended = " (extended)" if path in done.parts else ""
        click.echo(f"migrated {path}{extended}")
    if not done.texts:
        click.echo("nothing to migrate: all of this is today's language", err=True)


def _refuse(done: Migration) -> None:
    from nivel.compiler.render import render_text

    click.echo(render_text(done.diagnostics, done.sources).rstrip("\n"), err=True)
    click.echo("\nno file was changed", err=True)
    sys.exit(FINDINGS)


def _files(specs: tuple[str, ...]) -> list[str]:
    from nivel.compiler.fmt import find_specs

    return [
        file for spec in specs for file in (find_specs(spec) if os.path.isdir(spec) else [spec])
    ]


def _project_of(specs: tuple[str, ...]) -> str:
    """Return the folder whose files may be rewritten: this one, or that of a spec elsewhere."""
    here = os.path.realpath(os.curdir)
    outside = [spec for spec in specs if os.path.commonpath([here, os.path.realpath(spec)]) != here]
    first = os.path.realpath(outside[0]) if outside else here
    return first if os.path.isdir(first) else os.path.dirname(first)

"""`nivel compile`: write the program of a spec, to read, change or run by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nivel.cli._common import locked_option, override_options, require

if TYPE_CHECKING:
    from nivel.compiler.overrides import Overrides

EPILOG = """\b
Examples:
  nivel compile specs/quickstart/finetune.yaml -o build/finetune
  python build/finetune/experiment.py"""


@click.command("compile", short_help="Write a spec's Python program.", epilog=EPILOG)
@click.argument("spec", metavar="SPEC")
@click.option(
    "-o", "--output", required=True, metavar="DIR", type=click.Path(), help="Where to write."
)
@locked_option
@override_options
def command(spec: str, output: str, overrides: Overrides, locked: bool) -> None:
    """Write the Python program of SPEC into DIR.

    The program is what one would have written by hand for this experiment alone. The same spec
    gives the same bytes, on any machine.
    """
    from nivel.compiler.api import compile as compile_spec
    from nivel.compiler.emit import write

    program, checked = compile_spec(spec, overrides, locked=locked)
    require(program, checked)
    assert program is not None
    folder = Path(output)
    write(program, folder)
    for file in program.files:
        click.echo(f"wrote {folder / file.path} ({len(file.text.splitlines())} lines)")

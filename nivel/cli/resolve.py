"""`nivel resolve`: the whole of a spec, and where each value comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nivel.cli._common import locked_option, override_options, require

if TYPE_CHECKING:
    from nivel.compiler.check import Checked
    from nivel.compiler.overrides import Overrides

EPILOG = """\b
Examples:
  nivel resolve specs/quickstart/finetune.yaml
  nivel resolve specs/quickstart/finetune.yaml --defaults
  nivel resolve specs/quickstart/finetune.yaml --set train.epochs=3 --no-origins > whole.yaml
  nivel resolve specs/quickstart/finetune.yaml --format json"""


@click.command("resolve", short_help="Show a whole spec and its origins.", epilog=EPILOG)
@click.argument("spec", metavar="SPEC")
@click.option(
    "--format",
    type=click.Choice(["yaml", "json"]),
    default="yaml",
    show_default=True,
    help="How to print it.",
)
@click.option(
    "--origins/--no-origins",
    default=None,
    help="Say where each value was written; by default in YAML, as comments.",
)
@click.option("--defaults", is_flag=True, help="Also show the values that no file gives.")
@locked_option
@override_options
def command(
    spec: str,
    format: str,
    origins: bool | None,
    defaults: bool,
    overrides: Overrides | None,
    locked: bool,
) -> None:
    """Print SPEC with everything it extends and all overrides in place.

    What is printed is a spec itself, that gives the same program. A spec with a fault is not
    printed, so that no key written into one is.
    """
    from nivel.compiler.check import check

    checked = check(spec, overrides=overrides, locked=locked)
    require(checked.spec, checked)
    shown = origins if origins is not None else format == "yaml"
    click.echo(_text(checked, format, shown, defaults), nl=False)


def _text(checked: Checked, format: str, shown: bool, defaults: bool) -> str:
    from nivel.compiler import resolved

    assert checked.spec is not None and checked.document is not None
    data = resolved.resolved_data(checked.document, checked.spec.level, defaults=defaults)
    notes = resolved.origins(checked.document, data) if shown else None
    return (
        resolved.write_yaml(data, notes) if format == "yaml" else resolved.write_json(data, notes)
    )

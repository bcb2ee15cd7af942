"""`nivel schema`: the JSON Schema of the language, for editors and other tools."""

from __future__ import annotations

import click

EPILOG = """\b
Examples:
  nivel schema finetune > finetune.schema.json
  check-jsonschema --schemafile finetune.schema.json spec.yaml"""


@click.command("schema", short_help="Print the JSON Schema of the language.", epilog=EPILOG)
@click.argument("level", required=False, type=click.Choice(["prompt", "finetune", "pretrain"]))
def command(level: str | None) -> None:
    """Print the JSON Schema of LEVEL, or of any level, as one self-contained file.

    Completion and help in editors come from it. It knows less than `nivel validate`, which also
    follows `extends` and checks what the values mean.
    """
    from nivel.cli._schemas import bundle

    click.echo(bundle(level), nl=False)

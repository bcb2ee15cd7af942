"""`nivel schema`: the JSON Schema of the language, for editors and other tools."""

from __future__ import annotations

import click

EPILOG = """\b
Examples:
  nivel schema --editor              (after an update: the project's file for editors)
  nivel schema --vscode              (what to put into .vscode/settings.json)
  nivel schema finetune > finetune.schema.json
  check-jsonschema --schemafile finetune.schema.json spec.yaml"""

SPECS = "specs/**/*.yaml"


@click.command("schema", short_help="Print the JSON Schema of the language.", epilog=EPILOG)
@click.argument("level", required=False, type=click.Choice(["prompt", "finetune", "pretrain"]))
@click.option("--editor", is_flag=True, help="Write the schema of any level to nivel.schema.json.")
@click.option(
    "--vscode", is_flag=True, help="Print VS Code settings for specs without a line about it."
)
def command(level: str | None, editor: bool, vscode: bool) -> None:
    """Print the JSON Schema of LEVEL, or of any level, as one self-contained draft-07 file.

    Completion and help in editors come from it: `nivel init` puts it into a project as
    nivel.schema.json, and names it in the first line of each spec. A schema knows less than
    `nivel validate`, which also follows `extends` and checks what the values mean.
    """
    if (level is not None) + editor + vscode > 1:
        raise click.UsageError("give one of LEVEL, --editor and --vscode")
    from nivel.compiler.editor import FILE, bundle, settings

    if editor:
        from nivel.compiler.emit.write import write
        from nivel.compiler.program import File, Program

        write(Program((File(FILE, bundle()),)), ".")
        click.echo(f"wrote {FILE}")
    else:
        click.echo(settings(FILE, SPECS) if vscode else bundle(level), nl=False)

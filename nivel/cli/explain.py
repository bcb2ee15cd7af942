"""`nivel explain`: what a code or a key means."""

from __future__ import annotations

import click

EPILOG = """\b
Examples:
  nivel explain
  nivel explain NV301
  nivel explain train
  nivel explain train.batch
  nivel explain per_device_train_batch_size
  nivel explain method.rank --format json"""


@click.command("explain", short_help="Say what a code or a key means.", epilog=EPILOG)
@click.argument("topic", required=False, metavar="[CODE|KEY]")
@click.option(
    "--format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="A page to read, or data.",
)
def command(topic: str | None, format: str) -> None:
    """Say what the code of a finding or a key of the language means, with examples.

    A key is named by its path, such as `train.batch`; the name that another tool gives it is
    understood too. Without CODE or KEY, the sections and the families of codes are listed.
    """
    from nivel.compiler.explain import UnknownTopic, find_page

    try:
        page = find_page(topic)
    except UnknownTopic as unknown:
        raise click.UsageError(str(unknown)) from None
    if format == "json":
        import json

        from nivel.compiler.render.safe import well_formed

        click.echo(well_formed(json.dumps(page, indent=2, ensure_ascii=False)))
    else:
        from nivel.compiler.explain_text import draw

        click.echo(draw(page), nl=False)

"""`nivel chat`: talk with the model of a spec or of a finished run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from nivel.cli._common import RUN_FAILED, override_options

if TYPE_CHECKING:
    from nivel.compiler.overrides import Overrides

EPILOG = """\b
Examples:
  nivel chat specs/quickstart/prompt.yaml
  nivel chat specs/quickstart/prompt.yaml --web
  nivel chat run:quickstart-finetune --temperature 0.7 --max-tokens 60
  echo "What is XML?" | nivel chat specs/quickstart/prompt.yaml

\b
In a chat, /help lists what can be changed: temperature, length, the system message;
/probs shows the next words and their probabilities, /save adds a test row."""


@click.command("chat", short_help="Talk with a model.", epilog=EPILOG)
@click.argument("target", metavar="SPEC|RUN")
@click.option("--model", metavar="NAME", help="Which of the spec's models.")
@click.option("--temperature", metavar="X", help="0 takes the likeliest token; at most 2.")
@click.option("--max-tokens", metavar="N", help="Longest answer.")
@click.option("--top-p", metavar="X", help="Share of the likeliest tokens to draw from.")
@click.option("--system", metavar="TEXT", help="Message before all others; '' for none.")
@click.option("--seed", metavar="N", help="Of the drawing, at temperatures above 0.")
@click.option("--web", is_flag=True, help="Talk on a page in the browser, from this machine only.")
@click.option("--port", type=click.IntRange(0, 65535), help="Of the page; a free one if left out.")
@override_options
def command(
    target: str,
    overrides: Overrides | None,
    model: str | None,
    system: str | None,
    web: bool,
    port: int | None,
    **settings: str | None,
) -> None:
    """Talk with the model of SPEC (level prompt), or with that of RUN.

    RUN is run:NAME or a run's folder: the model that it trained or, at level prompt, asked. What
    stands in the spec is where the chat begins: temperature, length, system message. With a pipe,
    each line is a message. --web prints the address of a page for the browser.
    """
    from nivel.cli._talking import Wishes, chat_with
    from nivel.runtime.chat import chat_in_browser, chat_in_terminal
    from nivel.runtime.errors import NivelError

    if port is not None and not web:
        raise click.UsageError("--port is the page's; give --web too")
    said = {name: value for name, value in settings.items() if value is not None}
    try:
        chat, notes = chat_with(target, Wishes(model, system, said, overrides))
        code = chat_in_browser(chat, port or 0, notes) if web else chat_in_terminal(chat, notes)
    except NivelError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(RUN_FAILED)
    sys.exit(code)

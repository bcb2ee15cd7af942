"""`nivel export`: what a run has trained, as a folder for others."""

from __future__ import annotations

from pathlib import Path

import click

EPILOG = """\b
Examples:
  nivel export quickstart-finetune
  nivel export quickstart-finetune --merge --dtype bf16 -o for-others
  nivel export quickstart-finetune --merge --format gguf --converter convert_hf_to_gguf.py

\b
RUN is a folder under runs/, or a name, which stands for its newest completed run."""


@click.command("export", short_help="Write a trained model for others.", epilog=EPILOG)
@click.argument("run", metavar="RUN")
@click.option("--merge", is_flag=True, help="The whole model, with the adapter in its weights.")
@click.option(
    "--dtype",
    type=click.Choice(["fp32", "bf16", "fp16"]),
    help="Data type of the weights; what rounding changes is counted and said, and fp16 is "
    "refused where weights would become infinite. Left out, as they were saved.",
)
@click.option(
    "--format",
    type=click.Choice(["safetensors", "gguf"]),
    default="safetensors",
    show_default=True,
    help="gguf is written by llama.cpp's own converter.",
)
@click.option(
    "--converter",
    metavar="FILE",
    help="llama.cpp's convert_hf_to_gguf.py, where it is not on the PATH. The file's code is run.",
)
@click.option(
    "-o",
    "--output",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Folder to write, which must not be there yet. Left out, named by the run.",
)
def command(
    run: str,
    merge: bool,
    dtype: str | None,
    format: str,
    converter: str | None,
    output: Path | None,
) -> None:
    """Write what RUN has trained into a folder: weights, tokenizer, chat template, generation
    config and a card that says how they came about.

    Without --merge a run that trained an adapter gives the adapter alone. Nothing is overwritten.
    """
    from nivel.cli._common import find_run
    from nivel.runtime.export import export_run

    if converter is not None and format != "gguf":
        raise click.UsageError("--converter is for --format gguf")
    done = export_run(
        find_run(run), merge=merge, dtype=dtype, format=format, folder=output, converter=converter
    )
    for sentence in done.said:
        click.echo(sentence)
    click.echo(f"wrote {done.folder}")

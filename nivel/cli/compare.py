"""`nivel compare`: runs side by side on the same test rows."""

from __future__ import annotations

from pathlib import Path

import click

EPILOG = """\b
Examples:
  nivel compare quickstart-prompt quickstart-finetune
  nivel compare runs/quickstart-prompt/* --html report.html
  nivel compare quickstart-prompt quickstart-finetune --usd-per-hour 0.4 --format json

\b
RUN is a folder under runs/, or a name, which stands for its newest completed run."""


@click.command("compare", short_help="Put runs side by side.", epilog=EPILOG)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--html",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Also write a self-contained page with the pictures of the runs.",
)
@click.option(
    "--usd-per-hour",
    metavar="USD",
    type=click.FloatRange(min=0, min_open=True),
    help="What a device costs for an hour, where hardware.yaml had no price for it.",
)
@click.option(
    "--format", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="How to print it.",
)  # fmt: skip
def command(
    runs: tuple[str, ...], html: str | None, usd_per_hour: float | None, format: str
) -> None:
    """Show quality with its uncertainty, and cost, for each RUN; the first is the reference.

    A trained run is also held against the first that only asks: after how many answers what was
    paid for training is saved.
    """
    import json
    from shutil import get_terminal_size

    from nivel.cli._common import find_run
    from nivel.runtime.records import compare_runs, compare_sweep, is_sweep

    folders = [find_run(run) for run in runs]
    if len(folders) == 1 and is_sweep(folders[0]) and html is None and format == "text":
        click.echo(compare_sweep(folders[0]).render_text().rstrip("\n"))
        return
    comparison = compare_runs(folders, usd_per_hour=usd_per_hour)
    if format == "json":
        click.echo(json.dumps(comparison.to_json(), indent=2, ensure_ascii=False))
    else:
        click.echo(comparison.render_text(get_terminal_size((120, 24)).columns).rstrip("\n"))
    if html is not None:
        comparison.write_html(Path(html))
        click.echo(f"\nwrote {html}", err=format == "json")

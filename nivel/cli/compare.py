"""`nivel compare`: runs side by side on the same test rows."""

from __future__ import annotations

from pathlib import Path

import click

EPILOG = """\b
Examples:
  nivel compare quickstart-prompt quickstart-finetune
  nivel compare runs/quickstart-prompt/* --html report.html

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
def command(runs: tuple[str, ...], html: str | None) -> None:
    """Show quality with its uncertainty, and cost, for each RUN; the first is the reference."""
    from shutil import get_terminal_size

    from nivel.cli._common import find_run
    from nivel.runtime.records import compare_runs

    comparison = compare_runs([find_run(run) for run in runs])
    click.echo(comparison.render_text(get_terminal_size((120, 24)).columns).rstrip("\n"))
    if html is not None:
        comparison.write_html(Path(html))
        click.echo(f"\nwrote {html}")

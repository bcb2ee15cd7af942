"""`nivel report`: what runs did, as one page that needs nothing else to be read."""

from __future__ import annotations

from pathlib import Path

import click

EPILOG = """\b
Examples:
  nivel report quickstart-finetune
  nivel report quickstart-prompt quickstart-finetune quickstart-pretrain -o ladder.html
  nivel report runs/quickstart-pretrain/20261127T210832.175Z-39a3

\b
RUN is a folder under runs/, or a name, which stands for its newest run."""


@click.command("report", short_help="Write a page about runs.", epilog=EPILOG)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--output", "-o", metavar="FILE", type=click.Path(dir_okay=False),
    help="Where to; by default report.html, in the run's folder where there is one run.",
)  # fmt: skip
@click.option(
    "--usd-per-hour",
    metavar="USD",
    type=click.FloatRange(min=0, min_open=True),
    help="What a device costs for an hour, where hardware.yaml had no price for it.",
)
def command(runs: tuple[str, ...], output: str | None, usd_per_hour: float | None) -> None:
    """Write curves, answers, cost, what was planned and measured, and the spec of each RUN.

    The page is one file without scripts and without anything from elsewhere. Runs that did not
    finish are shown as far as they came; several are laid over each other.
    """
    from nivel.cli._common import find_run
    from nivel.runtime.records import compare_runs

    found = compare_runs(
        [find_run(run) for run in runs], usd_per_hour=usd_per_hour, unfinished=True
    )
    alone = found.runs[0].info.folder if len(runs) == 1 else Path()
    path = Path(output) if output else alone / "report.html"
    found.write_html(path, details=True)
    click.echo(f"wrote {_shown(path)}")


def _shown(path: Path) -> str:
    """Return the path as seen from here, where it lies below."""
    here = Path.cwd()
    whole = path.absolute()
    return str(whole.relative_to(here)) if whole.is_relative_to(here) else str(path)

"""`nivel runs`: what has been run in this project."""

from __future__ import annotations

from pathlib import Path

import click

EPILOG = """\b
Example:
  nivel runs"""

HEADER = ("folder", "level", "status", "started")


@click.command("runs", short_help="List the runs of this project.", epilog=EPILOG)
def command() -> None:
    """List the runs of this project, oldest first, with what became of each."""
    from nivel.runtime.records import list_runs

    found = sorted(list_runs(Path.cwd()), key=lambda info: info.id)
    if not found:
        click.echo("no runs here yet; start one with: nivel run SPEC")
        return
    rows = [
        (f"runs/{info.name}/{info.id}", info.level, info.status, info.started) for info in found
    ]
    widths = [max(len(row[column]) for row in (HEADER, *rows)) for column in range(len(HEADER))]
    for row in (HEADER, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())

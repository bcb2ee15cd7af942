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


@click.command("compare", epilog=EPILOG)
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

    from nivel.runtime.records import compare_runs

    comparison = compare_runs([_find_run(run) for run in runs])
    click.echo(comparison.render_text(get_terminal_size((120, 24)).columns).rstrip("\n"))
    if html is not None:
        comparison.write_html(Path(html))
        click.echo(f"\nwrote {html}")


def _find_run(run: str) -> Path:
    """Return the folder of `run`, a folder or the name of a run."""
    from nivel.runtime.errors import RunError
    from nivel.runtime.records import list_runs

    if (Path(run) / "run.json").is_file():
        return Path(run)
    found = list_runs(Path.cwd())
    completed = [info.folder for info in found if info.name == run and info.status == "completed"]
    if not completed:
        known = ", ".join(sorted({info.name for info in found})) or "none yet"
        raise RunError(f"no completed run '{run}' in runs/; runs here: {known}")
    return max(completed, key=lambda folder: folder.name)

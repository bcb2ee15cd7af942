"""`nivel runs`: what has been run in this project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from nivel.runtime.records import RunInfo

EPILOG = """\b
Examples:
  nivel runs
  nivel runs --name quickstart-finetune --status completed
  nivel runs --sort metric --last 5
  nivel runs --format json"""

HEADER = ("folder", "level", "status", "started", "time", "metric")
STATUSES = ("running", "completed", "waiting", "truncated", "failed", "stopped")
SORTS = ("started", "name", "time", "metric")


@click.command("runs", short_help="List the runs of this project.", epilog=EPILOG)
@click.option("--name", metavar="TEXT", help="Only specs whose name contains this.")
@click.option("--status", type=click.Choice(STATUSES), help="Only runs that ended so.")
@click.option("--sort", type=click.Choice(SORTS), default="started", show_default=True,
              help="What the greatest of comes last.")  # fmt: skip
@click.option("--last", type=click.IntRange(min=1), metavar="N", help="Only the last N of them.")
@click.option("--format", type=click.Choice(["text", "json"]), default="text", show_default=True,
              help="How to print it.")  # fmt: skip
def command(name: str | None, status: str | None, sort: str, last: int | None, format: str) -> None:
    """List the runs of this project with what became of each, oldest first.

    The metric is the first that the run measured.
    """
    import json

    from nivel.runtime.records import list_runs

    known = list_runs(Path.cwd())
    found = [info for info in known if _fits(info, name, status)]
    found = sorted(found, key=lambda info: _order(info, sort))[-(last or len(found)) :]
    if format == "json":
        click.echo(json.dumps([_facts(info) for info in found], indent=2, ensure_ascii=False))
    elif not known:
        click.echo("no runs here yet; start one with: nivel run SPEC")
    elif not found:
        click.echo(f"none of {len(known)} runs is such")
    else:
        _show([HEADER, *map(_row, found)])


def _fits(info: RunInfo, name: str | None, status: str | None) -> bool:
    return (name is None or name in info.name) and status in (None, info.status)


def _order(info: RunInfo, sort: str) -> tuple[Any, ...]:
    """Return what runs are ordered by; what is not known comes first."""
    facts = _facts(info)
    value = (facts["metric"] or {}).get("value") if sort == "metric" else facts.get(sort)
    key = "" if value is None and sort in ("name", "started") else value
    return (key is not None, key if key is not None else 0, info.started, info.id)


def _facts(info: RunInfo) -> dict[str, Any]:
    result = info.result or {}
    metrics = [
        {"name": name, **one}
        for name, one in (result.get("metrics") or {}).items()
        if isinstance(one, dict) and isinstance(one.get("value"), int | float)
    ]
    return {
        "folder": f"runs/{info.folder.parent.name}/{info.folder.name}",
        "name": info.name,
        "id": info.id,
        "level": info.level,
        "status": info.status,
        "reason": info.reason,
        "started": info.started,
        "time": (result.get("seconds") or {}).get("total"),
        "metric": metrics[0] if metrics else None,
    }


def _row(info: RunInfo) -> tuple[str, ...]:
    from nivel.runtime.records.numbers import NONE, duration

    facts = _facts(info)
    metric = facts["metric"]
    shown = NONE if metric is None else f"{metric['name']} {metric['value']:.3f}"
    head = (facts["folder"], facts["level"], facts["status"], facts["started"])
    return (*map(str, head), duration(facts["time"]), shown)


def _show(rows: list[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())

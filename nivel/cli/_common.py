"""What several commands share: options, and how diagnostics reach the user."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

if TYPE_CHECKING:
    from nivel.compiler.check import Checked

FINDINGS = 1
RUN_FAILED = 3
GATE_FAILED = 4

Command = TypeVar("Command", bound=Callable[..., Any])


def override_options(function: Command) -> Command:
    """Add `--set` and `--hardware`; the command gets both as one `overrides`, None for neither."""

    @wraps(function)
    def with_overrides(
        *arguments: Any, sets: tuple[str, ...], hardware: str | None, **options: Any
    ) -> Any:
        overrides = None
        if sets or hardware is not None:
            from nivel.compiler.overrides import Overrides

            overrides = Overrides(sets, hardware)
        return function(*arguments, overrides=overrides, **options)

    for option in (_HARDWARE, _SET):
        with_overrides = option(with_overrides)
    return cast(Command, with_overrides)


_SET = click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="KEY=VALUE",
    help="Replace a value, such as train.epochs=1 or task.labels[0]=mail; null removes it. "
    "May be given several times.",
)
_HARDWARE = click.option(
    "--hardware",
    metavar="NAME",
    help="Use this profile (cpu, cuda, local, h100x8, ...) in place of the spec's own hardware.",
)


def locked_option(function: Command) -> Command:
    """Add `--locked`, which refuses what differs from the spec's lock."""
    return click.option(
        "--locked",
        is_flag=True,
        help="Refuse files, data and models that differ from those in SPEC.lock.",
    )(function)


def show(checked: Iterable[Checked], format: str = "text") -> bool:
    """Print the diagnostics of all specs, each once; return whether one of them is an error.

    Text goes to stderr, as compilers do; JSON is the command's result and goes to stdout.
    """
    from nivel.compiler.diagnostics import has_errors, sort_diagnostics

    checked = list(checked)
    sources = {path: source for one in checked for path, source in one.sources.items()}
    # Sorting drops repetitions: a fault in a file that several specs share is one fault.
    found = sort_diagnostics(diagnostic for one in checked for diagnostic in one.diagnostics)
    if format == "json":
        from nivel.compiler.render import render_json

        click.echo(render_json(found))
    elif found:
        from nivel.compiler.render import render_text

        click.echo(render_text(found, sources).rstrip("\n"), err=True)
    return has_errors(found)


def require(value: Any, checked: Checked) -> None:
    """Print the diagnostics; end with exit code 1 when there are errors or no `value`."""
    if show([checked]) or value is None:
        sys.exit(FINDINGS)


def find_run(run: str) -> Path:
    """Return the folder that `run` names: a run's own, or that of all runs of a name."""
    from nivel.runtime.errors import RunError
    from nivel.runtime.records import is_sweep, list_runs

    for folder in (Path(run), Path("runs") / run):
        if (folder / "run.json").is_file() or any(folder.glob("*/run.json")) or is_sweep(folder):
            return folder
    known = ", ".join(sorted({info.name for info in list_runs(Path.cwd())})) or "none yet"
    raise RunError(f"no run '{run}' in runs/", f"runs here: {known}")

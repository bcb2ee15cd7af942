"""What several commands share: options, and how diagnostics reach the user."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from nivel.compiler.check import Checked

FINDINGS = 1
RUN_FAILED = 3

Command = TypeVar("Command", bound=Callable[..., Any])


def hardware_option(function: Command) -> Command:
    """Add `--hardware NAME`, which replaces the `hardware` of the spec."""
    return click.option(
        "--hardware",
        metavar="NAME",
        help="Use this profile (cpu, cuda, local) in place of the spec's own hardware.",
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

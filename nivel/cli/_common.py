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
    from nivel.compiler.diagnostics import sort_diagnostics
    from nivel.compiler.render import render_json, render_text

    checked = list(checked)
    sources = {path: source for one in checked for path, source in one.sources.items()}
    # A fault in a file shared by several specs is one fault.
    found = sort_diagnostics(list(dict.fromkeys(d for one in checked for d in one.diagnostics)))
    if format == "json":
        click.echo(render_json(found, sources))
    elif found:
        click.echo(render_text(found, sources).rstrip("\n"), err=True)
    return any(diagnostic.severity == "error" for diagnostic in found)


def require(value: Any, checked: Checked) -> None:
    """Print the diagnostics; end with exit code 1 when there are errors or no `value`."""
    if show([checked]) or value is None:
        sys.exit(FINDINGS)

"""The command line. A new command is a new file here with a `command`, and its name in COMMANDS.

Only click is imported at the top, here and in every command: `nivel validate` runs in editors and
hooks on each save, so what a command needs is imported inside its function.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import click

from nivel import __version__

# In the order a user meets them.
COMMANDS = (
    "init",
    "validate",
    "explain",
    "fmt",
    "resolve",
    "diff",
    "plan",
    "preview",
    "compile",
    "run",
    "batch",
    "chat",
    "probe",
    "lock",
    "bundle",
    "compare",
    "report",
    "runs",
    "export",
    "schema",
    "migrate",
)

EPILOG = """\b
Start here:
  nivel init my-project && cd my-project
  nivel validate specs/quickstart/*.yaml
  nivel run specs/quickstart/prompt.yaml

\b
Exit codes: 0 fine, 1 faults found in a spec, 2 wrong usage, 3 the run failed,
4 a gate did not hold."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of COMMANDS, for `--help`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import `nivel.cli.<name>` and return its `command`; None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"nivel.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Add the nearest command to click's message about an unknown one."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            ctx.fail(f"No such command '{args[0]}'.{_nearest_command(args[0])}")
        return super().resolve_command(ctx, args)


def _nearest_command(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, COMMANDS, n=1)
    return f" Did you mean '{near[0]}'?" if near else f" There are: {', '.join(COMMANDS)}."


@click.group(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nivel", message="%(prog)s %(version)s")
def group() -> None:
    """Compile LLM experiments written as YAML: prompt a model, finetune it, or pretrain your own.

    The same data and task serve all three levels, so that `nivel compare` can put them side by
    side on the same test rows. Paths are relative to the current folder, which is the project.
    """


def main() -> None:
    """Run the command line; a user's mistake ends in one message, never in a traceback."""
    _exit_plainly(lambda: group(prog_name="nivel"))


def _exit_plainly(run: Callable[[], Any]) -> None:
    try:
        run()
    except Exception as error:
        report = _user_message(error)
        if report is None:
            raise
        message, code = report
        click.echo(message, err=True)
        sys.exit(code)


def _user_message(error: Exception) -> tuple[str, int] | None:
    """Return what to tell the user and the exit code, or None for a fault of nivel's own.

    The classes are looked up among the modules already loaded: an error of a module that was
    never imported cannot have been raised, and importing it only to check would cost time.
    """
    if _is_a(error, "nivel.compiler.diagnostics", "CompileError"):
        from nivel.compiler.render import render_text

        return render_text(error.diagnostics, {}), 1  # type: ignore[attr-defined]
    if _is_a(error, "nivel.runtime.errors", "NivelError"):
        return f"error: {error}", 3
    if isinstance(error, OSError) and error.filename is not None:
        return f"error: {error.filename}: {error.strerror}", 3
    return None


def _is_a(error: Exception, module: str, name: str) -> bool:
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(error, getattr(loaded, name))

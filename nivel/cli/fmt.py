"""`nivel fmt`: specs in one layout, with every comment kept and no meaning changed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from nivel.cli._common import FINDINGS
from nivel.cli._rewriting import check_and_diff_options, unified

if TYPE_CHECKING:
    from nivel.compiler.diagnostics import Diagnostic
    from nivel.compiler.source import Source

STDIN = "-"
STDIN_SHOWN = "<stdin>"

EPILOG = """\b
Examples:
  nivel fmt specs/quickstart/finetune.yaml
  nivel fmt specs --check               (for CI: exit 1 if a file would change)
  nivel fmt specs --diff
  nivel fmt - < spec.yaml > formatted.yaml

\b
The layout: sections in the order of the language, two spaces a level, quotes only where some YAML
reader would take the text for something else. The order of keys inside a section is yours, and so
are single empty lines, brackets that fit in 100 columns, and texts written with | or >."""


@click.command("fmt", short_help="Lay specs out in one way.", epilog=EPILOG)
@click.argument("paths", nargs=-1, metavar="[FILE|FOLDER|-]...")
@check_and_diff_options
def command(paths: tuple[str, ...], check: bool, diff: bool) -> None:
    """Lay out each FILE, and the specs below each FOLDER; the current folder by default.

    What a file says stays the same, to the type, and so do its comments: both are checked before
    it is replaced. A file with a fault of syntax is reported and left as it is.
    """
    job = _Job(check, diff)
    for path in _files(paths or (os.curdir,)):
        job.take(path)
    sys.exit(job.finish())


def _files(paths: tuple[str, ...]) -> Iterator[str]:
    """Yield each file once, in the order in which they were asked for."""
    from nivel.compiler.fmt import find_specs

    seen = set()
    for path in paths:
        for file in find_specs(path) if os.path.isdir(path) else [path]:
            if file not in seen:
                seen.add(file)
                yield file


class _Job:
    """The files of one call, one after the other; a fault in one does not keep the next."""

    def __init__(self, check: bool, diff: bool) -> None:
        self.check, self.diff = check, diff
        self.changed = self.same = self.failed = 0

    def take(self, path: str) -> None:
        """Lay out one file."""
        from nivel.compiler.diagnostics import CompileError
        from nivel.compiler.fmt import LayoutFault, format_source

        try:
            source = _read(path)
            formatted = format_source(source)
        except CompileError as error:
            self._refuse(error.diagnostics, {})
        except LayoutFault as fault:
            self.failed += 1
            said = f"{path}: left as it was: {fault}. This is a fault of nivel: please report it"
            click.echo(said, err=True)
        else:
            if formatted.text is None:
                self._refuse(formatted.diagnostics, {source.path: source})
            else:
                self._put(path, source.text, formatted.text)

    def finish(self) -> int:
        """Print the count, unless the output is a text, and return the exit code."""
        if not self.diff and self.changed + self.same + self.failed != 1:
            verb = "would change" if self.check else "changed"
            click.echo(f"{self.changed} {verb}, {self.same} already laid out", err=True)
        return FINDINGS if self.failed or (self.check and self.changed) else 0

    def _put(self, path: str, old: str, new: str) -> None:
        from nivel.compiler.rewrite import replace_texts

        self.changed, self.same = self.changed + (old != new), self.same + (old == new)
        if path == STDIN and not (self.check or self.diff):
            click.echo(new.encode("utf-8"), nl=False)
        elif old != new and self.diff:
            click.echo(unified(path, old, new), nl=False)
        elif old != new and self.check:
            click.echo(f"would change {path}")
        elif old != new:
            replace_texts({path: new})
            click.echo(f"formatted {path}")

    def _refuse(self, found: tuple[Diagnostic, ...], sources: dict[str, Source]) -> None:
        from nivel.compiler.render import render_text

        self.failed += 1
        click.echo(render_text(found, sources).rstrip("\n"), err=True)


def _read(path: str) -> Source:
    from nivel.compiler.source import decode_source, read_source

    if path != STDIN:
        return read_source(path)
    return decode_source(sys.stdin.buffer.read(), STDIN_SHOWN)

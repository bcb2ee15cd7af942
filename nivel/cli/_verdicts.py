"""Check many specs in one call, and say what was found."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import click

from nivel.cli._specs import STDIN

if TYPE_CHECKING:
    from nivel.compiler.check import Checked
    from nivel.compiler.kept import Kept
    from nivel.compiler.overrides import Overrides
    from nivel.compiler.render.report import Report


class Verdicts(NamedTuple):
    """What is known of each spec; ``parts`` are no experiments but extended by one of them."""

    checked: Mapping[str, Checked]
    parts: tuple[str, ...] = ()

    def report(self) -> Report:
        """Gather what there is to show."""
        from nivel.compiler.render.report import Report

        sources = {
            name: text for one in self.checked.values() for name, text in one.sources.items()
        }
        return Report({name: one.diagnostics for name, one in self.checked.items()}, sources)


def check_many(paths: Iterable[str], overrides: Overrides | None, locked: bool = False) -> Verdicts:
    """Check every spec; what several of them extend or name is read once."""
    from nivel.compiler.kept import Kept

    kept = Kept()
    return sort_out(dict(check_one(path, overrides, kept, locked) for path in paths))


def check_one(
    path: str, overrides: Overrides | None, kept: Kept, locked: bool = False
) -> tuple[str, Checked]:
    """Check one spec, or what standard input holds; return it with the name it is shown by."""
    from nivel.compiler.check import check
    from nivel.compiler.source import MAX_BYTES

    if path != STDIN:
        return path, check(path, overrides=overrides, locked=locked, kept=kept)
    raw = sys.stdin.buffer.read(MAX_BYTES + 1)
    return "<stdin>", check("<stdin>", overrides=overrides, locked=locked, kept=kept, raw=raw)


def sort_out(checked: dict[str, Checked]) -> Verdicts:
    """Part the experiments from the files that only they extend.

    So that `nivel validate specs/*.yaml` does not ask a shared file for a level of its own.
    """
    extended = {
        os.path.normpath(source)
        for name, one in checked.items()
        if not _without_level(one)
        for source in one.sources
        if source != name
    }
    parts = [
        name
        for name, one in checked.items()
        if _without_level(one) and os.path.normpath(name) in extended
    ]
    return Verdicts({k: one for k, one in checked.items() if k not in parts}, tuple(parts))


def _without_level(one: Checked) -> bool:
    data = None if one.document is None else one.document.data
    return isinstance(data, dict) and "level" not in data


def show_verdicts(verdicts: Verdicts, format: str, *, quiet: bool) -> bool:
    """Print what was found, and what is fine; return whether there is an error.

    Findings as text go to stderr, as with compilers; other formats are the result, on stdout.
    A fault that several specs share is shown, and counts, once.
    """
    errors = warnings = 0
    if format != "text" or any(one.diagnostics for one in verdicts.checked.values()):
        report = verdicts.report()
        _show_findings(report, format)
        errors, warnings = report.count("error"), report.count("warning")
    if format == "text" and not quiet:
        _show_sound(verdicts, errors)
    if len(verdicts.checked) > 1 and not quiet:
        click.echo(_summary(len(verdicts.checked), errors, warnings), err=True)
    return errors > 0


def _show_findings(report: Report, format: str) -> None:
    from nivel.compiler.render import render

    click.echo(render(format, report), err=format == "text")


def _show_sound(verdicts: Verdicts, errors: int) -> None:
    lines = [f"{name}: ok ({one.level})" for name, one in verdicts.checked.items() if one.level]
    if not errors:
        lines += [f"{name}: ok (through what extends it)" for name in verdicts.parts]
    if lines:
        click.echo("\n".join(lines))


def _summary(specs: int, errors: int, warnings: int) -> str:
    from nivel.compiler.words import plural

    counts = (("spec", specs), ("error", errors), ("warning", warnings))
    return ", ".join(plural(count, noun) for noun, count in counts)

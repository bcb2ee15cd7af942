"""What the commands that rewrite specs share: `--check`, `--diff` and the difference shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def check_and_diff_options(function: Command) -> Command:
    """Add `--check` and `--diff`; with either of them no file is written."""
    check = click.option(
        "--check", is_flag=True, help="Write nothing; exit 1 if a file would change."
    )
    diff = click.option("--diff", is_flag=True, help="Write nothing; print what would change.")
    return check(diff(function))


def unified(path: str, old: str, new: str) -> str:
    """Return the difference between two texts of a file, as `diff -u` writes it.

    Only newlines part lines, as in `diff` and `patch`.
    """
    from difflib import unified_diff

    shown = unified_diff(_lines(old), _lines(new), path, path)
    return "".join(line if line.endswith("\n") else f"{line}\n{_NO_END}" for line in shown)


_NO_END = "\\ No newline at end of file\n"


def _lines(text: str) -> list[str]:
    *whole, last = text.split("\n")
    return [f"{line}\n" for line in whole] + ([last] if last else [])

"""Which specs the arguments of a command name: files, folders, patterns, or standard input."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import click

STDIN = "-"
SUFFIXES = (".yaml", ".yml")
RUNS = "runs"
"""Finished runs keep copies of their specs; such a folder is left out unless it is named."""

HEAD_BYTES = 1_000_000
"""The most that a spec may hold; a longer file is no spec by that alone."""

_KEY = re.compile(rb"""^(?:\xef\xbb\xbf)?["']?nivel["']?[ \t]*:""", re.MULTILINE)
_FLOW_KEY = re.compile(
    rb"""^(?:\xef\xbb\xbf|\s|#[^\n]*\n|---)*\{(?:[^{}]*[{,\s])?["']?nivel["']?\s*:"""
)


class Named(NamedTuple):
    """The specs named, each once and in order; ``skipped`` files of folders are no specs."""

    paths: tuple[str, ...]
    skipped: int = 0


def find_specs(arguments: Iterable[str], is_spec: Callable[[str], bool] | None = None) -> Named:
    """Expand folders and quoted patterns; raises click.UsageError where nothing is found.

    ``is_spec`` tells the specs of a folder from its other YAML files.
    """
    found: dict[str, str] = {}
    skipped: set[str] = set()
    for argument in arguments:
        paths, others = _expand(argument, is_spec or looks_like_spec)
        for path in paths:
            found.setdefault(os.path.normpath(path), path)
        skipped.update(map(os.path.normpath, others))
    return Named(tuple(found.values()), len(skipped - found.keys()))


def _expand(argument: str, is_spec: Callable[[str], bool]) -> tuple[list[str], list[str]]:
    if argument == STDIN or "\0" in argument:
        return [argument], []
    if os.path.isdir(argument):
        return _in_folder(argument, is_spec)
    if any(mark in argument for mark in "*?[") and not os.path.lexists(argument):
        return _matching(argument), []
    return [argument], []


def _matching(pattern: str) -> list[str]:
    from glob import glob

    found = sorted(path for path in glob(pattern, recursive=True) if os.path.isfile(path))
    if RUNS not in pattern.split(os.sep):
        found = [path for path in found if RUNS not in path.split(os.sep)[:-1]]
    if not found:
        raise click.UsageError(f"no file matches '{pattern}'")
    return found


def _in_folder(folder: str, is_spec: Callable[[str], bool]) -> tuple[list[str], list[str]]:
    """Return the specs below a folder, and the YAML files that are none."""
    specs: list[str] = []
    others: list[str] = []
    for path in _yaml_files(folder):
        (specs if is_spec(path) else others).append(path)
    if not specs:
        left = f"; its {len(others)} YAML files have no key `nivel:`" if others else ""
        raise click.UsageError(f"no spec in the folder '{folder}'{left}")
    return specs, others


def _yaml_files(folder: str) -> Iterator[str]:
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f != RUNS)
        for name in sorted(files):
            if name.lower().endswith(SUFFIXES):
                yield os.path.join(here, name)


def looks_like_spec(path: str) -> bool:
    """Tell whether a file has the key ``nivel`` at its top; one that cannot be read counts.

    The text is searched, not parsed: a spec that is broken further down is still a spec, and
    its fault is to be shown.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return True
    return _KEY.search(head) is not None or _FLOW_KEY.match(head) is not None

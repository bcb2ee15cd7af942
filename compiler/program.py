"""Program: the files that a spec compiles to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class File:
    """One file to write; ``path`` is a plain name inside the program's folder."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Program:
    """All files of one compiled spec; the first is the one to run."""

    files: tuple[File, ...]

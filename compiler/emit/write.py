"""Writing a program: all of its files or none."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from ..program import Program


def write(program: Program, folder: str | Path) -> list[Path]:
    """Write every file of ``program`` into ``folder`` and return their paths.

    The files are complete in a folder beside the target before the first is moved into place, so a
    full disk or a kill leaves either the old files or the new ones.

    Raises:
        OSError: if the folder cannot be written.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".compiling-", dir=target))
    try:
        for file in program.files:
            _write_synced(staging / file.path, file.text)
        for file in program.files:
            os.replace(staging / file.path, target / file.path)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return [target / file.path for file in program.files]


def _write_synced(path: Path, text: str) -> None:
    with open(path, "w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())

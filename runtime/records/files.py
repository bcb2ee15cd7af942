"""Reading and writing records so that a crash leaves whole files."""

import json
import math
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..paths import write_atomically
from ..redact import redact


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON in one step: readers see the old file or the new one.

    Numbers that JSON cannot hold (NaN, infinities) become null.
    """
    text = json.dumps(plain(value), ensure_ascii=False, indent=2, allow_nan=False)
    write_text(path, text + "\n")


def write_json_lines(path: Path, values: Iterable[Any]) -> None:
    """Write one JSON value a line, in one step as `write_json` does."""
    lines = (json.dumps(plain(value), ensure_ascii=False, allow_nan=False) for value in values)
    write_text(path, "".join(f"{line}\n" for line in lines))


def append_json_line(path: Path, value: Any) -> None:
    """Append one line in one write, so that a crash can spoil the last line only."""
    append_text(path, json.dumps(plain(value), ensure_ascii=False, allow_nan=False) + "\n")


def append_text(path: Path, text: str) -> None:
    """Append in one write, without any key that was hidden."""
    with path.open("a", encoding="utf-8") as file:
        file.write(redact(text))


def read_json(path: Path) -> Any:
    """Return the JSON in `path`, or None where it is missing or broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects in a JSON-lines file, leaving out lines cut off by a crash."""
    try:
        # Not splitlines: JSON text may hold line separators that it takes for ends of lines.
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            found.append(value)
    return found


def plain(value: Any) -> Any:
    """Return `value` as JSON types: tensors and numpy scalars as numbers, NaN as None."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, (str, bool, int)) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if hasattr(value, "item"):
        return plain(value.item())
    return str(value)


def write_text(path: Path, text: str) -> None:
    """Write a text in one step, without any key that was hidden."""
    with write_atomically(path) as temporary:
        temporary.write_text(redact(text), encoding="utf-8")
        # The temporary file is its owner's alone; records are for the team.
        temporary.chmod(0o666 & ~_umask())


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def print_from(file: Path, start: int) -> int:
    """Print what a file has from an offset on; return the offset after it."""
    try:
        with file.open("rb") as stream:
            stream.seek(start)
            text = stream.read()
    except OSError:
        return start
    sys.stdout.write(text.decode("utf-8", "replace"))
    sys.stdout.flush()
    return start + len(text)

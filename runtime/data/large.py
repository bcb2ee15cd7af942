"""A text file that is too large to hold: cut into documents as it is read, and kept on disk.

The documents and their order are those that `load_documents` gives of a small file. They are
written once to a folder whose name is a hash of the file; its record comes last, with a hash of
every file in it, so that a folder that is not whole is made again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..paths import cache_dir, file_sha256, fill_folder
from .stored import StoredTexts, TextWriter
from .text_files import BLANK_LINES, split_of

__all__ = ["LARGE", "LargeTexts", "blocks", "large_documents"]

LARGE = 1 << 26
"""Bytes from which a text file is not held in memory: 64 MiB, of which Python makes 200 or more."""

_FORMAT = 1
_AT_ONCE = 1 << 20  # characters
_SPLITS = ("train", "validation")


class LargeTexts(StoredTexts):
    """Stored texts in the order of `load_documents`: by a hash of seed and text."""

    def __init__(
        self, path: Path, about: dict[str, Any], *, seed: int, limit: int | None = None
    ) -> None:
        super().__init__(path, about, seed=seed)
        self._order = np.arange(about["texts"])
        ranks = np.empty(len(self), "S32")
        for place, text in enumerate(self):
            ranks[place] = hashlib.sha256(f"{seed} {text}".encode()).digest()
        self._order = np.argsort(ranks, kind="stable").astype(np.int64)[:limit]
        self.key = hashlib.sha256(f"large {limit} {self.key}".encode()).hexdigest()


def large_documents(file: Path, split: str, *, seed: int, limit: int | None = None) -> LargeTexts:
    """Return the documents of one split of a text file, `train` or `validation`.

    Raises:
        UnicodeDecodeError: the file is not UTF-8.
        OSError: it cannot be read.
    """
    folder = cache_dir() / "texts" / f"{_FORMAT}-{file_sha256(file)}"
    try:
        return _open(folder, split, seed, limit)
    except (OSError, ValueError, KeyError, TypeError):
        _make(folder, file)
        return _open(folder, split, seed, limit)


def _open(folder: Path, split: str, seed: int, limit: int | None) -> LargeTexts:
    about = json.loads((folder / "record.json").read_text("utf-8"))[split]
    return LargeTexts(folder / split, about, seed=seed, limit=limit)


def _make(folder: Path, file: Path) -> None:
    with fill_folder(folder, "record.json") as made:
        writers = {split: TextWriter(made / split) for split in _SPLITS}
        for block in blocks(file):
            if block.strip():
                writers[split_of(block)].write(block.strip("\n") + "\n")
        record = {split: writer.seal() for split, writer in writers.items()}
        (made / "record.json").write_text(json.dumps(record), "utf-8")


def blocks(file: Path, at_once: int = _AT_ONCE) -> Iterator[str]:
    """Yield what blank lines part, exactly as a split of the whole text does.

    Blank lines at the end of what was read may go on in what comes next, so they part nothing yet.
    """
    held = ""
    with file.open(encoding="utf-8-sig") as stream:
        while more := stream.read(at_once):
            begun = len(held.rstrip())  # before it nothing parts, or it would have been yielded
            held += more
            start = 0
            for found in BLANK_LINES.finditer(held, begun):
                if found.end() == len(held):
                    break
                yield held[start : found.start()]
                start = found.end()
            held = held[start:]
    yield from BLANK_LINES.split(held)

"""Documents of a text source, one after the other as they stand in its files.

Nothing is held but the document at hand. To add a kind of file, write a reader that yields texts
and name its suffix in `_READERS`.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..extras import load_extra
from ..paths import file_sha256, inside_project, project_root
from . import python_docs
from .rows import read_csv, read_jsonl

__all__ = ["SUFFIXES", "read_texts", "source_key", "split_of"]

LONGEST_VALUE = 1 << 30  # bytes of one value in a CSV file; Python's own limit is 128 KiB
BLANK_LINES = re.compile(r"\n[^\S\n]*(?:\n[^\S\n]*)+")
"""What parts the documents of a text file."""

# One document in ten is held out to measure on.
_HELD_OUT = 10

Source = Mapping[str, Any]
"""What a spec says of a source: exactly one of `builtin`, `path` and `hub`, and what goes with
it."""


def read_texts(source: Source) -> Iterator[tuple[str, str]]:
    """Yield every document of a source with its split, `train` or `validation`.

    Raises:
        DataError: when a file or a column is missing or cannot be read.
    """
    if builtin := source.get("builtin"):
        if builtin != "python-docs":
            raise DataError(f"no built-in corpus {builtin!r}", "use python-docs")
        for split in ("train", "validation"):
            yield from ((text, split) for text in python_docs.documents(split))
        return
    if hub := source.get("hub"):
        yield from ((text, split_of(text)) for text in _hub(hub, source.get("column", "text")))
        return
    for file, shown in _files(str(source["path"])):
        for text in _read(file, shown, source.get("column", "text")):
            yield text, split_of(text)


def split_of(text: str) -> str:
    """Return `validation` for one document in ten, by its words alone.

    Copies that differ in line breaks or case stay on one side.
    """
    words = " ".join(text.casefold().split())
    number = int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], "big")
    return "validation" if number % _HELD_OUT == 0 else "train"


def source_key(source: Source) -> str:
    """Return a hash that changes with anything that changes a document of a source."""
    digest = hashlib.sha256(f"{source.get('column')}\n".encode())
    if source.get("builtin"):
        digest.update(python_docs.corpus_key().encode())
        return digest.hexdigest()
    if hub := source.get("hub"):
        digest.update(json.dumps(hub, sort_keys=True).encode())
        return digest.hexdigest()
    for file, shown in _files(str(source["path"])):
        digest.update(f"{shown} {file_sha256(file)}\n".encode())
    return digest.hexdigest()


def _files(path: str) -> list[tuple[Path, str]]:
    """Return the files of a source in the order of their names, each as the project names it."""
    found = inside_project(path, DataError)
    if found.is_dir():
        return _files_below(found, path)
    if found.suffix not in _READERS:
        raise DataError(f"{path}: unknown kind of text", f"use {', '.join(SUFFIXES)}")
    if not found.is_file():
        raise DataError(f"{path}: cannot be read: no such file", "check the path")
    return [(found, path)]


def _files_below(folder: Path, path: str) -> list[tuple[Path, str]]:
    """Return the files of known kinds in a folder and the folders in it; hidden ones are not."""
    root = project_root()
    names = sorted(
        one.relative_to(folder).as_posix()
        for one in folder.rglob("*")
        if one.suffix in _READERS and not one.is_dir()
    )
    names = [name for name in names if not any(part.startswith(".") for part in name.split("/"))]
    if not names:
        raise DataError(f"{path}: the folder holds no text", f"it reads {', '.join(SUFFIXES)}")
    inner = folder.relative_to(root).as_posix()
    shown = [f"{inner}/{name}" if inner != "." else name for name in names]
    return [(inside_project(name, DataError), name) for name in shown]  # no link out of the project


def _read(file: Path, shown: str, column: str) -> Iterator[str]:
    try:
        for text in _READERS[file.suffix](file, shown, column):
            yield text if text.isascii() else _sound(text)
    except OSError as error:
        raise DataError(f"{shown}: cannot be read: {error.strerror}", "check the path") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{shown}: is not UTF-8", "save the file as UTF-8") from error


def _sound(text: str) -> str:
    """Return a text that can be written: half of a surrogate pair, as JSON may hold, is no text."""
    return text.encode("utf-8", "replace").decode()


def _blocks(file: Path, shown: str, column: str) -> Iterator[str]:
    """Blank lines part the documents of a text file."""
    del shown, column  # there is only text
    lines: list[str] = []
    with file.open(encoding="utf-8-sig") as stream:
        for line in stream:
            if line.strip():
                lines.append(line)
            elif lines:
                yield "".join(lines).strip("\n") + "\n"
                lines = []
    if lines:
        yield "".join(lines).strip("\n") + "\n"


def _jsonl(file: Path, shown: str, column: str) -> Iterator[str]:
    for line, values in read_jsonl(file, shown):
        yield _value(values, column, f"{shown}:{line}")


def _csv(file: Path, shown: str, column: str) -> Iterator[str]:
    before = csv.field_size_limit(LONGEST_VALUE)
    try:
        for line, values in read_csv(file, shown):
            yield _value(values, column, f"{shown}:{line}")
    finally:
        csv.field_size_limit(before)


def _parquet(file: Path, shown: str, column: str) -> Iterator[str]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise DataError(f"{shown}: pyarrow is needed to read it", "pip install pyarrow") from error
    try:
        opened = parquet.ParquetFile(file)
        if column not in opened.schema_arrow.names:
            have = ", ".join(opened.schema_arrow.names)
            raise DataError(f"{shown}: there is no column {column!r}", f"the file has: {have}")
        row = 0
        for batch in opened.iter_batches(batch_size=1024, columns=[column]):
            for value in batch.column(0).to_pylist():
                row += 1
                yield _value({column: value}, column, f"{shown}: row {row}")
    except ArrowException as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"{shown}: is not Parquet: {reason}", "check the file") from error


def _hub(hub: Mapping[str, str], column: str) -> Iterator[str]:
    """Yield the texts of a data set of the hub as they are downloaded; none of its code is run."""
    datasets = load_extra("datasets", "hub", who=f"{hub['dataset']} of the hub")
    name, shown = hub["dataset"], f"{hub['dataset']} ({hub['split']})"
    try:
        rows = datasets.load_dataset(name, hub.get("config"), revision=hub["revision"],
                                     split=hub["split"], streaming=True)  # fmt: skip
        for number, values in enumerate(rows, 1):
            text = _value(values, column, f"{shown}: row {number}")
            yield text if text.isascii() else _sound(text)
    except DataError:
        raise
    except Exception as error:  # datasets raises what its many readers raise
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise DataError(f"{shown}: cannot be read: {reason}", "check name and revision") from error


def _value(values: Mapping[str, Any], column: str, at: str) -> str:
    text = values.get(column)
    if text is None:
        have = ", ".join(str(key) for key in values if key is not None)
        raise DataError(f"{at}: no value in column {column!r}", f"the row has: {have}")
    if not isinstance(text, str):
        raise DataError(f"{at}: column {column!r} holds no text", "name a column of texts")
    return text


_READERS: dict[str, Callable[[Path, str, str], Iterator[str]]] = {
    ".txt": _blocks,
    ".jsonl": _jsonl,
    ".csv": _csv,
    ".parquet": _parquet,
}
SUFFIXES = tuple(_READERS)
"""Kinds of files that text is read from."""

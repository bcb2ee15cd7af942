"""Documents to pretrain on, from a built-in corpus or a text file of the project."""

import hashlib
from collections.abc import Sequence

from ..errors import DataError
from ..paths import inside_project
from . import python_docs
from .large import LARGE, large_documents
from .text_files import BLANK_LINES, split_of

__all__ = ["load_documents"]


def load_documents(
    *,
    builtin: str | None = None,
    path: str | None = None,
    split: str,
    limit: int | None = None,
    seed: int = 0,
) -> Sequence[str]:
    """Load documents of one split, in an order that depends on `(seed, document)` alone.

    Those of a large file are read from disk one at a time.

    Args:
        builtin: `python-docs`; exactly one of this and `path`.
        path: a `.txt` file in the project; blank lines divide it into documents.
        split: `train` or `validation` (also `test` for `python-docs`).
        limit: at most so many documents.
        seed: decides the order, and so which documents a limit keeps.

    Raises:
        DataError: when the source is missing or empty.
    """
    if (builtin is None) == (path is None):
        raise DataError("a source needs exactly one of builtin and path")
    if split not in python_docs.SPLITS:
        raise DataError(f"no split {split!r}", f"use {', '.join(python_docs.SPLITS)}")
    if builtin not in (None, "python-docs"):
        raise DataError(f"no built-in corpus {builtin!r}", "use python-docs")
    texts: Sequence[str]
    if builtin:
        texts = _in_order(python_docs.documents(split), seed)[:limit]
    else:
        texts = _file_documents(str(path), split, seed, limit)
    if not texts:
        raise DataError(f"{builtin or path}: split {split!r} holds no text")
    return texts


def _in_order(texts: list[str], seed: int) -> list[str]:
    """Equal texts have equal ranks, so the order is the same whichever of them comes first."""
    return sorted(texts, key=lambda text: _digest(f"{seed} {text}"))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _file_documents(path: str, split: str, seed: int, limit: int | None) -> Sequence[str]:
    file = inside_project(path, DataError)
    if file.suffix != ".txt":
        raise DataError(f"{path}: unknown kind of text", "use a .txt file")
    try:
        if file.stat().st_size > LARGE:
            return large_documents(file, split, seed=seed, limit=limit)
        whole = file.read_text("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}", "check the path") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8", "save the file as UTF-8") from error
    blocks = (block.strip("\n") for block in BLANK_LINES.split(whole))
    found = [block + "\n" for block in blocks if block.strip() and split_of(block) == split]
    return _in_order(found, seed)[:limit]

"""Documents to pretrain on, from a built-in corpus or a text file of the project."""

import hashlib
import re

from ..errors import DataError
from ..paths import inside_project
from . import python_docs
from .text_files import split_of

__all__ = ["load_documents"]

_BLANK_LINES = re.compile(r"\n[^\S\n]*(?:\n[^\S\n]*)+")


def load_documents(
    *,
    builtin: str | None = None,
    path: str | None = None,
    split: str,
    limit: int | None = None,
    seed: int = 0,
) -> list[str]:
    """Load documents of one split, in an order that depends on `(seed, document)` alone.

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
    texts = python_docs.documents(split) if builtin else _file_documents(str(path), split)
    if not texts:
        raise DataError(f"{builtin or path}: split {split!r} holds no text")
    # Equal texts have equal ranks, so the order is the same whichever of them comes first.
    texts.sort(key=lambda text: _digest(f"{seed} {text}"))
    return texts[:limit]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _file_documents(path: str, split: str) -> list[str]:
    file = inside_project(path, DataError)
    if file.suffix != ".txt":
        raise DataError(f"{path}: unknown kind of text", "use a .txt file")
    try:
        whole = file.read_text("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}", "check the path") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8", "save the file as UTF-8") from error
    blocks = (block.strip("\n") for block in _BLANK_LINES.split(whole))
    return [block + "\n" for block in blocks if block.strip() and split_of(block) == split]

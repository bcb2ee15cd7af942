"""The text of a pretraining: sources, cleaned step by step, held out by document, kept on disk.

What the steps leave is written once to a folder whose name is a hash of the sources, the steps and
their code. The folder's record is written last and holds a hash of every file, so that a folder
that is not whole is made again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..data.rows import Row
from ..data.stored import StoredTexts, TextWriter
from ..data.text_files import read_texts, source_key
from ..errors import DataError
from ..paths import cache_dir, fill_folder
from .pipeline import Curation, curation_key
from .steps import StepReport

__all__ = ["Corpus", "SourceTexts", "Texts", "load_corpus"]

_FORMAT = 1
SPLITS = ("train", "validation")


@dataclass(frozen=True, slots=True)
class SourceTexts:
    """One source: its name, its weight (None where none is said), and its texts by split."""

    name: str
    weight: float | None
    texts: Mapping[str, StoredTexts]


@dataclass(frozen=True, slots=True)
class Corpus:
    """All the sources of a spec, and what each step of curation did; see `StepReport`."""

    sources: tuple[SourceTexts, ...]
    steps: tuple[StepReport, ...]

    @property
    def train(self) -> Texts:
        """The texts to learn from, source after source."""
        return Texts(self, "train")

    @property
    def held_out(self) -> Texts:
        """The texts to measure on."""
        return Texts(self, "validation")


@dataclass(frozen=True, slots=True)
class Texts:
    """One split of a corpus; iterating reads a text at a time."""

    corpus: Corpus
    split: str

    def __iter__(self) -> Iterator[str]:
        for source in self.corpus.sources:
            yield from source.texts[self.split]

    def __len__(self) -> int:
        return sum(len(source.texts[self.split]) for source in self.corpus.sources)


def load_corpus(
    sources: Sequence[Mapping[str, Any]],
    *,
    curate: Sequence[Any] = (),
    rows: Iterable[Row] = (),
    seed: int = 0,
) -> Corpus:
    """Read, clean and divide the sources, or open what an earlier run left of that.

    Whether a document is held out is decided by what its file says, before any step: a corpus that
    is cleaned otherwise is measured on the same documents, as far as they stay.

    Args:
        sources: {name, and exactly one of builtin and path; column, limit, weight}.
        curate: the steps in order, {type, and every option}.
        rows: what the model is tested on, for the step `overlap`.
        seed: decides the order of the documents, and so which ones a limit keeps.

    Raises:
        DataError: a source is missing, or nothing is left of it.
    """
    asked = sorted({value for row in rows for value in row.fields.values()})
    key = _key(sources, curate, asked)
    folder = cache_dir() / "corpus" / key
    try:
        return _open(folder, sources, seed)
    except (OSError, ValueError, KeyError, TypeError):
        _make(folder, sources, Curation(curate, asked))
        return _open(folder, sources, seed)


def _key(
    sources: Sequence[Mapping[str, Any]], curate: Sequence[Mapping[str, Any]], rows: Sequence[str]
) -> str:
    digest = sha256(f"{_FORMAT} {curation_key(curate, rows)}\n".encode())
    for source in sources:
        digest.update(f"{source_key(source)}\n".encode())
    return digest.hexdigest()[:40]


def _make(folder: Path, sources: Sequence[Mapping[str, Any]], curation: Curation) -> None:
    with fill_folder(folder, "record.json") as made:
        parts = [_write(made, place, source, curation) for place, source in enumerate(sources)]
        record = {"parts": parts, "steps": [one.to_json() for one in curation.report()]}
        (made / "record.json").write_text(json.dumps(record), "utf-8")


def _write(
    folder: Path, place: int, source: Mapping[str, Any], curation: Curation
) -> dict[str, Any]:
    writers = {split: TextWriter(folder / f"{place}-{split}") for split in SPLITS}
    for text, split in read_texts(source):
        left = curation.apply(text)
        if left is not None and left.strip():
            writers[split].write(left)
    return {split: writer.seal() for split, writer in writers.items()}


def _open(folder: Path, sources: Sequence[Mapping[str, Any]], seed: int) -> Corpus:
    record = json.loads((folder / "record.json").read_text("utf-8"))
    found = []
    for place, (source, about) in enumerate(zip(sources, record["parts"], strict=True)):
        texts = {
            split: StoredTexts(
                folder / f"{place}-{split}", about[split], seed=seed, limit=source.get("limit")
            )
            for split in SPLITS
        }
        if not texts["train"]:
            raise DataError(
                f"{source['name']}: no document is left to learn from",
                "give more text, or loosen the steps of data.curate",
            )
        found.append(SourceTexts(source["name"], source.get("weight"), texts))
    if not any(source.texts["validation"] for source in found):
        raise DataError("no document is held out to measure on", "give data.text more documents")
    return Corpus(tuple(found), tuple(StepReport.from_json(one) for one in record["steps"]))
